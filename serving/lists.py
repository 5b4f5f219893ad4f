"""Lists of tracks and what they are chosen from, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from segue.names import CandidateSource
from serving.catalogue import NO_TRACK, Rows
from serving.policy.rule import Floats, Places
from serving.policy.selection import BY_RANK

SOURCES = (CandidateSource.RETRIEVER, CandidateSource.SIMILAR, CandidateSource.POPULAR, CandidateSource.SESSION)
RETRIEVED, SIMILAR, POPULAR, FOLLOWING = range(4)


@dataclass(frozen=True)
class Lists:
    """n lists of k tracks, best first: catalogue `rows` (`NO_TRACK` after the end of a short list), `score`, `source` (a
    number in `SOURCES`) and `moved_by` (a number in `order.LIST_RULES` where that rule, not the score, brought the track in,
    else `BY_RANK`), each (n, k)."""

    rows: Rows
    score: Floats
    source: npt.NDArray[np.int8]
    moved_by: npt.NDArray[np.int8]

    def lengths(self) -> npt.NDArray[np.intp]:
        return (self.rows != NO_TRACK).sum(axis=1)


@dataclass(frozen=True)
class Ranked:
    """Candidates (n, c) as catalogue rows with their scores, best first, `NO_TRACK` where there is none; one `source`."""

    rows: Rows
    score: Floats
    source: int


@dataclass(frozen=True)
class Taken:
    """What the policy took from one listener's candidates, best first: rows and rule numbers (`order.rules`), each (r,)."""

    rows: Rows
    rule: npt.NDArray[np.int8]


def some_ranked(ranked: Ranked, which: Places) -> Ranked:
    return Ranked(ranked.rows[which], ranked.score[which], ranked.source)


def some_lists(lists: Lists, which: Places) -> Lists:
    return Lists(lists.rows[which], lists.score[which], lists.source[which], lists.moved_by[which])


def no_lists(lists: int, count: int) -> Lists:
    rows = np.full((lists, count), NO_TRACK, dtype=np.int32)
    zeros = np.zeros(rows.shape, dtype=np.int8)
    return Lists(rows, rows * np.float32(0), zeros, zeros + np.int8(BY_RANK))


def joined(parts: Sequence[Lists]) -> Lists:
    """Lists after other lists, all of one length."""
    return Lists(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Lists)))


def replaced(lists: Lists, which: Places, by: Lists) -> Lists:
    made = Lists(lists.rows.copy(), lists.score.copy(), lists.source.copy(), lists.moved_by.copy())
    made.rows[which], made.score[which], made.source[which] = by.rows, by.score, by.source
    made.moved_by[which] = by.moved_by
    return made
