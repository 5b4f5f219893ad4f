"""What another policy would have saved, from slots whose choice was left to known chance: pure functions of arrays.

IPS weighs each slot by the chance the other policy gives to what was taken over the chance it was taken with (Horvitz and
Thompson 1952); SNIPS divides by the sum of the weights instead of their expectation (Swaminathan and Joachims, NIPS 2015).
Both answer for one slot at a time: what was put into the list before it is as it was logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_SIDE = 1.959964
"""Deviations on each side of a 95 % interval."""


@dataclass(frozen=True)
class Slots:
    """s exploring slots over p candidates: which one each `took` (s,), all their `propensity` and `worth` (s, p), 0 where a
    candidate was not open, what was believed of them (`mean`, `deviation` of a log save rate, (s, p)), and what is drawn once
    for several of them (`genre`, `artist`, numbers (s, p), with the part `of_genre` in the deviation); the list's `dial` (s,);
    whether what was taken was saved (`reward`, (s,)), and whose slot it was (`user`, numbers (s,)): the slots of one user are
    not independent."""

    took: npt.NDArray[np.int64]
    propensity: Floats
    worth: Floats
    mean: Floats
    deviation: Floats
    genre: npt.NDArray[np.int64]
    artist: npt.NDArray[np.int64]
    of_genre: Floats
    dial: Floats
    reward: Floats
    user: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.took)

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """What could be taken (s, p): the floor gives every open candidate a chance."""
        return self.propensity > 0

    def taken(self, values: Floats) -> Floats:
        """Of values of the candidates (s, p) that of the one taken (s,)."""
        chosen: Floats = values[np.arange(len(self)), self.took]
        return chosen


Target = Callable[[Slots], Floats]
"""A policy: the chance (s, p) it gives each candidate of each slot; rows add up to one, closed candidates get nothing."""


@dataclass(frozen=True)
class Estimate:
    """The save rate of a policy's slots, with 95 % intervals over users, and how many slots' worth the weights leave."""

    ips: float
    ips_low: float
    ips_high: float
    snips: float
    snips_low: float
    snips_high: float
    effective_slots: float


def estimate(slots: Slots, target: Target) -> Estimate:
    """IPS with an interval by linearisation, and SNIPS with Wilson's over the effective number of users' slots."""
    weight = slots.taken(target(slots)) / slots.taken(slots.propensity)
    weighed, total = weight * slots.reward, max(float(weight.sum()), 1e-12)
    ips, snips = float(weighed.mean()), float(weighed.sum() / total)
    ips_side = _SIDE * _spread(weighed - ips, slots.user) / len(slots)
    low, high = _wilson(snips, _effective(weight, slots.user))
    effective = total**2 / max(float((weight**2).sum()), 1e-12)
    return Estimate(ips, ips - ips_side, ips + ips_side, snips, low, high, effective)


def _effective(weight: Floats, user: npt.NDArray[np.int64]) -> float:
    """How many independent slots of equal weight these are worth (Kish 1965), the slots of a user counted as one."""
    by_user = np.bincount(user, weight)
    return float(by_user.sum() ** 2 / max(float((by_user**2).sum()), 1e-12))


def _wilson(rate: float, slots: float) -> tuple[float, float]:
    """The interval of a rate over so many slots (Wilson 1927): saves are few, and few are no proof that there are none,
    which is what a deviation taken from the saves themselves would say."""
    odd = _SIDE**2 / max(slots, 1e-12)
    middle, half = rate + odd / 2, float(np.sqrt(max(rate * (1 - rate), 0) * odd + odd**2 / 4))
    return (middle - half) / (1 + odd), (middle + half) / (1 + odd)


def _spread(deviations: Floats, user: npt.NDArray[np.int64]) -> float:
    """The standard error of a sum whose terms are independent between users only."""
    by_user = np.bincount(user, deviations)
    users = len(np.unique(user))
    return float(np.sqrt((by_user**2).sum() * users / max(users - 1, 1)))
