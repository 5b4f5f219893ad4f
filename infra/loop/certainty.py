"""How sure a share of the plays of lists is: listeners drawn again, the same ones for whatever is compared.

All arms of a loop have the same listeners, who hear equally much of their lists; so a difference between two arms, or between
two weeks of one, is taken over the same draws (a paired bootstrap of a ratio of sums; Efron and Tibshirani, 1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from infra.loop.measures import RATES, Week

DRAWS = 1_000
SEED = 17
ENDS = (2.5, 97.5)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sure:
    """A value and its 95 % interval; NaN where nothing was played."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


def share(week: Week, measure: str) -> Sure:
    """A rate of one week."""
    return _between(getattr(week, measure), _drawn(week, measure))


def difference(week: Week, other: Week, measure: str) -> Sure:
    """By how much the rate of `week` is above that of `other`."""
    value = getattr(week, measure) - getattr(other, measure)
    return _between(value, _drawn(week, measure) - _drawn(other, measure))


def times(week: Week, other: Week, measure: str) -> Sure:
    """How many times the rate of `other` that of `week` is; without a value where the other's is 0."""
    theirs = getattr(other, measure)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _between(getattr(week, measure) / theirs if theirs else np.nan, _drawn(week, measure) / _drawn(other, measure))


def _drawn(week: Week, measure: str) -> Doubles:
    """The rate for each draw of listeners (draws,)."""
    drawn = _draws(len(week.played))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Doubles = (drawn @ week.counted[RATES.index(measure)]) / (drawn @ week.played)
    return rate


@lru_cache(maxsize=2)
def _draws(users: int) -> Doubles:
    """How often each listener is in each draw (draws, users)."""
    return np.random.default_rng(SEED).multinomial(users, np.full(users, 1 / users), size=DRAWS).astype(np.float64)


def _between(value: float, drawn: Doubles) -> Sure:
    kept = drawn[np.isfinite(drawn)]
    low, high = np.percentile(kept, ENDS) if len(kept) and np.isfinite(value) else (np.nan, np.nan)
    return Sure(float(value), float(low), float(high))
