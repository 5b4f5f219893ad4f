"""A discovery list is less popular than what its listener hears anyway.

Popularity is log(1 + plays of the last 30 days); a listener's habit is its mean over what they heard in 60 days, and the
mean of the list stays below. Where nobody has a habit there is nothing to be below of. Two means: each listener's pool has a
price on popularity, the smallest at which the best tracks keep the ceiling; and whatever is taken, the places that remain
can still be filled without breaking it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.catalogue import Catalogue, Mask
from serving.policy.rule import Floats, Places, Pool, Removal

BELOW = np.float32(1e-3)
"""How far below the habit a list stays, so that no sum in another order finds it above."""
DEAREST, HALVINGS = 4.0, 8
"""Largest price of popularity, in whole pools of value for a factor of e in plays, and how often its range is halved."""


class PopularityCeiling:
    name = "popularity_ceiling"

    def begin(self, pool: Pool, /) -> _Budget | None:
        bound = pool.listeners.discovery and pool.policy.popularity_ceiling and len(pool.listeners.habit)
        return _Budget(pool) if bound and not np.isnan(pool.listeners.habit).all() else None

    def reason(self, _: Removal, /) -> str:
        return "more of a hit than a list for discovery has room for"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "less known than what you usually hear"


class _Budget:
    """A list of k with mean below H may add up to k H. A track may come if what is left after it pays for the places that
    remain at the price of the pool's cheapest (`cheap`), or if it costs no more than an equal share of what is left, or if
    the list as it then is keeps the ceiling by itself. Each of the three leaves it possible to go on; a list that ends early
    is looked at again by the caller (`above`)."""

    def __init__(self, pool: Pool) -> None:
        self._who = np.arange(len(pool.rows))
        self._cost = pool.of_track(pool.catalogue.log_plays)
        self._habit: Floats = np.nan_to_num(pool.listeners.habit - BELOW, nan=np.inf)
        self._count, self._taken, self._spent = pool.count, np.zeros(len(self._who)), np.zeros(len(self._who))
        self._cheap = _cheapest(self._cost, pool.open, 3 * pool.count) if pool.weighs else None
        self._price = -_price(pool, self._cost, self._habit)[:, None] * self._cost if pool.weighs else None

    def closed(self) -> Mask:
        left = np.maximum(self._count - self._taken, 1)
        budget = self._count * self._habit - self._spent
        room = np.maximum(budget / left, (self._taken + 1) * self._habit - self._spent)
        if self._cheap is not None:
            room = np.maximum(room, budget - (left - 1) * self._cheap)
        return self._cost > room.astype(np.float32)[:, None]

    def gain(self) -> Floats | None:
        return self._price

    def took(self, place: Places, live: Mask, /) -> None:
        self._spent += np.where(live, self._cost[self._who, place], 0)
        self._taken += live


def _cheapest(cost: Floats, open_: Mask, count: int) -> npt.NDArray[np.float64]:
    """The mean cost (n,) of the cheapest `count` open candidates, of all where there are fewer."""
    ordered = np.sort(np.where(open_, cost, np.float32(np.inf)), axis=1)[:, :count]
    there = np.isfinite(ordered)
    return np.where(there, ordered, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)


def _price(pool: Pool, cost: Floats, habit: Floats) -> Floats:
    """The price of popularity (n,) at which the best `count` by value keep the ceiling, 0 for who needs none."""
    low, high = np.zeros(len(habit), dtype=np.float32), np.full(len(habit), DEAREST, dtype=np.float32)
    needy = np.flatnonzero(_mean_of_best(pool, cost, np.arange(len(habit)), low) > habit)
    for _ in range(HALVINGS if len(needy) else 0):
        middle: Floats = np.float32(0.5) * (low[needy] + high[needy])
        over = _mean_of_best(pool, cost, needy, middle) > habit[needy]
        low[needy[over]], high[needy[~over]] = middle[over], middle[~over]
    price = np.zeros_like(low)
    price[needy] = high[needy]
    return price


def _mean_of_best(pool: Pool, cost: Floats, who: Places, price: Floats) -> Floats:
    worth = np.where(pool.open[who], pool.value[who] - price[:, None] * cost[who], np.float32(-np.inf))
    count = min(pool.count, worth.shape[1])
    best = np.argpartition(-worth, count - 1, axis=1)[:, :count]
    there = np.isfinite(np.take_along_axis(worth, best, axis=1))
    costs = np.where(there, np.take_along_axis(cost[who], best, axis=1), 0)
    return costs.sum(axis=1) / np.maximum(there.sum(axis=1), 1)


def above(rows: npt.NDArray[np.int32], log_plays: Floats, habit: Floats) -> Mask:
    """Which lists (n, k) of catalogue rows, padded with negatives, are as popular as the habit (n,) or more."""
    there = rows >= 0
    mean = np.where(there, log_plays[np.maximum(rows, 0)], 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return there.any(axis=1) & (mean >= habit)
