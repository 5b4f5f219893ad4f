"""Small gold tables with a known answer, for the tests of every room that reads them.

A checkerboard: users and tracks fall into two groups by the parity of their number. A user completes (and sometimes saves)
tracks of their own group and skips the other group's early; tempo, energy, genre and artist follow the group. So popularity
alone is right half the time, and any model that learns must rank the own group first. Same arguments, same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gold_listens import (
    last,
    listens_of,
    track_id,
    user_id,
)
from gold_rows import (
    REJECTED,
    account,
    catalogue_row,
    history_rows,
    label,
    playlist_entry,
    territory_rows,
    track_rows,
    user_rows,
)
from gold_schemas import SCHEMAS

from segue.dates import end_of
from segue.home import Home
from segue.names import DAILY_TABLES, Table

AS_OF = date(2026, 11, 15)


@dataclass(frozen=True)
class Gold:
    """What was written, and the answer a model should find.

    `new_users` have an account and no listen. `unlicensed` are (track, territory) pairs that may not be played on `as_of`.
    """

    as_of: date
    user_group: dict[str, int]
    track_group: dict[str, int]
    new_users: list[str]
    unlicensed: set[tuple[str, str]] = field(default_factory=set)


def write_gold(
    home: Home,
    *,
    users: int = 60,
    tracks: int = 120,
    days: int = 28,
    end: date = AS_OF,
    seed: int = 17,
    new_users: int = 2,
    away: Mapping[int, tuple[int, int]] | None = None,
) -> Gold:
    """Write every gold table into `home.features` for the `days` that end with `end`.

    Args:
        home: where to; existing partitions of the same days are replaced.
        users: listeners with history, numbered from 0; `new_users` more follow without any.
        tracks: catalogue size; all are released before the first day, except the last four, new in the last week.
        away: user number to the half-open range of day numbers (0 is the first day) in which they do not listen.
    """
    rng = np.random.default_rng(seed)
    first = end - timedelta(days=days - 1)
    listens = listens_of(rng, users, tracks, first, days, away or {})
    for day in (first + timedelta(days=n) for n in range(days)):
        known = last(listens, 31, end_of(day))
        _write(home, Table.USER_FEATURES, user_rows(known, day), day)
        _write(home, Table.TRACK_FEATURES, track_rows(known, day, tracks, end), day)
        _write(home, Table.TRACK_TERRITORY_FEATURES, territory_rows(known, day), day)
        _write(home, Table.LABELS, [label(x) for x in last(known, 1, end_of(day))], day)
    _write(home, Table.REJECTED_LISTENS, [REJECTED], end)
    everyone = range(users + new_users)
    unlicensed = _write_catalogue(home, tracks, end)
    _write(home, Table.USERS, [account(n, first) for n in everyone])
    _write(home, Table.USER_HISTORY, history_rows(listens, end))
    _write(home, Table.USER_PLAYLISTS, [playlist_entry(x) for x in listens if x.saved])
    return Gold(
        as_of=end,
        user_group={user_id(n): n % 2 for n in everyone},
        track_group={track_id(n): n % 2 for n in range(tracks)},
        new_users=[user_id(n) for n in everyone[users:]],
        unlicensed=unlicensed,
    )


def _write_catalogue(home: Home, tracks: int, end: date) -> set[tuple[str, str]]:
    """Every 15th track may be played in Sweden only; every 16th had a licence that ended a month ago in Germany."""
    rows, licences, unlicensed = [], [], set()
    for n in range(tracks):
        windows = []
        if n % 15 == 7:
            windows, gone = [("SE", date(2020, 1, 1), None)], {(track_id(n), "DE")}
        elif n % 16 == 9:
            windows = [("SE", date(2020, 1, 1), None), ("DE", date(2020, 1, 1), end - timedelta(days=30))]
            gone = {(track_id(n), "DE")}
        else:
            gone = set()
        unlicensed |= gone
        licences += [{"track_id": track_id(n), "territory": t, "valid_from": a, "valid_to": b} for t, a, b in windows]
        rows.append(catalogue_row(n, tracks, end, licensed_everywhere=not windows))
    _write(home, Table.TRACKS, rows)
    _write(home, Table.LICENCES, licences)
    return unlicensed


def _write(home: Home, table: Table, rows: Sequence[Mapping[str, Any]], day: date | None = None) -> Path:
    folder = home.table(table) / f"day={day.isoformat()}" if day and table in DAILY_TABLES else home.table(table)
    folder.mkdir(parents=True, exist_ok=True)
    schema = SCHEMAS[table]
    pq.write_table(pa.table({f.name: [row[f.name] for row in rows] for f in schema}, schema=schema), folder / "data.parquet")
    return folder
