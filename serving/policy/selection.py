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

from serving.catalogue import Mask
from serving.policy.rule import Floats, ListRule, Places, Pool, Tally

NOWHERE = -1
BY_RANK, EXPLORED = -1, -2


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
    moved each in front of what stood higher, `BY_RANK` where none. `tallies` are the accounts as they are at the end."""

    places: Places
    moved_by: npt.NDArray[np.int8]
    tallies: tuple[Tally | None, ...]


def select(
    pool: Pool, rules: Sequence[ListRule], *, begun: npt.NDArray[np.intp] | None = None, chooser: Chooser = BEST
) -> Selection:
    """Choose `pool.count` for each list. The first `begun` (n,) candidates of a list are in it already and are taken first,
    in their order."""
    tallies = tuple(rule.begin(pool) for rule in rules)
    who, open_ = np.arange(len(pool.rows)), pool.open.copy()
    places = np.full((len(who), pool.count), NOWHERE, dtype=np.intp)
    moved_by = np.full(places.shape, BY_RANK, dtype=np.int8)
    for step in range(pool.count if pool.rows.shape[1] else 0):
        gains = [tally.gain() if tally is not None else None for tally in tallies]
        now = _open(open_, tallies)
        place = chooser.choose(step, _worth(pool.value, gains, now), now)
        live = now[who, place]
        if begun is not None:
            place, live = np.where(step < begun, step, place), live | (step < begun)
        if not live.any():
            break
        places[:, step] = np.where(live, place, NOWHERE)
        if pool.weighs:
            moved_by[:, step] = _moved_by(gains, now, place)
        open_ &= pool.rows != pool.rows[who, place][:, None]
        for tally in tallies:
            if tally is not None:
                tally.took(place, live)
    return Selection(places, moved_by, tallies)


def _open(open_: Mask, tallies: Sequence[Tally | None]) -> Mask:
    now = open_.copy()
    for tally in tallies:
        closed = tally.closed() if tally is not None else None
        if closed is not None:
            now &= ~closed
    return now


def _worth(value: Floats, gains: Sequence[Floats | None], now: Mask) -> Floats:
    worth = value.copy()
    for gain in gains:
        if gain is not None:
            worth += gain
    worth[~now] = -np.inf
    return worth


def _moved_by(gains: Sequence[Floats | None], now: Mask, place: Places) -> npt.NDArray[np.int8]:
    """The rule whose gain speaks most for the taken candidate against the best ranked open one (n,)."""
    who, highest = np.arange(len(place)), now.argmax(axis=1)
    most, best = np.zeros(len(place), dtype=np.float32), np.full(len(place), BY_RANK, dtype=np.int8)
    for number, gain in enumerate(gains):
        if gain is not None:
            ahead = gain[who, place] - gain[who, highest]
            best[ahead > most] = number
            np.maximum(most, ahead, out=most)
    return best
