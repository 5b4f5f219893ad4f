"""What another policy would have saved, from slots whose choice was left to known chance: pure functions of arrays.

IPS weighs each slot by the chance the other policy gives to what was taken over the chance it was taken with (Horvitz and
Thompson 1952); SNIPS divides by the sum of the weights instead of their expectation (Swaminathan and Joachims, NIPS 2015).
Both answer for one slot at a time: what was put into the list before it is as it was logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from trainers.evaluation.comparison import ComparisonRule, Verdict, verdict

Floats = npt.NDArray[np.float64]
_SIDE, _UPPER = 1.959964, 0.975
"""Normal deviations on each side of a 95 % interval, and what lies below its upper end."""
_LEAST_FREEDOM = 3.0
"""With fewer degrees, three savers would make an interval five times as wide as it has to be to hold the truth."""


@dataclass(frozen=True)
class Slots:
    """s exploring slots over p candidates: which one each `took` (s,), all their `propensity` and `worth` (s, p), 0 where a
    candidate was not open, what was believed of them (`mean`, `deviation` of a log save rate, (s, p)), and what is drawn once
    for several of them (`genre`, `artist`, numbers (s, p), with the part `of_genre` in the deviation); how new each is to the
    listener (`newness`, (s, p), NaN where the log does not say), of which the worth has `tilt` (s,) times as much; the list's
    `dial` (s,); whether what was taken was saved (`reward`, (s,)), and whose slot it was (`user`, numbers (s,)): those of one
    user are not independent."""

    took: npt.NDArray[np.int64]
    propensity: Floats
    worth: Floats
    mean: Floats
    deviation: Floats
    genre: npt.NDArray[np.int64]
    artist: npt.NDArray[np.int64]
    of_genre: Floats
    newness: Floats
    tilt: Floats
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
"""A policy: the chance (s, p) it gives each candidate of each slot; rows add up to one, closed candidates get nothing. A
row of NaN: the log says too little of the slot to ask it."""


@dataclass(frozen=True)
class Estimate:
    """The save rate of a policy's slots, with 95 % intervals over users; how far SNIPS lies above the rate that was logged,
    over the same users, and whether that makes it better; and how many slots' and users' worth the weights leave. Bounds of
    IPS are NaN where one user, or none that saved, leaves nothing to know its error by. `left_out` are slots of which the log
    says too little to ask the policy; where that is all of them, no rate is known."""

    ips: float
    ips_low: float
    ips_high: float
    snips: float
    snips_low: float
    snips_high: float
    lead: float
    lead_low: float
    lead_high: float
    better: Verdict
    effective_slots: float
    effective_users: float
    left_out: int = 0


def estimate(slots: Slots, target: Target) -> Estimate:
    """What `target` would have saved in these slots, as far as it can be asked; the lead is over the same ones."""
    weight = weights(slots, target)
    asked = np.isfinite(weight)
    left_out = int((~asked).sum())
    if not asked.any():
        nan = float("nan")
        return Estimate(nan, nan, nan, nan, nan, nan, nan, nan, nan, Verdict.UNSURE, 0.0, 0.0, left_out)
    return replace(estimated(weight[asked], slots.reward[asked], slots.user[asked]), left_out=left_out)


def weights(slots: Slots, target: Target) -> Floats:
    """How much more likely the target takes what was taken (s,); NaN where it cannot be asked."""
    return slots.taken(target(slots)) / slots.taken(slots.propensity)


def estimated(weight: Floats, reward: Floats, user: npt.NDArray[np.int64]) -> Estimate:
    """IPS and SNIPS of slots with these weights, rewards and users (s,).

    Errors are those of ratios, linearised (Särndal, Swensson and Wretman 1992, 5.6), and add up by user. A rate of few saves
    has a skewed error, and none at all where nothing was saved: SNIPS gets the interval of a rate (Wilson 1927) over as many
    slots as would err as much (Korn and Graubard 1998). That of the lead is put together of two such, which go together as
    far as their errors do (Zou and Donner 2008)."""
    ips, ips_side = float((weight * reward).mean()), _side(weight * reward - (weight * reward).mean(), user) / len(weight)
    snips, low, high, off = _rate(weight, reward, user)
    logged, logged_low, logged_high, logged_off = _rate(np.ones_like(weight), reward, user)
    lead, alike = snips - logged, _correlation(off, logged_off, user)
    lead_low = lead - _both(snips - low, logged_high - logged, alike)
    lead_high = lead + _both(high - snips, logged - logged_low, alike)
    users = _alike(np.bincount(user, weight))
    better = verdict(lead_low, lead_high, int(users), ComparisonRule())
    return Estimate(
        ips=ips,
        ips_low=ips - ips_side,
        ips_high=ips + ips_side,
        snips=snips,
        snips_low=low,
        snips_high=high,
        lead=lead,
        lead_low=lead_low,
        lead_high=lead_high,
        better=better,
        effective_slots=_alike(weight),
        effective_users=users,
    )


def _rate(weight: Floats, reward: Floats, user: npt.NDArray[np.int64]) -> tuple[float, float, float, Floats]:
    """SNIPS with its interval, and the part (s,) each slot has in its error."""
    total = max(float(weight.sum()), 1e-12)
    rate = float(weight @ reward) / total
    off = weight * (reward - rate) / total
    worth = min(_same_error(off, user, rate), len(weight))  # luck makes no slots that were not there
    return rate, *_wilson(rate, worth if worth > 0 else _alike(np.bincount(user, weight))), off


def _correlation(one: Floats, other: Floats, user: npt.NDArray[np.int64]) -> float:
    """Of two errors with these parts (s,)."""
    first, second = np.bincount(user, one), np.bincount(user, other)
    return float(first @ second / max(float(np.sqrt((first @ first) * (second @ second))), 1e-300))


def _both(one: float, other: float, alike: float) -> float:
    """How far a difference reaches to a side, when what it is of reach so far and are correlated."""
    return float(np.sqrt(max(one**2 + other**2 - 2 * alike * one * other, 0.0)))


def _alike(weight: npt.NDArray[Any]) -> float:
    """How many of equal weight these are worth (Kish 1965)."""
    return float(weight.sum() ** 2 / max(float((weight**2).sum()), 1e-12))


def _same_error(off: Floats, user: npt.NDArray[np.int64], rate: float) -> float:
    """How many independent slots of equal weight have a rate that is as far off as this one, whose parts are `off` (s,)."""
    deviation = _side(off, user) / _SIDE
    return rate * (1 - rate) / deviation**2 if deviation > 0 else 0.0


def _wilson(rate: float, slots: float) -> tuple[float, float]:
    """The interval of a rate over so many slots."""
    odd = _SIDE**2 / max(slots, 1e-12)
    middle, half = rate + odd / 2, float(np.sqrt(max(rate * (1 - rate), 0) * odd + odd**2 / 4))
    return (middle - half) / (1 + odd), (middle + half) / (1 + odd)


def _side(deviations: Floats, user: npt.NDArray[np.int64]) -> float:
    """Half of the 95 % interval of a sum whose terms are independent between users only, by Student's t with as many degrees
    of freedom as the squares are worth: a sum that hangs on a few users is surer of itself than it should be. One user, or
    terms that are all nothing, say nothing of how far it errs: not a number."""
    by_user = np.bincount(user, deviations)
    users = len(np.unique(user))
    squares = float((by_user**2).sum())
    if users < 2 or squares <= 0:
        return float("nan")
    freedom = max(squares**2 / float((by_user**4).sum()) - 1, _LEAST_FREEDOM)
    return float(stdtrit(freedom, _UPPER) * np.sqrt(squares * users / (users - 1)))
