"""Reads gold tables from Parquet: whole tables, or the last snapshot of a daily one. What they mean is decided elsewhere."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import SegueError
from segue.home import get_home
from segue.names import Table

if TYPE_CHECKING:
    import pandas as pd


def read_table(table: Table) -> pd.DataFrame:
    """A gold table that is not daily.

    Raises:
        SegueError: it was never written.
    """
    path = get_home().table(table) / "data.parquet"
    if not path.exists():
        raise _missing(table, path)
    return _read(path)


def read_snapshot(table: Table, as_of: date | None = None) -> pd.DataFrame | None:
    """The last day of a daily table at or before `as_of`; None when there is none."""
    days = snapshot_days(table)
    known = [day for day in days if as_of is None or day <= as_of]
    if not known:
        return None
    return _read(get_home().table(table) / f"day={known[-1].isoformat()}" / "data.parquet")


def snapshot_days(table: Table) -> list[date]:
    """The days a daily table holds, oldest first."""
    folders = get_home().table(table).glob("day=*")
    return sorted(date.fromisoformat(f.name.removeprefix("day=")) for f in folders if (f / "data.parquet").exists())


def last_listens(user: str, before: datetime) -> dict[str, date]:
    """The day of the last listen of a user to each track before a moment, by track id. All listens there are, are looked at:
    for who asks about one list, not for those who make many."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    mine = (ds.field("user_id") == user) & (ds.field("event_timestamp") < before)
    try:
        files = sorted(str(path) for path in get_home().table(Table.LABELS).glob("day=*/*.parquet"))
        if not files:
            return {}
        listens = ds.dataset(files).to_table(columns=["track_id", "event_timestamp"], filter=mine)
    except (OSError, pa.ArrowInvalid):  # written again just now: what is said of a listen goes without its day
        return {}
    last = listens.to_pandas().groupby("track_id")["event_timestamp"].max()
    return {str(track): at.date() for track, at in last.items()}


def stamp() -> tuple[int, ...]:
    """Changes whenever one of the tables behind the catalogue does: modification times in nanoseconds."""
    tables = (Table.TRACKS, Table.LICENCES, Table.TRACK_FEATURES, Table.TRACK_TERRITORY_FEATURES, Table.USERS)
    home = get_home()
    paths = [path for t in tables for path in (home.table(t), home.table(t) / "data.parquet")]
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def _read(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read().to_pandas(date_as_object=False)


def _missing(table: Table, path: Path) -> SegueError:
    return SegueError(
        expected=f"the gold table {table} at {path}", received="none", mend="run `segue features --as-of D` first"
    )
