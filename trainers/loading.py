"""A release opened for offline use: evaluation, the gate, tests. The live funnel has its own, leaner loader in `serving/`.

Everything here takes feature columns as `segue.features` returns them (a data frame, or a mapping of name to column) and
leaves every encoding to the layers saved in the release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segue.ranker.opened import open_ranker, ranker_kind
from segue.release import Manifest, release_path, verify
from segue.tensors import TensorSpec, to_tensors
from trainers.examples import Catalogue
from trainers.inputs import arrays, constant, constants

Columns = Mapping[str, Sequence[Any]]
Floats = npt.NDArray[np.float32]
HEADS = ("complete", "early_skip", "save")
ROWS_AT_ONCE = 8_192
PAIRS_AT_ONCE = 50_000
_UNKNOWN_MOMENT: dict[str, Any] = {"device": "", "hour_of_day": -1, "day_of_week": -1}


class Ranked(NamedTuple):
    """The ranker's score (n, c), before the policy weighs what is stayed with, and the probabilities (n, c, 3) in the order of
    `HEADS`."""

    score: Floats
    heads: Floats


@dataclass
class LoadedRelease:
    """One release in memory, verified."""

    version: str
    manifest: Manifest
    query_tower: Any
    track_tower: Any
    ranker: Any
    _encoded: tuple[Catalogue, dict[str, Any]] | None = field(default=None, repr=False)

    def query(self, users: Columns) -> Floats:
        """L2-normalised query vectors (n, d) of user rows: the user features, and the context where there is one
        (`device`, `hour_of_day`, `day_of_week`; a missing column counts as unknown)."""
        n = len(users["user_id"])
        known = {name: users[name] for name in users}
        moment = {name: [value] * n for name, value in _UNKNOWN_MOMENT.items() if name not in known}
        return self._vectors(self.query_tower, known | moment, "query")

    def track_vectors(self, tracks: Columns) -> Floats:
        """L2-normalised track vectors (m, d) of track rows."""
        return self._vectors(self.track_tower, tracks, "track")

    def rank(
        self, users: Columns, catalogue: Catalogue, candidates: npt.NDArray[np.int32], retrieval_scores: Floats
    ) -> Ranked:
        """The scores and heads of candidates (n, c) that are row numbers of `catalogue`, with the retriever's dot products
        (n, c)."""
        tracks = self._ranker_tracks(catalogue)
        people = self.ranker.encode_users(constants(to_tensors(users, self._specs("ranker_users"))))
        parts = []
        for some in _slices(len(candidates), max(1, PAIRS_AT_ONCE // max(candidates.shape[1], 1))):
            rows = {name: value[some] for name, value in people.items()}
            scored = self.ranker.score(rows, tracks, constant(candidates[some]), constant(retrieval_scores[some]))
            parts.append((np.asarray(scored["score"]), np.asarray(scored["heads"])))
        return Ranked(*map(np.concatenate, zip(*parts, strict=True)))

    def _vectors(self, tower: Any, columns: Columns, inputs: str) -> Floats:
        tensors = to_tensors(columns, self._specs(inputs))
        n = len(next(iter(tensors.values())))
        parts = [
            tower.encode(constants({k: v[some] for k, v in tensors.items()})).numpy() for some in _slices(n, ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.manifest.dimensions), np.float32)

    def _ranker_tracks(self, catalogue: Catalogue) -> dict[str, Any]:
        if self._encoded is not None and self._encoded[0] is catalogue:
            return self._encoded[1]
        inputs = constants(arrays(catalogue.frame, self._specs("ranker_tracks")))
        encoded: dict[str, Any] = dict(self.ranker.encode_tracks(inputs))
        encoded["territory"] = constant(by_territory(catalogue, self.manifest.hyperparameters["territories"]))
        self._encoded = (catalogue, encoded)
        return encoded

    def _specs(self, inputs: str) -> list[TensorSpec]:
        return [TensorSpec(name, kind, length) for name, kind, length in self.manifest.inputs[inputs]]  # type: ignore[arg-type]


def load(version: str) -> LoadedRelease:
    """Verify and open `version`.

    Raises:
        SegueError: a file of it is missing, added or changed.
    """
    import tensorflow as tf

    manifest, folder = verify(version), release_path(version)
    query_tower, track_tower = (tf.saved_model.load(str(folder / name)) for name in ("query_tower", "track_tower"))
    return LoadedRelease(version, manifest, query_tower, track_tower, open_ranker(folder, ranker_kind(manifest)))


def by_territory(catalogue: Catalogue, territories: Sequence[str]) -> Floats:
    """The catalogue's popularity (t + 1, tracks, 2) with its rows in the order of `territories`, NaN for ones it lacks."""
    place = {name: row for row, name in enumerate(catalogue.territories)}
    rows = [place.get(name, len(place)) for name in territories]
    return np.ascontiguousarray(catalogue.popularity[[*rows, len(place)]])


def _slices(rows: int, step: int) -> Iterator[slice]:
    return (slice(at, at + step) for at in range(0, rows, step))
