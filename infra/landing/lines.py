"""A text file as lines, fast and unchanged: cut into blocks, each line's day told by DuckDB, bytes put down day by day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.landing.text_format import TextFormat
from segue.errors import SegueError

_BLOCK_BYTES = 32 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNIX = date(1970, 1, 1)
_FIRST_DAY, _END_DAY = (date(2000, 1, 1) - _UNIX).days, (date(2100, 1, 1) - _UNIX).days
NO_DAY = np.iinfo(np.int64).min
"""The day, in days since 1970, of a row that does not tell; days outside 2000 to 2099 count as that."""


@dataclass
class Split:
    """Files of one landed file by day, still in the work folder, with the number of rows and of those without a day."""

    files: dict[date, Path] = field(default_factory=dict)
    rows: int = 0
    undated: int = 0


def blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines, each ending with a line end; a byte order mark is dropped."""
    with path.open("rb") as source:
        rest = source.read(len(_BYTE_ORDER_MARK)).removeprefix(_BYTE_ORDER_MARK)
        while piece := source.read(_BLOCK_BYTES):
            whole, end, rest = (rest + piece).rpartition(b"\n")
            if end:
                yield whole + end
        if rest:
            yield rest + b"\n"


@contextmanager
def reading_in_utc() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory to which a time without an offset is UTC, whatever the zone of the machine."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def split_by_day(path: Path, form: TextFormat, work: Path) -> Split:
    """Put the rows of `path` down in `work`, one file per day, text unchanged; rows without a day go with the last one.

    SegueError for a file with another header, without rows, or without one row that tells its day.
    """
    split, undated = Split(), work / "undated"
    with reading_in_utc() as connection:
        for number, block in enumerate(blocks(path)):
            rows = _without_blanks(as_lines(_without_header(block, form, path) if number == 0 else block))
            days = days_of(microseconds(connection, form, rows))
            split.rows += len(rows)
            split.undated += int((days == NO_DAY).sum())
            for day in np.unique(days).tolist():
                target = undated if day == NO_DAY else split.files.setdefault(_UNIX + timedelta(days=day), work / f"{day}")
                _append(target, rows.filter(pa.array(days == day)))
    _refuse_unless_dated(split, form, path)
    if undated.exists():
        _append_file(split.files[max(split.files)], undated)
    return split


def as_lines(block: bytes) -> pa.LargeBinaryArray:
    """The lines of `block`, which ends with a line end, without copying; each keeps its own."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    offsets = np.concatenate([[0], ends]).astype(np.int64)
    return pa.Array.from_buffers(pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(block)])


def as_text(rows: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """Lines as text for reading; a byte that is no UTF-8 reads as a replacement character, the landed bytes stay."""
    try:
        return rows.cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([row.decode("utf-8", errors="replace") for row in rows.to_pylist()], pa.large_string())


def microseconds(connection: duckdb.DuckDBPyConnection, form: TextFormat, rows: pa.LargeBinaryArray) -> npt.NDArray[np.int64]:
    """When each row happened (n,), microseconds since 1970; `NO_DAY` where it does not tell."""
    connection.register("raw", pa.table({"number": np.arange(len(rows)), "line": as_text(rows)}))
    trimmed = "select number, rtrim(line, chr(10) || chr(13)) as line from raw"
    query = f"select coalesce({form.microseconds}, {NO_DAY}) as told from ({trimmed}) order by number"  # noqa: S608 - own constants
    return np.asarray(connection.execute(query).fetchnumpy()["told"], np.int64)


def days_of(told: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Days since 1970 (n,) of microseconds since 1970; `NO_DAY` outside 2000 to 2099."""
    days = told // (86_400 * 1_000_000)
    return np.where((days >= _FIRST_DAY) & (days < _END_DAY), days, NO_DAY)


def _without_header(block: bytes, form: TextFormat, path: Path) -> bytes:
    if form.header is None:
        return block
    first, _, rest = block.partition(b"\n")
    if first.strip() != form.header.encode():
        expected = f"the header {form.header!r} in {path.name}"
        received = repr(first[:80].decode("utf-8", errors="replace"))
        raise SegueError(expected=expected, received=received, mend="give the file as its source publishes it")
    return rest


def _without_blanks(rows: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    blank = pc.match_substring_regex(rows, r"^\s*$")
    return rows.filter(pc.invert(blank)) if pc.any(blank).as_py() else rows


def _refuse_unless_dated(split: Split, form: TextFormat, path: Path) -> None:
    if not split.rows:
        raise SegueError(expected=f"rows in {path.name}", received="an empty file", mend="give a file with at least one row")
    if not split.files:
        received = f"{split.rows} rows of which none tells its day"
        raise SegueError(expected=f"{form.described}, in {path.name}", received=received, mend="check --source and the file")


def _append(target: Path, rows: pa.LargeBinaryArray) -> None:
    """Filtering copies the chosen lines side by side, so their buffer is the text to write."""
    offsets = np.frombuffer(rows.buffers()[1], np.int64)[rows.offset : rows.offset + len(rows) + 1]
    with target.open("ab") as out:
        out.write(memoryview(rows.buffers()[2])[offsets[0] : offsets[-1]])


def _append_file(target: Path, source: Path) -> None:
    with target.open("ab") as out, source.open("rb") as added:
        while piece := added.read(_BLOCK_BYTES):
            out.write(piece)
    source.unlink()
