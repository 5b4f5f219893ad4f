"""Popularity in the listener's territory: the same list for everyone there, the newest listens counting most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp

from trainers.interactions import Floats, Indices, Interactions, recommend_by_score


@dataclass(frozen=True)
class PopularConfig:
    """A listen counts half after `half_life_days`. `worldwide_share` mixes in the popularity everywhere, which orders
    the tracks a small territory has not played."""

    half_life_days: float = 2.0
    worldwide_share: float = 0.5


class Popular:
    """Popular by territory; a user of an unknown territory gets what is popular everywhere."""

    def __init__(self, config: PopularConfig | None = None) -> None:
        self.config = config or PopularConfig()

    def fit(self, interactions: Interactions) -> Self:
        weights = interactions.weights.astype(np.float64)
        if interactions.age_days is not None:
            weights = weights * 0.5 ** (interactions.age_days / self.config.half_life_days)
        names, self._territory = np.unique(interactions.territory_of(), return_inverse=True)
        shape = (len(names), interactions.n_tracks)
        place = (self._territory[interactions.users], interactions.tracks)
        self._scores = self._mixed(sp.csr_matrix((weights, place), shape=shape).toarray())
        return self

    def recommend(self, users: Indices, k: int, exclude: sp.csr_matrix | None = None) -> Indices:
        return recommend_by_score(self.scores, users, k, exclude, self._scores.shape[1])

    def scores(self, users: Indices) -> Floats:
        """(n, tracks): the share of its territory's listens, a fresh array."""
        return self._scores[self._territory[users]].astype(np.float32)

    def _mixed(self, counts: np.ndarray) -> np.ndarray:
        worldwide = counts.sum(axis=0) / max(counts.sum(), 1e-9)
        local = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
        share = self.config.worldwide_share
        return (1 - share) * local + share * worldwide
