"""Dates of the platform, in one place: what an as-of day means, and where history is cut for evaluation.

`as_of` is a day. Everything that happened before its end (midnight UTC that begins the next day) is known; nothing
after it is. A daily snapshot of day D carries the event timestamp D+1 00:00 UTC, so a point-in-time join for an event
of day D+1 sees the snapshot of day D and never its own day. A `week` is the seven days that begin at its date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


def end_of(day: date) -> datetime:
    """Midnight UTC after `day`: the event timestamp of its snapshot."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)


def start_of(day: date) -> datetime:
    """Midnight UTC that begins `day`."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def week_after(as_of: date) -> date:
    """The first day of the weekly playlist made from what is known at `as_of`."""
    return as_of + timedelta(days=1)


def as_of_for_week(week: date) -> date:
    """The last day whose listens the playlist of `week` may use."""
    return week - timedelta(days=1)


def days_of_week(week: date) -> tuple[date, date]:
    """First and last day on which the playlist of `week` is shown."""
    return week, week + timedelta(days=6)


@dataclass(frozen=True)
class Split:
    """Time split at one as-of day: `[..., rank_from)` fits the retriever first, `[rank_from, cutoff)` labels the ranker,
    `[cutoff, end)` is held out. All are midnights UTC."""

    rank_from: datetime
    cutoff: datetime
    end: datetime


def split_at(as_of: date, holdout_days: int) -> Split:
    """The split for `as_of`: the last `holdout_days` held out, as many before them for the ranker's labels."""
    end = end_of(as_of)
    held = timedelta(days=holdout_days)
    return Split(rank_from=end - 2 * held, cutoff=end - held, end=end)
