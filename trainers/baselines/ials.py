"""Matrix factorisation of implicit feedback (Hu, Koren and Volinsky, 2008), by the `implicit` library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from trainers.baselines.popular import Popular, PopularConfig
from trainers.interactions import Floats, Indices, Interactions, recommend_by_score


@dataclass(frozen=True)
class IalsConfig:
    """`alpha` times log(1 + weights) is the confidence that listens add to the 1 of a track not heard; a listen counts half
    after `half_life_days`; `iterations` are full sweeps."""

    factors: int = 64
    regularization: float = 1.0
    alpha: float = 4.0
    half_life_days: float | None = 14.0
    iterations: int = 15
    seed: int = 17


class Ials:
    """Implicit ALS; a user without listens gets what is popular in their territory."""

    def __init__(self, config: IalsConfig | None = None, *, fallback: PopularConfig | None = None) -> None:
        self.config = config or IalsConfig()
        self._popular = Popular(fallback)

    def fit(self, interactions: Interactions) -> Self:
        from implicit.cpu.als import AlternatingLeastSquares

        self._popular.fit(interactions)
        config = self.config
        history = interactions.matrix(config.half_life_days).log1p()
        # implicit runs its own threads; a BLAS that does the same makes it many times slower, and implicit warns of it.
        with threadpool_limits(limits=1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=config.factors,
                regularization=config.regularization,
                alpha=config.alpha,
                iterations=config.iterations,
                random_state=config.seed,
            )
            model.fit(history, show_progress=False)
        self._users, self._tracks = model.user_factors, model.item_factors
        self._cold = np.diff(history.indptr) == 0
        return self

    def recommend(self, users: Indices, k: int, exclude: sp.csr_matrix | None = None) -> Indices:
        return recommend_by_score(self.scores, users, k, exclude, len(self._tracks))

    @property
    def track_factors(self) -> Floats:
        """(tracks, factors), of a fitted model."""
        return self._tracks

    def scores(self, users: Indices) -> Floats:
        """(n, tracks): predicted preference, a fresh array."""
        scores: Floats = self._users[users] @ self._tracks.T
        cold = self._cold[users]
        scores[cold] = self._popular.scores(users[cold])
        return scores
