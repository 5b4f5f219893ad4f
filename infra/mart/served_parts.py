"""Which gold files the online store was filled from, so that a run writes what changed since and not the whole history.

A file is known by its size and the time it was written: export leaves a day that did not change untouched.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from segue.dates import end_of
from segue.home import get_home
from segue.names import DAILY_TABLES, Table

BEFORE_ALL = datetime(1970, 1, 2, tzinfo=UTC)


def parts_until(table: Table, as_of: date) -> dict[str, str]:
    """Every file of `table` that may hold rows of `as_of` or earlier: its path within features to its size and time.

    A table that is one file holds rows of several days, so there the day it was read for counts too.
    """
    folder = get_home().table(table)
    newest = f"day={as_of.isoformat()}"
    found, daily = {}, table in DAILY_TABLES
    for path in sorted(folder.rglob("*.parquet")):
        if not daily or path.parent.name <= newest:
            status, seen_on = path.stat(), "" if daily else f":{as_of}"
            found[path.relative_to(folder.parent).as_posix()] = f"{status.st_size}:{status.st_mtime_ns}{seen_on}"
    return found


def first_to_write(table: Table, now: dict[str, str], before: dict[str, str]) -> datetime | None:
    """An instant before the first row of `table` that changed between two lists of parts; None when nothing did."""
    changed = sorted(path for path in now.keys() | before.keys() if now.get(path) != before.get(path))
    if not changed:
        return None
    if table not in DAILY_TABLES:
        return BEFORE_ALL
    day = date.fromisoformat(changed[0].split("/")[1].removeprefix("day="))
    return end_of(day) - timedelta(hours=1)  # rows bear the end of their day: before these, after the day before
