"""Where tracks lie by who plays them together: factors the ranker reads a listener's recent tracks by.

Implicit ALS over every listen before an instant (Hu, Koren and Volinsky 2008). Only the tracks' factors are kept: a listener
is folded in from their recent tracks when they are ranked for, so a new one needs no row of a table and an old one is never
out of date. A track nobody has played yet gets the mean of its artist's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.features import TIMESTAMP
from trainers.baselines.ials import Ials, IalsConfig
from trainers.interactions import Interactions

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CompanionConfig:
    """How the factors are learned, and how a listener is folded in: the newest track counts `recent_weight`, beside
    log(1 + listens) in learning, the next ones `fading` times that each, down to a share of `oldest_weight`."""

    factors: int = 64
    regularization: float = 1.0
    alpha: float = 4.0
    half_life_days: float = 14.0
    iterations: int = 12
    recent_weight: float = 0.5
    fading: float = 0.985
    oldest_weight: float = 0.2


def track_factors(
    listens: pd.DataFrame, track_ids: npt.NDArray[np.object_], until: datetime, config: CompanionConfig, *, seed: int
) -> Floats:
    """Factors (m, d) of `track_ids` (m,) from the listens (labels rows) before `until`; zeros for a track without any."""
    import pandas as pd

    before = listens[(listens[TIMESTAMP] < until) & (listens["weight"] > 0)]
    track = pd.Index(track_ids).get_indexer(pd.Index(before["track_id"]))
    before, track = before[track >= 0], track[track >= 0]
    if before.empty:
        return np.zeros((len(track_ids), config.factors), np.float32)
    user, users = pd.factorize(before["user_id"])
    played = _interactions(before, user, track, (len(users), len(track_ids)), until)
    model = Ials(
        IalsConfig(config.factors, config.regularization, config.alpha, config.half_life_days, config.iterations, seed)
    )
    factors: Floats = np.ascontiguousarray(model.fit(played).track_factors, np.float32)
    heard = np.bincount(track, minlength=len(track_ids)) > 0
    return np.where(heard[:, None], factors, np.float32(0))


def _interactions(before: pd.DataFrame, user: Any, track: Any, shape: tuple[int, int], until: datetime) -> Interactions:
    age = (until - before[TIMESTAMP]).dt.total_seconds().to_numpy(np.float32) / 86_400
    weights = before["weight"].to_numpy(np.float32)
    return Interactions(user.astype(np.int64), track.astype(np.int64), weights, *shape, age_days=age)
