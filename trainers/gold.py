"""The gold tables a trainer reads directly: labels, which are no features, and the catalogue's rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import NotBegunError, SegueError
from segue.home import get_home
from segue.names import Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ORDER = ("event_timestamp", "listen_id")
_CHOICE = ("integrity", "first_listen")
_WORDS = ("user_id", "track_id", "session_id", "territory", "device", "surface", "outcome")
"""Columns of strings that come again and again."""


def label_files(since: datetime | None, until: datetime) -> list[Path]:
    """The label partitions whose day lies in `[since, until)`, oldest first.

    Raises:
        SegueError: there is none.
    """
    folder = get_home().table(Table.LABELS)
    days = {date.fromisoformat(path.name.partition("=")[2]): path for path in folder.glob("day=*")}
    first = since.date() if since else date.min
    files = [file for day in sorted(days) if first <= day < until.date() for file in sorted(days[day].glob("*.parquet"))]
    if not files:
        span = f"before {until:%Y-%m-%d}" if since is None else f"from {since:%Y-%m-%d} to before {until:%Y-%m-%d}"
        raise NotBegunError(
            expected=f"labelled listens {span}",
            received=f"none in {folder}",
            mend="run `segue features --as-of D` for a day with events, or choose another day",
        )
    return files


def label_days(until: datetime) -> list[date]:
    """The days before `until` that have labels, oldest first.

    Raises:
        SegueError: there is none.
    """
    return sorted({date.fromisoformat(file.parent.name.removeprefix("day=")) for file in label_files(None, until)})


def read_labels(since: datetime | None, until: datetime, columns: Collection[str] | None = None) -> pd.DataFrame:
    """Rows of the `labels` table with `since <= event_timestamp < until` (midnights UTC), oldest first, without those of
    accounts that count for nothing: nothing is learned from a bot, and nothing is asked of it.

    Args:
        columns: read these alone, ids and words as categories: some 50 bytes a row, where all columns are hundreds.

    Raises:
        SegueError: there is none.
    """
    table = label_table(since, until, columns)
    # Taken apart as it is converted, or both would be held whole.
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def label_table(
    since: datetime | None, until: datetime, columns: Collection[str] | None = None, *, first: bool = False
) -> pa.Table:
    """The rows of `read_labels` as Arrow has them; with `first`, those alone that `is_first` marks.

    Raises:
        SegueError: there is no file.
    """
    import pyarrow as pa

    days: dict[Path, list[Path]] = {}
    for path in label_files(since, until):
        days.setdefault(path.parent, []).append(path)
    parts = [_day_of_labels(files, columns, first=first) for files in days.values()]
    return pa.concat_tables(parts, promote_options="permissive")


def _day_of_labels(files: list[Path], columns: Collection[str] | None, *, first: bool) -> pa.Table:
    """One day, in order; nothing that is read for the order and the choice of rows alone is held for longer."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(dict.fromkeys([*columns, *_CHOICE, *_ORDER]))
    words = None if columns is None else [name for name in columns if name in _WORDS]
    read = [pq.read_table(path, columns=wanted, read_dictionary=words, partitioning=None) for path in files]
    table = pa.concat_tables(read, promote_options="permissive")
    table = table.filter(pc.greater(pc.fill_null(table["integrity"].cast(pa.float64()), 1.0), 0.0))
    if first:
        table = table.filter(pc.fill_null(table["first_listen"].cast(pa.bool_()), True))
    table = table.sort_by([(name, "ascending") for name in _ORDER])
    return table if columns is None else table.select([name for name in columns if name in table.column_names])


def is_first(labels: pd.DataFrame) -> pd.Series[bool]:
    """Which rows (n,) are the first listen of their user to their track; where the source cannot tell, each may be."""
    return labels["first_listen"].astype("boolean").fillna(True).astype(bool)


def read_tracks() -> pd.DataFrame:
    """The `tracks` table: the newest catalogue row of each track.

    Raises:
        SegueError: it does not exist.
    """
    import pandas as pd

    path = get_home().table(Table.TRACKS) / "data.parquet"
    if not path.exists():
        raise SegueError(expected=f"the catalogue at {path}", received="none", mend="run `segue features --as-of D` first")
    return pd.read_parquet(path)


def release_times(tracks: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """The first instant, UTC, of the release date of each row (n,), NaT where there is none. In seconds: nanoseconds begin in
    1677, and some catalogues write the year 1 for a day they do not know."""
    return tracks["release_date"].astype("datetime64[s]").dt.tz_localize("UTC")


def tracks_at(instant: datetime) -> pd.DataFrame:
    """The rows of `read_tracks` that were known at `instant`, by id: the order of every catalogue."""
    import pandas as pd

    tracks = read_tracks()
    return tracks[~(tracks["first_seen_at"] >= pd.Timestamp(instant))].sort_values("track_id", ignore_index=True)


def read_territories() -> list[str]:
    """The territories tracks were ever played in, in order, from the snapshots of territory popularity."""
    import pyarrow.parquet as pq

    found: set[str] = set()
    for path in get_home().table(Table.TRACK_TERRITORY_FEATURES).glob("day=*/*.parquet"):
        column = pq.read_table(path, columns=["territory"], partitioning=None)["territory"]
        found.update(value for value in column.unique().to_pylist() if value)
    return sorted(found)
