"""Writes the gold tables of the warehouse to `features/` as Parquet, the days that changed and no others.

A file is written beside its place and renamed, so a reader sees the old day or the new one. The stamp, written last, says
which build was exported: a killed export is done again from the same build.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.atomic import replacing_file, write_json
from segue.home import Home
from segue.names import DAILY_TABLES, Table
from segue.settings import get_settings
from segue.stored import json_object, read_stored

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STAMP = ".exported.json"
ORDER = {
    Table.USER_FEATURES: "user_id",
    Table.USER_HISTORY: "user_id",
    Table.TRACK_FEATURES: "track_id",
    Table.TRACK_TERRITORY_FEATURES: "territory, territory_rank nulls last, track_id",
    Table.TRACKS: "track_id",
    Table.LICENCES: "track_id, territory, valid_from, valid_to",
    Table.USERS: "user_id",
    Table.LABELS: "event_timestamp, listen_id",
    Table.USER_PLAYLISTS: "playlist_id, track_id",
    Table.REJECTED_LISTENS: "landed_file, reason, row_text",
}
"""Row order inside a file: the same table gives the same file, and readers that filter by key skip row groups."""


@dataclass(frozen=True)
class Exported:
    """Rows per table in gold, and how many files were written and taken away."""

    rows: dict[str, int]
    written: int
    removed: int


def export(connection: DuckDBPyConnection, home: Home, *, everything: bool = False) -> Exported:
    """Bring `features/` to the state of the gold schema behind `connection`. With `everything`, when that warehouse counts no
    builds, all of it is written, and so it is by the next export of one that does."""
    if everything:
        (home.features / STAMP).unlink(missing_ok=True)
    run, changed_from = _changed_since(connection, _exported_run(home))
    removed = 0
    rows = {}
    files: list[tuple[Table, Path, date | None]] = []
    for table in Table:
        rows[str(table)] = _one(connection, f"select count(*) from gold.{table}")  # noqa: S608 - our own names
        if table in DAILY_TABLES:
            days = _days(connection, table)
            removed += _remove_other_days(home.table(table), days)
            for day in days:
                target = _data(home.table(table) / _partition(day))
                if day >= changed_from or not target.exists():
                    files.append((table, target, day))
        else:
            files.append((table, _data(home.table(table)), None))
    with ThreadPoolExecutor(get_settings().mart_threads) as pool:  # one file is too little for DuckDB's own threads
        list(pool.map(lambda file: _write(connection, *file), files))
    if not everything:
        write_json(home.features / STAMP, {"run": run})
    return Exported(rows, len(files), removed)


def _exported_run(home: Home) -> int:
    return read_stored(home.features / STAMP, lambda said: int(json_object(said)["run"]), what="the number of a build") or 0


def _changed_since(connection: DuckDBPyConnection, exported: int) -> tuple[int, date]:
    """The newest build, and the first day that it and the builds since `exported` may have changed."""
    run = _one(connection, "select max(run_number) from silver.changes")
    if exported > run:  # another warehouse than the one that was exported
        exported = 0
    query = "select min(first_day) from silver.changes where run_number > ? or ? = 0"
    return run, _one(connection, query, [exported, exported]) or date.max


def _days(connection: DuckDBPyConnection, table: Table) -> list[date]:
    query = f"select distinct day from gold.{table} order by day"  # noqa: S608 - our own names
    return [day for (day,) in connection.execute(query).fetchall()]


def _remove_other_days(folder: Path, days: list[date]) -> int:
    keep = {_partition(day) for day in days}
    gone = [path for path in folder.glob("day=*") if path.name not in keep]
    for path in gone:
        shutil.rmtree(path)
    return len(gone)


def _write(connection: DuckDBPyConnection, table: Table, target: Path, day: date | None) -> None:
    columns, where, values = ("*", "", []) if day is None else ("* exclude (day)", "where day = ?", [day])
    with replacing_file(target) as temporary:
        rows = f"select {columns} from gold.{table} {where} order by {ORDER[table]}"  # noqa: S608 - our own names
        cursor = connection.cursor()
        cursor.execute("set TimeZone = 'UTC'")
        cursor.execute(f"copy ({rows}) to '{_quoted(temporary)}' (format parquet, compression zstd)", values)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _partition(day: date) -> str:
    return f"day={day.isoformat()}"


def _data(folder: Path) -> Path:
    return folder / "data.parquet"


def _one(connection: DuckDBPyConnection, query: str, values: list[Any] | None = None) -> Any:
    row = connection.execute(query, values or []).fetchone()
    return row[0] if row else None
