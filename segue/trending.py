"""The order of a chart: what is played now, out of plays of 30 days by territory and of 7 and 30 days worldwide."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_PRIOR_7D, _PRIOR_30D = np.float32(1), np.float32(4)
"""Plays that every track is given: of one that nobody plays a quarter was lately."""


def lately(plays_7d: npt.ArrayLike, plays_30d: npt.ArrayLike) -> Floats:
    """The share (m,), from 0 to 1, of each track's plays of 30 days that fell in the last seven, drawn towards a quarter where
    there are few. It is the same for all where nobody played anything for seven days: nothing is known of now then, and a
    share that only falls with the plays would put the least played first."""
    week, month = np.asarray(plays_7d, dtype=np.float32), np.asarray(plays_30d, dtype=np.float32)
    if not week.any():
        return np.full(month.shape, _PRIOR_7D / _PRIOR_30D, dtype=np.float32)
    share: Floats = (week + _PRIOR_7D) / (month + _PRIOR_30D)
    return share


def chart(here: Floats, worldwide: Floats, share: Floats) -> npt.NDArray[np.int32]:
    """All tracks (m,), best first, of plays (m,) in a territory and worldwide: by what was played lately there, then anywhere,
    then by place."""
    return np.lexsort((np.arange(len(here)), -worldwide * share, -here * share)).astype(np.int32)
