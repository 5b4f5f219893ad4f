"""The index of track vectors: ScaNN for large catalogues, none for small ones, whose exact search is faster and exact.

What is written, and what a searcher needs to know:

- `index/` is what `scann.scann_ops_pybind.load_searcher` opens. Paths in it are relative. It answers row numbers of
  `vectors.npy`, which is why no ids are given to ScaNN: it would pickle them.
- Without `index/`, a searcher multiplies with `vectors.npy` and takes the best.

Either way the score of a track is the dot product of its vector with the query's (cosine: both are unit vectors). ScaNN is a
tree of about 2 sqrt(m) leaves over anisotropic product quantisation (Guo et al. 2020), whose best candidates are scored
again exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class IndexConfig:
    """Hyperparameters. `leaves_searched` is a share of the leaves, `reorder` a multiple of the neighbours asked for: it has
    to be well above one. From some size on `enough_leaves`, and as many as hold `enough_vectors`, say enough: what is near a
    query lies in as many leaves, however many there are, and a search would take longer with every track."""

    neighbours: int = 500
    leaves_searched: float = 0.4
    enough_leaves: int = 64
    enough_vectors: int = 32_000
    reorder: float = 3.0
    block: int = 2
    threshold: float = 0.2
    training_sample: int = 250_000


def build_index(vectors: Floats, config: IndexConfig) -> Any:
    """A ScaNN searcher over unit vectors (m, d) for `config.neighbours` each."""
    import scann

    leaves = max(1, round(2 * math.sqrt(len(vectors))))
    neighbours = min(config.neighbours, len(vectors))
    builder = scann.scann_ops_pybind.builder(vectors, neighbours, "dot_product")
    builder = builder.tree(
        num_leaves=leaves,
        num_leaves_to_search=_searched(leaves, len(vectors), config),
        training_sample_size=min(config.training_sample, len(vectors)),
    )
    builder = builder.score_ah(config.block, anisotropic_quantization_threshold=config.threshold)
    return builder.reorder(min(round(neighbours * config.reorder), len(vectors))).build()


def _searched(leaves: int, vectors: int, config: IndexConfig) -> int:
    """How many of the leaves a query looks into."""
    enough = max(config.enough_leaves, math.ceil(config.enough_vectors * leaves / max(vectors, 1)))
    return max(1, min(math.ceil(leaves * config.leaves_searched), enough))


def save_index(searcher: Any, folder: Path) -> None:
    """Write `searcher` into the new folder `folder`, with paths relative to it."""
    folder.mkdir()
    searcher.serialize(str(folder), relative_path=True)


def load_index(folder: Path) -> Any:
    """The searcher that `save_index` wrote into `folder`."""
    import scann

    return scann.scann_ops_pybind.load_searcher(str(folder))


def exact_search(
    queries: Floats, vectors: Floats, k: int, *, hidden: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None
) -> npt.NDArray[np.int32]:
    """The k best rows of `vectors` (m, d) for each of `queries` (n, d): (n, k), best first, equal scores by row number.

    `hidden` are row and column numbers of pairs that come last, whatever their score.
    """
    scores = queries @ vectors.T
    if hidden is not None:
        scores[hidden] = -np.inf
    k = min(k, len(vectors))
    part = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.lexsort((part, -np.take_along_axis(scores, part, axis=1)), axis=1)
    return np.take_along_axis(part, order, axis=1).astype(np.int32)


def recall(searcher: Any, queries: Floats, vectors: Floats, k: int) -> float:
    """Share of the k exactly best tracks that the index finds, over `queries` (n, d); null answers count as not found."""
    exact = exact_search(queries, vectors, k)
    found, _ = searcher.search_batched(queries, final_num_neighbors=exact.shape[1])
    hits = [len(np.intersect1d(a, b)) for a, b in zip(exact, np.asarray(found), strict=True)]
    return float(np.mean(hits) / exact.shape[1])
