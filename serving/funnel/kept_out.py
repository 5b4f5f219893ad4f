"""Why candidates are not in a list, by rule. What is told of a rule about the list is true of the list that was kept: how that
was chosen may have been up to chance, or to what was known days ago, and is not asked again."""

from __future__ import annotations

import numpy as np

from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import Ranked, Taken
from serving.policy import order
from serving.policy.dial import exploring_slots
from serving.policy.rule import Floats, Kept, Listeners
from serving.tracks.catalogue import NO_TRACK, Rows


def kept_out(
    lists: ListMaker, listeners: Listeners, before: Ranked, ranked: Ranked, listed: Rows, count: int, *, weighed: bool
) -> Taken:
    """What one listener's candidates lost to which rule: to rules about single tracks of those `before` any rule, and to rules
    about the list of those it was chosen from, `ranked`. The list that was kept, of `count` or fewer, is `listed` (k,)."""
    listed = listed[listed != NO_TRACK]
    rows, score = _looked_at(lists, ranked, listed, count, weighed=weighed)
    left = np.flatnonzero(~np.isin(rows, listed))
    by_chance = int(exploring_slots(listeners, lists.policy, count)[0]) if weighed else 0
    kept = Kept(
        listeners=listeners,
        catalogue=lists.catalogue,
        policy=lists.policy,
        listed=listed,
        rows=rows[left],
        count=count,
        by_rank=left < count - by_chance,
        likeness=_likeness(lists, rows[left], listed) if weighed else None,
    )
    rule = np.concatenate([order.removed_by(listeners, lists.catalogue, before.rows)[0], order.kept_out(kept)])
    best = np.argsort(-np.concatenate([before.score[0], score[left]]), kind="stable")
    best = best[rule[best] >= 0]
    return Taken(np.concatenate([before.rows[0], kept.rows])[best], rule[best])


def _looked_at(lists: ListMaker, ranked: Ranked, listed: Rows, count: int, *, weighed: bool) -> tuple[Rows, Floats]:
    """The candidates a list of `count` was chosen from (c,) and their scores, best first, down to its last; all of them where
    it is short, or goes on elsewhere."""
    near = lists.within(ranked, count) if weighed else ranked
    if np.isin(listed, near.rows).sum() < np.isin(listed, ranked.rows).sum():
        near = ranked  # the best of them gave too few
    there = near.rows[0] != NO_TRACK
    rows, score = near.rows[0][there], near.score[0][there]
    taken = np.flatnonzero(np.isin(rows, listed))
    end = taken[-1] + 1 if len(taken) == count else len(rows)
    return rows[:end], score[:end]


def _likeness(lists: ListMaker, rows: Rows, listed: Rows) -> Floats:
    """The largest cosine of each track (c,) to one of a list (k,), 0 where there is none."""
    cosine = lists.vectors_of(rows) @ lists.vectors_of(listed).T
    return np.asarray(cosine.max(axis=1, initial=0), dtype=np.float32)
