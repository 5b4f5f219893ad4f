"""A list keeps places for artists with few plays: at least the share of its tracks that the policy's `small_artists` says, as
far as what it is chosen from allows. 0 asks for nothing, and costs nothing.

The best that are open are taken as long as the places that remain before exploring begins are more than the tracks by small
artists that are still owed; from then on every other track costs more than a list is worth. So of all lists with that many the
one worth most is found where worths only add up, and a list for which there are no more small artists goes on with others. Who
is small is the audit's word too: `Catalogue.of_small_artist`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from segue.compiled import compiled
from segue.policy import PolicySettings
from serving.policy.dial import exploring_slots
from serving.policy.rule import Floats, Kept, Places, Pool, Removal
from serving.tracks.catalogue import Catalogue, Mask, Rows

NO_COLUMN = -1
_MORE_THAN_WORTH = 1_024
"""More than all other rules take from a candidate together, and yet float32 tells worths of a thousandth apart above it."""


class SmallArtists:
    name = "small_artists"

    def begin(self, pool: Pool, gain: Floats, _: Mask, /) -> Owed:
        lists, owed = len(pool.rows), owed_of(pool.policy, pool.count)
        state = Owed(
            small=pool.of_track(pool.catalogue.of_small_artist) if owed else np.empty((lists, 0), dtype=bool),
            owed=np.full(lists, owed, dtype=np.intp),
            room=pool.count - exploring_slots(pool.listeners, pool.policy, pool.count),
            cost=np.float32(pool.rows.shape[1] + _MORE_THAN_WORTH),
            gain=gain,
        )
        _begin(state)
        return state

    def kept_out(self, kept: Kept, /) -> Mask:
        """Tracks of others, where the list has no more by small artists than it owes."""
        small, owed = kept.catalogue.of_small_artist, owed_of(kept.policy, kept.count)
        if not 0 < np.count_nonzero(small[kept.listed]) <= owed:
            return kept.nothing()
        return np.asarray(kept.by_rank & ~small[kept.rows])

    def reason(self, _: Removal, /) -> str:
        return "the list keeps places for artists with few plays"

    def moved_in(self, _: Catalogue, __: int, /) -> str:
        return "from an artist with few plays so far"


class Owed(NamedTuple):
    """Which candidates are by `small` artists (n, c); per list (n,) how many of those are still `owed`, and how many places
    remain before it explores (`room`); what another track costs where all of these are owed, and the rule's part of the
    account."""

    small: Mask
    owed: Places
    room: Places
    cost: np.float32
    gain: Floats


@compiled
def took(state: Owed, who: int, place: int) -> None:
    """Count what is taken, and see whether what remains is owed."""
    if len(state.small[who]):
        state.owed[who] -= state.small[who, place]
        state.room[who] -= 1
        _weigh(state, who)


@compiled
def _begin(state: Owed) -> None:
    for who in range(len(state.small)):
        if len(state.small[who]):
            _weigh(state, who)


@compiled
def _weigh(state: Owed, who: int) -> None:
    small, gain = state.small[who], state.gain[who]
    cost = state.cost if state.owed[who] > 0 and state.room[who] <= state.owed[who] else np.float32(0)
    for other in range(len(small)):
        gain[other] = np.float32(0) if small[other] else -cost


def owed_of(policy: PolicySettings, count: int) -> int:
    """How many tracks of a list of `count` are to be by small artists."""
    return int(np.ceil(policy.small_artists * count - 1e-9))


def columns_within(catalogue: Catalogue, rows: Rows, width: int, more: int) -> Places:
    """Which of the candidates (n, c) lists are chosen from, as columns (n, w): the first `width`, and behind them the first
    `more` by small artists that did not make it, `NO_COLUMN` where there are no more."""
    first = np.arange(min(width, rows.shape[1]))
    beyond = rows[:, width:]
    small = (beyond >= 0) & catalogue.of_small_artist.take(np.maximum(beyond, 0))
    found = np.argsort(~small, axis=1, kind="stable")[:, :more]
    found = np.where(np.take_along_axis(small, found, axis=1), width + found, NO_COLUMN)
    return np.concatenate([np.broadcast_to(first, (len(rows), len(first))), found], axis=1)
