"""Item neighbours: a track is scored by the listener's tracks it is most often heard with (Deshpande and Karypis, 2004,
"Item-based top-N recommendation algorithms"), cosine with shrinkage, listeners weighted by inverse frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from trainers.baselines.popular import Popular, PopularConfig
from trainers.interactions import Floats, Indices, Interactions, recommend_by_score

NO_LISTENER = 1e-12
"""Least denominator of a cosine, so that two tracks nobody heard are 0 alike without shrinkage too."""


@dataclass(frozen=True)
class ItemKnnConfig:
    """`shrinkage` is added to the cosine's denominator, so that a few shared listeners are not proof; the neighbours of a
    track are its `neighbours` most similar ones. A listen counts half after `half_life_days`; None: all count alike."""

    neighbours: int = 500
    shrinkage: float = 100.0
    half_life_days: float | None = 14.0
    inverse_frequency: bool = True
    tracks_at_once: int = 1_000


class ItemKnn:
    """Item neighbours; a user without listens gets what is popular in their territory."""

    def __init__(self, config: ItemKnnConfig | None = None, *, fallback: PopularConfig | None = None) -> None:
        self.config = config or ItemKnnConfig()
        self._popular = Popular(fallback)

    def fit(self, interactions: Interactions) -> Self:
        self._popular.fit(interactions)
        self._history = interactions.matrix(self.config.half_life_days).log1p()
        weighted = self._history
        if self.config.inverse_frequency:
            weighted = sp.diags(_inverse_frequency(weighted)) @ weighted
        self._neighbours = self._similar(weighted.tocsc().astype(np.float32))
        return self

    def recommend(self, users: Indices, k: int, exclude: sp.csr_matrix | None = None) -> Indices:
        return recommend_by_score(self.scores, users, k, exclude, self._history.shape[1])

    def scores(self, users: Indices) -> Floats:
        """(n, tracks): similarities to the user's tracks, weighted by how much they were heard; a fresh array."""
        history = self._history[users]
        scores = (history @ self._neighbours).toarray().astype(np.float32)
        cold = np.diff(history.indptr) == 0
        scores[cold] = self._popular.scores(users[cold])
        return scores

    def _similar(self, weighted: sp.csc_matrix) -> sp.csr_matrix:
        """(tracks, tracks): row i holds what track i adds to its neighbours, and nothing to itself."""
        norms = np.sqrt(np.asarray(weighted.power(2).sum(axis=0))).ravel()
        step = self.config.tracks_at_once
        parts = [self._rows(weighted, norms, slice(at, at + step)) for at in range(0, weighted.shape[1], step)]
        return sp.vstack(parts, format="csr")

    def _rows(self, weighted: sp.csc_matrix, norms: Floats, block: slice) -> sp.csr_matrix:
        dots = (weighted[:, block].T @ weighted).toarray()
        cosine = dots / np.maximum(norms[block, None] * norms[None, :] + self.config.shrinkage, NO_LISTENER)
        cosine[np.arange(len(cosine)), np.arange(block.start, block.start + len(cosine))] = 0
        keep = min(self.config.neighbours, cosine.shape[1])
        best = np.argpartition(-cosine, keep - 1, axis=1)[:, :keep]
        values = np.take_along_axis(cosine, best, axis=1)
        rows = np.repeat(np.arange(len(cosine)), keep)
        found = sp.csr_matrix((values.ravel(), (rows, best.ravel())), shape=cosine.shape, dtype=np.float32)
        found.eliminate_zeros()
        return found


def _inverse_frequency(history: sp.csr_matrix) -> Floats:
    """Weight of each listener (users,): one who heard everything says little about which tracks belong together."""
    tracks = np.diff(history.indptr)
    return np.log1p(history.shape[1] / np.maximum(tracks, 1)).astype(np.float32)
