"""How much of what a track was played in a month was played lately: what makes a chart of 30 days one of now."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_PRIOR_7D, _PRIOR_30D = np.float32(1), np.float32(4)


def lately(plays_7d: npt.ArrayLike, plays_30d: npt.ArrayLike) -> npt.NDArray[Any]:
    """The share (m,) of the plays of 30 days that fell in the last seven, drawn towards a quarter where there are few."""
    week, month = np.asarray(plays_7d, dtype=np.float32), np.asarray(plays_30d, dtype=np.float32)
    return ((week + _PRIOR_7D) / (month + _PRIOR_30D)).astype(np.float32)
