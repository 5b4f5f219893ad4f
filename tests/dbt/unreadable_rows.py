"""Catalogue and account rows of which a value cannot be read, each with the column it is kept for, and some like them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mart_homes import day, land_lines

from infra.landing.schemas import TRACKS
from segue.home import Home

_SE = {"territory": "SE"}
LICENCES: list[Any] = [
    _SE,
    "SE",
    "[] and more",
    ["SE"],
    [None],
    [_SE, 5],
    [_SE, {"valid_from": "2026-01-01"}],
    [_SE | {"valid_to": "31.05.2026"}],
    [_SE | {"valid_to": 20260531}],
    [_SE | {"valid_from": "soon"}],
    [_SE | {"valid_from": "2026-05-31", "valid_to": "2026-05-30"}],
]
EXPLICIT = ["explicit", " true ", "", 2]
DATES = ["31.05.2026", "2026/05/31", "infinity", "0000-01-01", "2026-02-30", "12026-05-31", "2026-05-31Z"]
NUMBERS = {"tempo": "fast", "energy": "high", "duration_ms": "3:20"}

TRACK_ROWS: list[tuple[str, dict[str, Any]]] = [
    *(("licences", {"track_id": f"licences-{n}", "licences": value}) for n, value in enumerate(LICENCES)),
    *(("explicit", {"track_id": f"explicit-{n}", "explicit": value}) for n, value in enumerate(EXPLICIT)),
    *(("release_date", {"track_id": f"release_date-{n}", "release_date": value}) for n, value in enumerate(DATES)),
    *((name, {"track_id": f"{name}-0", name: value}) for name, value in NUMBERS.items()),
    ("tempo", {"track_id": "several", "tempo": "fast", "explicit": "explicit", "licences": "SE"}),
    ("licences", {"track_id": "ended", "licences": "none"}),
]
ACCOUNT_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("explicit_allowed", {"user_id": "explicit_allowed-0", "territory": "SE", "explicit_allowed": "off"}),
    ("explicit_allowed", {"user_id": "explicit_allowed-1", "territory": "SE", "explicit_allowed": ""}),
    ("signup_date", {"user_id": "signup_date-0", "signup_date": "long ago"}),
    ("adventurousness", {"user_id": "adventurousness-0", "adventurousness": "very"}),
]
"""The column that cannot be read, first of several, and the row."""

READABLE = [
    {"track_id": "readable-0", "explicit": "no", "release_date": "2026-5-1", "licences": []},
    {"track_id": "readable-1", "explicit": 0, "release_date": "2026-05-01T10:00:00Z", "tempo": "120"},
    {
        "track_id": "readable-2",
        "licences": [_SE | {"valid_from": "0001-01-01", "valid_to": "9999-12-31"}, _SE],
        "explicit": None,
    },
    {"track_id": "readable-3", "licences": '[{"territory": "SE", "valid_from": " 1600-01-01 00:00:00"}]'},
]
_NAMELESS = [
    {"territory": "SE", "valid_from": None, "valid_to": None},
    {"territory": None, "valid_from": None, "valid_to": None},
]


def land_unreadable(home: Home) -> None:
    """All of the above on day 3, in a file of lines each and one of Parquet. The track `ended` was free on day 0."""
    land_lines(home, "b.jsonl", day(0), [{"track_id": "ended"}], kind="tracks")
    land_lines(home, "unreadable.jsonl", day(3), [row for _, row in TRACK_ROWS], kind="tracks")
    land_lines(home, "unreadable.jsonl", day(3), [row for _, row in ACCOUNT_ROWS], kind="users")
    land_lines(home, "readable.jsonl", day(3), READABLE, kind="tracks")
    rows = [{"track_id": "typed", "title": "Half", "licences": _NAMELESS}]
    typed = pa.Table.from_pylist(rows, schema=pa.schema([TRACKS.field(name) for name in rows[0]]))
    pq.write_table(typed, home.landing_day("events", "tracks", day(3)) / "unreadable.parquet")
