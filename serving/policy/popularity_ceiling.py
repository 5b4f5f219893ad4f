"""A discovery list is less popular than what its listener hears anyway.

Popularity is log(1 + plays of the last 30 days); a listener's habit is its mean over what they heard in 60 days, and the
mean of the list stays below. Where nobody has a habit there is nothing to be below of. Two means: each listener's pool has a
price on popularity, the smallest at which the best tracks keep the ceiling; and whatever is taken, the places that remain
can still be filled without breaking it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from segue.policy import PolicySettings
from serving.policy.rule import Floats, Kept, Listeners, Pool, Removal
from serving.tracks.catalogue import Catalogue, Mask

Sums = npt.NDArray[np.float64]
BELOW = np.float32(1e-3)
"""How far below the habit a list stays, so that no sum in another order finds it above."""
DEAREST, HALVINGS = 4.0, 8
"""Largest price of popularity, in whole pools of value for a factor of e in plays, and how often its range is halved."""


class PopularityCeiling:
    name = "popularity_ceiling"

    def begin(self, pool: Pool, gain: Floats, closed: Mask, /) -> Budget:
        habit, bound = _habit(pool.listeners, pool.policy)
        cost = pool.of_track(pool.catalogue.log_plays) if bound else np.empty((len(pool.rows), 0), dtype=np.float32)
        cheap = np.full(len(pool.rows), np.inf)
        if bound and pool.weighs:
            cheap = _cheapest(cost, pool.open, 3 * pool.count)
            np.multiply(cost, -_price(pool, cost, habit)[:, None], out=gain)
        spent, taken = np.zeros((2, len(pool.rows)))
        state = Budget(cost, habit, cheap, pool.count, spent, taken, closed)
        _begin(state)
        return state

    def kept_out(self, kept: Kept, /) -> Mask:
        """What would lift the list above the ceiling if it came beside it; if all that counts is order, in the place of the
        last, which is where a full list passed it over for the last time."""
        habit, bound = _habit(kept.listeners, kept.policy)
        if not bound:
            return kept.nothing()
        cost = kept.catalogue.log_plays
        others = kept.listed if kept.likeness is not None else kept.listed[: kept.count - 1]
        room = (len(others) + 1) * habit[0] - cost[others].sum(dtype=np.float64)
        return np.asarray(cost[kept.rows] > np.float32(room))

    def reason(self, _: Removal, /) -> str:
        return "more of a hit than a list for discovery has room for"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "less known than what you usually hear"


class Budget(NamedTuple):
    """A list of k with mean below H may add up to k H. A track may come if what is left after it pays for the places that
    remain at the price of the pool's cheapest (`cheap`, infinite where nothing may be put by for later), or if it costs no
    more than an equal share of what is left, or if the list as it then is keeps the ceiling by itself. Each of the three
    leaves it possible to go on; a list that ends early is looked at again by the caller (`above`).

    `length` is k; `cost` is (n, c), the others are (n,), and `closed` is the rule's part of the account."""

    cost: Floats
    habit: Floats
    cheap: Sums
    length: int
    spent: Sums
    taken: Sums
    closed: Mask


@compiled
def took(state: Budget, who: int, place: int) -> None:
    """Take from the budget of a list what the candidate costs, and close what is dearer than what is left."""
    if len(state.cost[who]):
        state.spent[who] += state.cost[who, place]
        state.taken[who] += 1
        _close(state, who)


@compiled
def _begin(state: Budget) -> None:
    for who in range(len(state.cost)):
        _close(state, who)


@compiled
def _close(state: Budget, who: int) -> None:
    cost, closed, habit, cheap = state.cost[who], state.closed[who], state.habit[who], state.cheap[who]
    spent, taken = state.spent[who], state.taken[who]
    left, budget = max(state.length - taken, 1.0), np.float32(state.length) * habit - spent
    room = max(budget / left, (taken + 1) * habit - spent)
    if cheap < np.inf:
        room = max(room, budget - (left - 1) * cheap)
    for other in range(len(cost)):
        closed[other] = cost[other] > np.float32(room)


def _habit(listeners: Listeners, policy: PolicySettings) -> tuple[Floats, bool]:
    """What the mean of each list stays below (n,), infinite for who has no habit; and whether anybody has one."""
    if not (listeners.discovery and policy.popularity_ceiling and len(listeners.habit)):
        return np.full(len(listeners), np.inf, dtype=np.float32), False
    habit: Floats = np.nan_to_num(listeners.habit - BELOW, nan=np.inf)
    return habit, bool(np.isfinite(habit).any())


def _cheapest(cost: Floats, open_: Mask, count: int) -> Sums:
    """The mean cost (n,) of the cheapest `count` open candidates, of all where there are fewer."""
    ordered = np.sort(np.where(open_, cost, np.float32(np.inf)), axis=1)[:, :count]
    there = np.isfinite(ordered)
    return np.where(there, ordered, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)


def _price(pool: Pool, cost: Floats, habit: Floats) -> Floats:
    """The price of popularity (n,) at which the best `count` by value keep the ceiling, 0 for who needs none."""
    price = np.zeros(len(habit), dtype=np.float32)
    _find_prices(np.ascontiguousarray(pool.value), pool.open, cost, habit, pool.count, price)
    return price


@compiled
def _find_prices(value: Floats, open_: Mask, cost: Floats, habit: Floats, count: int, price: Floats) -> None:
    """Halve the range of each price; where nothing need be paid the first look, at no price, says so. What the last of the
    best loses is found by Hoare's selection (1961): Numba takes ten seconds to compile NumPy's."""
    loss, half = np.empty(value.shape[1], dtype=np.float32), np.float32(0.5)
    moved = np.empty_like(loss)
    for who in range(len(value)):
        low, high, tried = np.float32(0), np.float32(DEAREST), np.float32(0)
        for _ in range(HALVINGS + 1):
            for place in range(len(loss)):
                loss[place] = tried * cost[who, place] - value[who, place] if open_[who, place] else np.float32(np.inf)
                moved[place] = loss[place]
            left, right = 0, len(loss) - 1 if count <= len(loss) else 0
            while left < right:
                pivot, up, down = moved[(left + right) // 2], left, right
                while up <= down:
                    while moved[up] < pivot:
                        up += 1
                    while moved[down] > pivot:
                        down -= 1
                    if up <= down:
                        moved[up], moved[down] = moved[down], moved[up]
                        up, down = up + 1, down - 1
                left, right = up if down < count - 1 else left, down if up > count - 1 else right
            last = moved[count - 1] if count <= len(loss) else np.float32(np.inf)
            spent, taken = 0.0, 0
            for place in range(len(loss)):
                if loss[place] < last:
                    spent, taken = spent + cost[who, place], taken + 1
            for place in range(len(loss)):  # of those that lose as much as the last one, the best ranked
                if loss[place] == last and open_[who, place] and taken < count:
                    spent, taken = spent + cost[who, place], taken + 1
            over = spent > habit[who] * taken
            if tried == 0 and not over:
                break
            if over:
                low = tried
            else:
                high = tried
            price[who], tried = high, half * (low + high)


def above(rows: npt.NDArray[np.int32], log_plays: Floats, habit: Floats) -> Mask:
    """Which lists (n, k) of catalogue rows, padded with negatives, are as popular as the habit (n,) or more."""
    there = rows >= 0
    mean = np.where(there, log_plays[np.maximum(rows, 0)], 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return there.any(axis=1) & (mean >= habit)
