"""Parquet files of our own event format: events split by day of arrival, catalogue and accounts as one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.landing.lines import NO_DAY, Split, days_of
from infra.landing.schemas import SCHEMAS
from segue.errors import SegueError

_BATCH_ROWS = 500_000
_FILES_AT_ONCE = 256
"""A system gives a process about a thousand open files; a file with more days is read once for each so many of them."""
_UNIX = date(1970, 1, 1)


def split_parquet(opened: pq.ParquetFile, name: str, work: Path) -> Split:
    """Put the events down in `work`, one file per day; rows without a day go with the last one. SegueError if all are."""
    split, dated = Split(), set[int]()
    for rows, days in _batches(opened):
        split.rows += len(rows)
        split.undated += int((days == NO_DAY).sum())
        dated.update(np.unique(days[days != NO_DAY]).tolist())
    if not dated:
        received = f"{split.rows} rows of which none tells its day"
        raise SegueError(expected=f"times in occurred_at of {name}", received=received, mend="fill the column")
    for first in range(0, len(dated), _FILES_AT_ONCE):
        some = sorted(dated)[first : first + _FILES_AT_ONCE]
        with ExitStack() as stack:
            writers: dict[int, pq.ParquetWriter] = {}
            for rows, days in _batches(opened):
                days[days == NO_DAY] = max(dated)
                for number in np.intersect1d(days, some).tolist():
                    if number not in writers:
                        path = split.files[_UNIX + timedelta(days=number)] = work / f"{number}"
                        writers[number] = stack.enter_context(pq.ParquetWriter(path, rows.schema, compression="zstd"))
                    writers[number].write_table(rows.filter(pa.array(days == number)))
    return split


def _batches(opened: pq.ParquetFile) -> Iterator[tuple[pa.Table, npt.NDArray[np.int64]]]:
    """The rows in the types of the contract, some at a time, and the day of each (NO_DAY where none is told)."""
    for batch in opened.iter_batches(_BATCH_ROWS):
        rows = as_agreed(pa.Table.from_batches([batch]), "events")
        yield rows, _days(rows)


def as_agreed(rows: pa.Table, kind: str) -> pa.Table:
    """The columns of the contract in its types, as far as they are there; other columns as they came."""
    for field in SCHEMAS[kind]:
        index = rows.schema.get_field_index(field.name)
        if index >= 0:
            rows = rows.set_column(index, field, pc.cast(rows.column(index), field.type, safe=False))
    return rows


def _days(rows: pa.Table) -> npt.NDArray[np.int64]:
    times = [rows.column(name) for name in ("received_at", "occurred_at") if name in rows.column_names]
    told = pc.fill_null(pc.coalesce(*times).cast(pa.int64()), NO_DAY)
    return days_of(told.to_numpy())
