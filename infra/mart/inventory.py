"""What has landed by the end of a day: every file with its size, its format, and whether it can be read at all.

A file is known by its path and its size, because the live service appends to its JSON Lines files. dbt reads the inventory
instead of looking at folders itself, so that a build sees one moment of the landing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path

from segue.atomic import replacing_file
from segue.errors import NotBegunError
from segue.events import EVENT_COLUMNS, REQUIRED_COLUMNS, TRACK_COLUMNS, USER_COLUMNS
from segue.home import Home
from segue.names import Source

KINDS = {"events": EVENT_COLUMNS, "tracks": TRACK_COLUMNS, "users": USER_COLUMNS}
FORMATS = {".parquet": "parquet", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".tsv": "tsv"}
LONGEST_LINE = 4_000_000
"""Bytes: four times the largest request the service takes. The reader of bronze stops at twice that."""


@dataclass(frozen=True)
class LandedFile:
    """One file; `problem` says in words why none of it can be read."""

    source: str
    kind: str
    arrival_day: date
    landed_file: str
    path: str
    file_size: int
    format: str
    problem: str | None
    as_of: date


def take(home: Home, as_of: date, *, known: list[LandedFile] | None = None) -> list[LandedFile]:
    """The files of every source that arrived on or before `as_of`, in order of arrival.

    A file that `known` holds at its present size is not opened again: a day's work does not grow with the history.

    Raises:
        SegueError: no events arrived on that day; a listen never arrives before its day, so nobody was heard on it either.
    """
    seen = {(file.landed_file, file.file_size): file for file in known or ()}
    found = sorted(_landed(home.landing, as_of, seen), key=lambda file: (file.arrival_day, file.landed_file))
    days = [file.arrival_day for file in found if file.kind == "events"]
    if as_of in days:
        return found
    if days:
        mend = f"run `segue features --as-of {days[-1]}`, or land the events of {as_of}"
        raise NotBegunError(expected=f"events that arrived on {as_of}", received=f"none after {days[-1]}", mend=mend)
    raise NotBegunError(
        expected=f"events in {home.landing} that arrived by {as_of}",
        received=_what_is_there(home.landing),
        mend="run `segue world` or `segue land` first, or take a later --as-of",
    )


def read(path: Path) -> list[LandedFile]:
    """The inventory at `path`; none when there is no such file."""
    import pyarrow.parquet as pq

    return [LandedFile(**row) for row in pq.read_table(path).to_pylist()] if path.exists() else []


def write(files: list[LandedFile], target: Path) -> None:
    """Replace `target` with the inventory as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, day = pa.string(), pa.date32()
    kinds = {"arrival_day": day, "file_size": pa.int64(), "as_of": day}
    schema = pa.schema([(column.name, kinds.get(column.name, text)) for column in fields(LandedFile)])
    with replacing_file(target) as temporary:
        pq.write_table(pa.Table.from_pylist([asdict(file) for file in files], schema=schema), temporary)


def _landed(landing: Path, as_of: date, seen: dict[tuple[str, int], LandedFile]) -> Iterator[LandedFile]:
    for source in Source:
        for kind in KINDS:
            for folder in sorted((landing / source / kind).glob("day=*")):
                day = _day(folder)
                if day is None or day > as_of:
                    continue
                for path in sorted(folder.iterdir()):
                    if path.is_file() and not path.name.startswith("."):
                        before = seen.get((path.relative_to(landing).as_posix(), path.stat().st_size))
                        yield replace(before, as_of=as_of) if before else _described(landing, path, source, kind, day, as_of)


def _day(folder: Path) -> date | None:
    try:
        return date.fromisoformat(folder.name.removeprefix("day="))
    except ValueError:
        return None


def _described(landing: Path, path: Path, source: Source, kind: str, day: date, as_of: date) -> LandedFile:
    form = FORMATS.get(path.suffix)
    problem = None
    if form is None:
        form, problem = "unknown", f"the name of {path.name} says no format that is read: {', '.join(FORMATS)}"
    elif form == "parquet":
        problem = _parquet_problem(path, KINDS[kind] if source is Source.EVENTS else {}, REQUIRED_COLUMNS[kind])
    elif _longest_line(path) > LONGEST_LINE:
        problem = f"a line of more than {LONGEST_LINE} bytes"
    elif not _is_utf8(path):
        form = f"{form}:latin-1"
    relative = path.relative_to(landing).as_posix()
    return LandedFile(str(source), kind, day, relative, str(path), path.stat().st_size, form, problem, as_of)


def _parquet_problem(path: Path, columns: dict[str, str], required: tuple[str, ...]) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as problem:
        return f"not a Parquet file: {problem}"
    if not columns:
        return None
    missing = [name for name in required if name not in schema.names]
    if missing:
        return f"without the column {', '.join(missing)}"
    for name in set(columns) & set(schema.names):
        if not _fits(schema.field(name).type, columns[name]):
            return f"column {name} is {schema.field(name).type}, expected {columns[name]}"
    return None


def _fits(found: object, expected: str) -> bool:
    """Whether every value of an Arrow type can be read as the expected one."""
    import pyarrow.types as types

    if types.is_null(found):
        return True
    kind = expected.partition("[")[0].partition("<")[0]
    accepts = {
        "string": lambda t: types.is_string(t) or types.is_large_string(t) or types.is_dictionary(t),
        "timestamp": types.is_timestamp,
        "int64": types.is_integer,
        "double": lambda t: types.is_floating(t) or types.is_integer(t),
        "bool": types.is_boolean,
        "date32": types.is_date,
        "list": lambda t: types.is_list(t) or types.is_large_list(t),
    }
    return bool(accepts[kind](found))


def _longest_line(path: Path) -> int:
    """Bytes of the longest line, or any number above `LONGEST_LINE` when one is longer than that."""
    with path.open("rb") as lines:
        return max((len(line) for line in iter(lambda: lines.readline(LONGEST_LINE + 2), b"")), default=0)


def _is_utf8(path: Path) -> bool:
    with path.open("r", encoding="utf-8", errors="strict") as lines:
        try:
            while lines.read(1 << 20):
                pass
        except UnicodeDecodeError:
            return False
    return True


def _what_is_there(landing: Path) -> str:
    days = sorted({file.arrival_day for file in _landed(landing, date.max, {}) if file.kind == "events"})
    return f"events from {days[0]} to {days[-1]}" if days else "an empty landing"
