"""Gold tables of two engines side by side: by key, and exactly, to the last bit of a float."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import duckdb

from segue.home import Home
from segue.names import Table

KEYS: dict[Table, tuple[str, ...]] = {
    Table.USER_FEATURES: ("user_id", "event_timestamp"),
    Table.USER_HISTORY: ("user_id",),
    Table.TRACK_FEATURES: ("track_id", "event_timestamp"),
    Table.TRACK_TERRITORY_FEATURES: ("territory", "track_id", "event_timestamp"),
    Table.TRACKS: ("track_id",),
    Table.LICENCES: ("track_id", "territory", "valid_from"),
    Table.USERS: ("user_id",),
    Table.LABELS: ("listen_id",),
    Table.USER_PLAYLISTS: ("playlist_id", "track_id"),
    Table.REJECTED_LISTENS: ("landed_file", "reason", "row_text"),
}
Row = dict[str, Any]
Gold = dict[Table, list[Row]]


def exported_gold(home: Home) -> Gold:
    """Every row that `segue features` exported, with the day of its file."""
    return {table: _rows(home, table) for table in Table}


def exported_types(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every exported file by its path below features: the names and types of its columns, in order."""
    describe = "select column_name, column_type from (describe from read_parquet(?, hive_partitioning = false))"
    files = sorted(home.features.rglob("*.parquet"))
    return {str(file.relative_to(home.features)): duckdb.execute(describe, [str(file)]).fetchall() for file in files}


def differences(expected: Gold, found: Gold) -> list[str]:
    """What differs, a line per row; none when the two hold the same rows in whatever order."""
    assert expected.keys() == found.keys() == KEYS.keys()
    return [line for table in expected for line in _table_differences(table, expected[table], found[table])]


def _rows(home: Home, table: Table) -> list[Row]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        files = str(home.table(table) / "**" / "*.parquet")
        cursor = connection.execute("from read_parquet(?, filename = true, hive_partitioning = false)", [files])
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    return [row | {"filename": row["filename"].removeprefix(str(home.features))} for row in rows]


def _table_differences(table: Table, expected: list[Row], found: list[Row]) -> list[str]:
    ours, theirs = _by_key(table, expected), _by_key(table, found)
    lines = []
    for key in sorted(ours.keys() | theirs.keys(), key=str):
        one, other = ours.get(key, []), theirs.get(key, [])
        if len(one) != len(other):
            lines.append(f"{table} {key}: {len(one)} rows expected, {len(other)} found")
        lines += [f"{table} {key}: {_unequal(a, b)}" for a, b in zip(one, other, strict=False) if not _equal(a, b)]
    return lines


def _by_key(table: Table, rows: list[Row]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: str(sorted(row.items()))):
        groups[tuple(row[name] for name in KEYS[table])].append(row)
    return groups


def _unequal(expected: Row, found: Row) -> str:
    named = [f"{name} {expected.get(name)!r} became {found.get(name)!r}" for name in expected | found
             if not _equal(expected.get(name), found.get(name))]  # fmt: skip
    return "; ".join(named) or "other columns"


def _equal(expected: Any, found: Any) -> bool:
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_equal, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(_equal(expected[name], found[name]) for name in expected)
    return type(expected) is type(found) and bool(expected == found)
