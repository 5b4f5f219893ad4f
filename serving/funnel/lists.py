"""Lists of tracks and what they are chosen from, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.names import CandidateSource
from serving.policy.rule import Floats, Places
from serving.policy.selection import BY_RANK
from serving.policy.tried import Tried
from serving.tracks.catalogue import NO_TRACK, Rows

SOURCES = (CandidateSource.RETRIEVER, CandidateSource.SIMILAR, CandidateSource.POPULAR, CandidateSource.SESSION)
RETRIEVED, SIMILAR, POPULAR, FOLLOWING = range(4)


@dataclass(frozen=True)
class Lists:
    """n lists of k tracks, best first: catalogue `rows` (`NO_TRACK` after the end of a short list), `score`, `source` (a
    number in `SOURCES`), `moved_by` (a number in `order.LIST_RULES` where that rule, not the score, brought the track in,
    `EXPLORED` where it was tried, else `BY_RANK`) and `propensity` (the chance that it was taken, given what was before it),
    each (n, k). `tried` says what else the exploring slots might have taken; None where no list has any."""

    rows: Rows
    score: Floats
    source: npt.NDArray[np.int8]
    moved_by: npt.NDArray[np.int8]
    propensity: Floats
    tried: Tried | None = None

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


def at_columns(ranked: Ranked, columns: Places) -> Ranked:
    """The candidates at these columns (n, w), nothing where one is negative."""
    there, at = columns >= 0, np.maximum(columns, 0)
    rows = np.where(there, np.take_along_axis(ranked.rows, at, axis=1), NO_TRACK).astype(np.int32)
    score = np.where(there, np.take_along_axis(ranked.score, at, axis=1), np.float32(-np.inf))
    return Ranked(rows, score, ranked.source)


_COLUMNS = ("rows", "score", "source", "moved_by", "propensity")


def some_lists(lists: Lists, which: Places) -> Lists:
    """The lists `which`, without what was tried in them."""
    return Lists(lists.rows[which], lists.score[which], lists.source[which], lists.moved_by[which], lists.propensity[which])


def no_lists(lists: int, count: int) -> Lists:
    rows = np.full((lists, count), NO_TRACK, dtype=np.int32)
    zeros = np.zeros(rows.shape, dtype=np.int8)
    return Lists(rows, rows * np.float32(0), zeros, zeros + np.int8(BY_RANK), np.ones(rows.shape, dtype=np.float32))


def replaced(lists: Lists, which: Places, by: Lists) -> Lists:
    """Other lists in the places `which`; what was tried there says nothing any more."""
    tried = lists.tried.but(which) if lists.tried is not None and len(which) else lists.tried
    columns: dict[str, Any] = {name: getattr(lists, name).copy() for name in _COLUMNS}
    made = Lists(**columns, tried=tried)
    made.rows[which], made.score[which], made.source[which] = by.rows, by.score, by.source
    made.moved_by[which], made.propensity[which] = by.moved_by, by.propensity
    return made
