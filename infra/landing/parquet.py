"""Parquet files of our own event format: events split by day of arrival, catalogue and accounts as one file."""

from __future__ import annotations

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
_UNIX = date(1970, 1, 1)


def split_parquet(opened: pq.ParquetFile, name: str, work: Path) -> Split:
    """Put the events down in `work`, one file per day; rows without a day go with the last one. SegueError if all are."""
    split, undated = Split(), []
    with ExitStack() as stack:
        writers: dict[date, pq.ParquetWriter] = {}
        for batch in opened.iter_batches(_BATCH_ROWS):
            rows = as_agreed(pa.Table.from_batches([batch]), "events")
            days = _days(rows)
            split.rows += len(rows)
            undated.append(rows.filter(pa.array(days == NO_DAY)))
            for number in np.unique(days[days != NO_DAY]).tolist():
                day = _UNIX + timedelta(days=number)
                if day not in writers:
                    split.files[day] = work / f"{number}"
                    writers[day] = stack.enter_context(pq.ParquetWriter(split.files[day], rows.schema, compression="zstd"))
                writers[day].write_table(rows.filter(pa.array(days == number)))
        _add_undated(split, writers, pa.concat_tables(undated), name)
    return split


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


def _add_undated(split: Split, writers: dict[date, pq.ParquetWriter], rows: pa.Table, name: str) -> None:
    if not writers:
        received = f"{split.rows} rows of which none tells its day"
        raise SegueError(expected=f"times in occurred_at of {name}", received=received, mend="fill the column")
    split.undated = len(rows)
    if len(rows):
        writers[max(writers)].write_table(rows)
