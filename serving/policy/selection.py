"""One greedy selection of n lists at once, under the list rules of `order`: at each step every list takes the open candidate
that is worth most to it now. What a rule closes never comes; what rules gain is added to the ranker's value. Everything is
kept up to date from step to step, nothing is counted again, and equal worth falls to the better ranked: the same pool gives
the same lists.

`Chooser` is the seam for exploration: it may choose otherwise among what is open, and can let nothing out that is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segue.compiled import compiled
from serving.catalogue import Mask, Rows
from serving.policy.rule import Account, Floats, ListRule, Places, Pool

NOWHERE = -1
BY_RANK, EXPLORED = -1, -2
Rules = npt.NDArray[np.int8]


class Chooser(Protocol):
    """Chooses what each list takes next."""

    def choose(self, step: int, worth: Floats, open_: Mask, /) -> Places:
        """A candidate (n,) for each list; only one that is open is taken. `worth` (n, c) is -inf where not open."""
        ...


class TakeTheBest:
    def choose(self, _: int, worth: Floats, __: Mask, /) -> Places:
        return worth.argmax(axis=1)


BEST = TakeTheBest()


@dataclass(frozen=True)
class Selection:
    """Per list the candidates taken, in the order they were (n, count), `NOWHERE` after the end; and which rule, by number,
    moved each in front of what stood higher, `BY_RANK` where none. `account` is as it is at the end."""

    places: Places
    moved_by: Rules
    account: Account


def select(
    pool: Pool, rules: Sequence[ListRule], *, begun: npt.NDArray[np.intp] | None = None, chooser: Chooser = BEST
) -> Selection:
    """Choose `pool.count` for each list. The first `begun` (n,) candidates of a list are in it already and are taken first,
    in their order."""
    account = Account.empty(len(rules), pool.rows.shape)
    tallies = [rule.begin(pool, gain, closed) for rule, gain, closed in zip(rules, account.gain, account.closed, strict=True)]
    lists = len(pool.rows)
    places = np.full((lists, pool.count), NOWHERE, dtype=np.intp)
    moved_by = np.full(places.shape, BY_RANK, dtype=np.int8)
    left, now, worth = pool.open.copy(), np.empty_like(pool.open), np.empty(pool.rows.shape, dtype=np.float32)
    value = np.ascontiguousarray(pool.value)
    for step in range(pool.count if pool.rows.shape[1] else 0):
        _weigh(value, left, account.gain, account.closed, worth, now)
        place = chooser.choose(step, worth, now)
        live = now[np.arange(lists), place]
        if begun is not None:
            place, live = np.where(step < begun, step, place), live | (step < begun)
        if not live.any():
            break
        places[:, step] = np.where(live, place, NOWHERE)
        if pool.weighs:
            _note_what_moved(account.gain, now, place, moved_by[:, step])
        _leave_out(pool.rows, place, left)
        for tally in tallies:
            if tally is not None:
                tally.took(place, live)
    return Selection(places, moved_by, account)


@compiled
def _weigh(value: Floats, left: Mask, gain: Floats, closed: Mask, worth: Floats, now: Mask) -> None:
    """What of what is `left` may come `now`, and what it is `worth` with what all rules gain; all (n, c), those of rules
    (r, n, c)."""
    for who in range(len(worth)):
        for place in range(worth.shape[1]):
            now[who, place], worth[who, place] = left[who, place], value[who, place]
        for rule in range(len(gain)):  # rule by rule, so that a processor adds many candidates at a time
            for place in range(worth.shape[1]):
                worth[who, place] += gain[rule, who, place]
                now[who, place] &= not closed[rule, who, place]
        for place in range(worth.shape[1]):
            worth[who, place] = worth[who, place] if now[who, place] else np.float32(-np.inf)


@compiled
def _note_what_moved(gain: Floats, now: Mask, place: Places, moved_by: Rules) -> None:
    """The rule (n,) whose gain speaks most for the candidate that is taken against the best ranked that is open."""
    for who in range(len(place)):
        highest = 0
        for other in range(now.shape[1]):
            if now[who, other]:
                highest = other
                break
        most = np.float32(0)
        for rule in range(len(gain)):
            ahead = gain[rule, who, place[who]] - gain[rule, who, highest]
            if ahead > most:
                most, moved_by[who] = ahead, rule


@compiled
def _leave_out(rows: Rows, place: Places, left: Mask) -> None:
    """A track that a list takes is in it no second time."""
    for who in range(len(place)):
        taken = rows[who, place[who]]
        for other in range(rows.shape[1]):
            left[who, other] &= rows[who, other] != taken
