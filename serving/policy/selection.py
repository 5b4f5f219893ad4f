"""One greedy selection of n lists at once, under the list rules of `order`: every list takes, step by step, the open candidate
that is worth most to it then. What a rule closes never comes; what rules gain is added to the ranker's value. Everything is
kept up to date from step to step, nothing is counted again, and equal worth falls to the better ranked: the same pool gives
the same lists.

List after list goes all its steps in machine code, so that what is read at each of them stays in the nearest cache. `Chooser`
is the seam for exploration: it has its say from a step of each list on, may choose otherwise among what is open, and can let
nothing out that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from serving.policy import order
from serving.policy.rule import Floats, Places, Pool
from serving.tracks.catalogue import Mask, Rows

NOWHERE = -1
BY_RANK, EXPLORED = -1, -2
BEST = -1
Rules = npt.NDArray[np.int8]


class Chooser(Protocol):
    """Chooses what lists take, each from step `first` (n,) on; before, the best is taken."""

    first: Places

    def choose(self, step: int, worth: Floats, open_: Mask, /) -> Places:
        """A candidate (n,) for each list, of which those that are not there yet are not looked at; only one that is open is
        taken, and a list for which it is not ends there; `BEST` takes the best. `worth` (n, c) is -inf where not open."""
        ...


@dataclass(frozen=True)
class Selection:
    """Per list the candidates taken, in the order they were (n, count), `NOWHERE` after the end; and which rule, by number,
    moved each in front of what stood higher, `BY_RANK` where none."""

    places: Places
    moved_by: Rules


class _Lists(NamedTuple):
    """n lists in the making: what they are chosen from (n, c), what is `left` of it; what rules have gained and closed
    (r, n, c), and by that which candidates may come `now` (n, c), and what they are `worth` (n, c); what was taken,
    `places` and `moved_by` (n, count), and at which step each list is (n,)."""

    rows: Rows
    value: Floats
    left: Mask
    gain: Floats
    closed: Mask
    now: Mask
    worth: Floats
    places: Places
    moved_by: Rules
    step: Places


def select(pool: Pool, *, begun: Places | None = None, chooser: Chooser | None = None) -> Selection:
    """Choose `pool.count` for each list. The first `begun` (n,) candidates of a list are in it already and are taken first,
    in their order."""
    states, account = order.begin(pool)
    places = np.full((len(pool.rows), pool.count), NOWHERE, dtype=np.intp)
    lists = _Lists(
        rows=pool.rows,
        value=np.array(pool.value, dtype=np.float32, order="C"),  # never read-only: Numba would compile all of it twice
        left=pool.open.copy(),
        gain=account.gain,
        closed=account.closed,
        now=np.empty_like(pool.open),
        worth=np.empty(pool.rows.shape, dtype=np.float32),
        places=places,
        moved_by=np.full(places.shape, BY_RANK, dtype=np.int8),
        step=np.zeros(len(places), dtype=np.intp),
    )
    if pool.rows.shape[1]:
        _choose(lists, states, pool, np.zeros_like(lists.step) if begun is None else begun, chooser)
    return Selection(places, lists.moved_by)


def _choose(lists: _Lists, states: order.States, pool: Pool, begun: Places, chooser: Chooser | None) -> None:
    best, end = np.full(len(begun), BEST, dtype=np.intp), np.full(len(begun), pool.count, dtype=np.intp)
    first = end if chooser is None else np.minimum(chooser.first, end)
    _go_on(lists, states, begun, best, first, pool.moves)
    if chooser is None:
        return
    for step in range(int(first.min(initial=pool.count)), pool.count):
        place = chooser.choose(step, lists.worth, lists.now)
        _go_on(lists, states, begun, place, np.where(first <= step, step + 1, 0), pool.moves)


@compiled
def _go_on(lists: _Lists, states: order.States, begun: Places, place: Places, until: Places, moves: bool) -> None:
    """Take what comes next in each list, up to step `until` (n,) of it: what it has begun with, else candidate `place` (n,),
    the best where that is `BEST`. A list whose candidate is not open ends."""
    for who in range(len(until)):
        if lists.step[who] == 0:
            _weigh(lists, who)
        while lists.step[who] < until[who]:
            step, taken = lists.step[who], place[who]
            if step < begun[who]:
                taken = step
            elif taken == BEST:
                taken = np.argmax(lists.worth[who])
            if step >= begun[who] and not lists.now[who, taken]:
                lists.step[who] = lists.places.shape[1]
                break
            lists.places[who, step] = taken
            if moves:
                lists.moved_by[who, step] = _mover(lists, who, taken)
            for other in range(lists.rows.shape[1]):  # a track that a list takes is in it no second time
                lists.left[who, other] &= lists.rows[who, other] != lists.rows[who, taken]
            order.took(states, who, taken)
            _weigh(lists, who)
            lists.step[who] = step + 1


@compiled
def _weigh(lists: _Lists, who: int) -> None:
    """What of what is left in list `who` may come now, and what it is worth with what all rules gain."""
    now, worth, left, value = lists.now[who], lists.worth[who], lists.left[who], lists.value[who]
    for place in range(len(worth)):
        now[place], worth[place] = left[place], value[place]
    for rule in range(len(lists.gain)):  # rule by rule, so that a processor adds many candidates at a time
        gain, closed = lists.gain[rule, who], lists.closed[rule, who]
        for place in range(len(worth)):
            worth[place] += gain[place]
            now[place] &= not closed[place]
    for place in range(len(worth)):
        worth[place] = worth[place] if now[place] else np.float32(-np.inf)


@compiled
def _mover(lists: _Lists, who: int, taken: int) -> int:
    """The rule whose gain speaks most for the candidate that is taken against the best ranked that is open."""
    highest, mover, most = 0, BY_RANK, np.float32(0)
    for other in range(lists.now.shape[1]):
        if lists.now[who, other]:
            highest = other
            break
    for rule in range(len(lists.gain)):
        ahead = lists.gain[rule, who, taken] - lists.gain[rule, who, highest]
        if ahead > most:
            most, mover = ahead, rule
    return mover
