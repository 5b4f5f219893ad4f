"""A funnel as large as a bench asks for, made of the live release: its tracks, and variations of them.

Variation k of a track is near it in the vectors and in every number the ranker reads, and belongs to variation k of its artist
and of its version family; genre, licences and territories are those of the track. So the vectors are clustered as the trained
ones are, what a query meets is what the release was trained on, and a listener's history is in the catalogue as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.funnel.funnel import Funnel
from serving.funnel.model import Floats, Model
from serving.funnel.tables import as_tensor, empty_table
from serving.tracks.catalogue import Catalogue, Licences

EXACT_BELOW = 20_000
"""Tracks under which a release has no index: exact search is faster there, and exact."""
MOVE, NOISE = 0.3, 0.05
"""Length of the step from a unit vector to its variation; relative noise on the ranker's numbers."""
LEAVES_SEARCHED, ENOUGH_LEAVES, ENOUGH_VECTORS, REORDER, BLOCK, THRESHOLD, SAMPLE = 0.4, 64, 32_000, 3.0, 2, 0.2, 250_000
"""What training builds an index with, where a release does not say it."""
AT_ONCE = 100_000
"""Tracks that are made together."""


@dataclass(frozen=True)
class Variations:
    """Track i is variation `number[i]` (m,) of row `base[i]` (m,); 0 is the track itself."""

    base: npt.NDArray[np.intp]
    number: npt.NDArray[np.intp]

    @staticmethod
    def of(present: int, wanted: int) -> Variations:
        rows = np.arange(wanted)
        return Variations(rows % present, rows // present)

    def names(self, names: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Names (m,) of which every variation has its own, one object for all who share it; None stays None."""
        import pandas as pd

        codes, distinct = pd.factorize(names)
        varied = [[f"{name}~{k}" if k else name for name in distinct] for k in range(int(self.number.max(initial=0)) + 1)]
        return np.array([[*row, None] for row in varied], dtype=object)[self.number, codes[self.base]]

    def codes(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        return (codes[self.base] + self.number * (int(codes.max(initial=0)) + 1)).astype(np.int32)


def enlarged(model: Model, catalogue: Catalogue, tracks: int, *, seed: int = 17) -> Funnel:
    """The funnel of `tracks` tracks, numbered in the release as in the catalogue."""
    known = np.array([catalogue.row(track) for track in model.track_ids])
    made, rng = Variations.of(int((known >= 0).sum()), tracks), np.random.default_rng(seed)
    numbers = np.flatnonzero(known >= 0)[made.base]
    vectors = _moved(model.vectors, numbers, made.number > 0, rng)
    searcher = _index(vectors, model.manifest.hyperparameters.get("index", {})) if tracks >= EXACT_BELOW else None
    larger = _catalogue(catalogue, Variations(known[known >= 0][made.base], made.number), rng)
    of_ranker = {name: _varied(name, v.numpy(), numbers, made.number > 0, rng) for name, v in model.ranker_tracks.items()}
    release = replace(model, track_ids=larger.ids, vectors=vectors, searcher=searcher, ranker_tracks=of_ranker, sessions=None)
    return Funnel(release, larger)


def _catalogue(present: Catalogue, made: Variations, rng: np.random.Generator) -> Catalogue:
    base = made.base
    spread = rng.lognormal(0.0, 1.0, size=len(base)).astype(np.float32)
    spread[made.number == 0] = 1
    return Catalogue(
        ids=made.names(present.ids),
        title=present.title[base],
        artist_id=made.names(present.artist_id),
        artist_name=present.artist_name[base],
        genre=present.genre[base],
        artist=made.codes(present.artist),
        family=made.codes(present.family),
        explicit=present.explicit[base],
        everywhere=present.everywhere[base],
        licences=_licences(present.licences, made, len(present)),
        plays=np.floor(present.plays[base] * spread),
        territory_plays={name: np.floor(plays[base] * spread) for name, plays in present.territory_plays.items()},
        lately=np.broadcast_to(present.lately, len(present))[base],
        accounts=present.accounts,
    )


def _licences(present: Licences, made: Variations, tracks: int) -> Licences:
    """Every window of a track for each of its variations."""
    order = np.argsort(present.row, kind="stable")
    count = np.bincount(present.row, minlength=tracks)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    times = count[made.base]
    rows = np.repeat(np.arange(len(made.base)), times)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    window = order[np.repeat(first[made.base], times) + within]
    return Licences(rows.astype(np.int32), present.territory[window], present.valid_from[window], present.valid_to[window])


def _moved(vectors: Floats, numbers: npt.NDArray[np.intp], moves: npt.NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Unit vectors (m, d), each a step of `MOVE` away from that of its number, where it `moves` (m,)."""
    out = np.empty((len(numbers), vectors.shape[1]), np.float32)
    for some in _pieces(len(numbers)):
        steps = rng.standard_normal(out[some].shape, dtype=np.float32)
        steps *= MOVE * moves[some, None] / np.linalg.norm(steps, axis=1, keepdims=True)
        steps += vectors[numbers[some]]
        np.divide(steps, np.linalg.norm(steps, axis=1, keepdims=True), out=out[some])
    return out


def _varied(
    name: str, values: npt.NDArray[Any], numbers: npt.NDArray[np.intp], varies: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Any:
    """What the ranker keeps of the tracks, for all their variations; in `territory` the tracks are the second axis."""
    axis = int(name == "territory")
    out = empty_table((*values.shape[:axis], len(numbers), *values.shape[axis + 1 :]), values.dtype)
    rows, present = np.moveaxis(out, axis, 0), np.moveaxis(values, axis, 0)
    for some in _pieces(len(numbers)):
        rows[some] = present[numbers[some]]
        if out.dtype.kind == "f":
            noise = 1 + NOISE * rng.standard_normal(len(rows[some]), dtype=np.float32) * varies[some]
            rows[some] *= noise.reshape(-1, *[1] * (rows.ndim - 1)).astype(np.float32)
    return as_tensor(out)


def _pieces(rows: int) -> Iterator[slice]:
    """All rows, some at a time: what is computed on the way to a table of them must not be as large as it."""
    return (slice(at, at + AT_ONCE) for at in range(0, rows, AT_ONCE))


def _index(vectors: Floats, settings: dict[str, Any]) -> Any:
    """A searcher over `vectors` (m, d) as the release's training would build it."""
    from scann import scann_ops_pybind

    leaves, given = round(2 * np.sqrt(len(vectors))), settings.get
    neighbours = int(given("neighbours", 500))
    hold_enough = int(np.ceil(given("enough_vectors", ENOUGH_VECTORS) * leaves / len(vectors)))
    builder = scann_ops_pybind.builder(vectors, neighbours, "dot_product")
    builder = builder.tree(
        num_leaves=leaves,
        num_leaves_to_search=min(
            int(np.ceil(leaves * given("leaves_searched", LEAVES_SEARCHED))),
            max(given("enough_leaves", ENOUGH_LEAVES), hold_enough),
        ),
        training_sample_size=min(int(given("training_sample", SAMPLE)), len(vectors)),
    )
    builder = builder.score_ah(given("block", BLOCK), anisotropic_quantization_threshold=given("threshold", THRESHOLD))
    return builder.reorder(round(neighbours * given("reorder", REORDER))).build()
