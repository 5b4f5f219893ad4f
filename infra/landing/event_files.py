"""Our own event format, as JSON Lines or Parquet: which kind a file is, and whether its columns keep the contract.

Columns are checked here, once per file; rows one by one by dbt, which keeps a bad one with its reason.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from infra.landing.lines import as_lines, as_text, blocks, reading_in_utc
from infra.landing.schemas import SCHEMAS
from infra.landing.text_format import TextFormat, json_field, microseconds_of_text
from segue.errors import SegueError
from segue.events import REQUIRED_COLUMNS

_HEAD_LINES = 2_000
_PARQUET_MAGIC = b"PAR1"
_ONLY_IN_EVENTS = ("event_id", "event_type", "occurred_at")
_WHOLE = ("BIGINT", "UBIGINT")
_JSON_TYPES = {"string": ("VARCHAR",), "int64": _WHOLE, "double": ("DOUBLE", *_WHOLE), "bool": ("BOOLEAN",)}

EVENTS_FORMAT = TextFormat(
    kind="events",
    suffix=".jsonl",
    microseconds="coalesce({}, {})".format(*(microseconds_of_text(json_field(n)) for n in ("received_at", "occurred_at"))),
    described="JSON Lines with an ISO time in occurred_at",
)
"""The day of an event is the day it arrived, when it says so, else the day it happened."""


def is_parquet(path: Path) -> bool:
    """Whether the file says it is Parquet, by its first bytes or its name."""
    with path.open("rb") as source:
        return source.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC or path.suffix == ".parquet"


def open_parquet(path: Path) -> pq.ParquetFile:
    """The file, if it is Parquet with at least one row; else SegueError."""
    try:
        opened = pq.ParquetFile(path)
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as problem:
        mend = "write the file again; it may be cut short"
        raise SegueError(expected=f"Parquet in {path.name}", received="bytes that are not", mend=mend) from problem
    if not opened.metadata.num_rows:
        raise SegueError(expected=f"rows in {path.name}", received="an empty file", mend="give a file with at least one row")
    return opened


def check_parquet(path: Path, schema: pa.Schema) -> str:
    """The kind of a Parquet file; SegueError when a column is missing or of a type that does not mean the same."""
    kind = kind_of(set(schema.names), path)
    for field in SCHEMAS[kind]:
        index = schema.get_field_index(field.name)
        if index < 0:
            _refuse_missing(field.name, kind, path)
        elif not _means_the_same(schema.field(index).type, field.type):
            _refuse_type(field.name, str(field.type), str(schema.field(index).type), path)
    return kind


def check_json(path: Path) -> str:
    """The kind of a JSON Lines file, judged by its first lines; SegueError when it is none or a column is not as agreed."""
    with reading_in_utc() as connection:
        types = _json_types(connection, path)
    kind = kind_of(set(types), path)
    for field in SCHEMAS[kind]:
        found = types.get(field.name, set()) - {"NULL"}
        if not found:
            _refuse_missing(field.name, kind, path)
        elif not found & set(_json_types_for(field.type)):
            _refuse_type(field.name, str(field.type), " or ".join(sorted(found)), path)
    return kind


def kind_of(columns: set[str], path: Path) -> str:
    """`events`, `tracks` or `users`, by the columns, else by the nearest folder with such a name; SegueError for neither."""
    if columns & set(_ONLY_IN_EVENTS):
        return "events"
    for kind in ("tracks", "users"):
        if set(REQUIRED_COLUMNS[kind]) <= columns:
            return kind
    for folder in reversed(path.parts[:-1]):
        if folder in SCHEMAS:
            return folder
    received = "columns " + ", ".join(sorted(columns)[:12])
    raise SegueError(expected=f"events, tracks or users in {path.name}", received=received, mend="see segue/events.py")


def _json_types(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, set[str]]:
    """JSON types of each top-level field among the first lines that are objects; of a list with that of its first element."""
    first = next(blocks(path), b"")
    head = b"\n".join([*first.split(b"\n", _HEAD_LINES)[:_HEAD_LINES], b""])
    if not head.strip():
        raise SegueError(expected=f"rows in {path.name}", received="an empty file", mend="give a file with at least one row")
    connection.register("head", pa.table({"line": as_text(as_lines(head))}))
    rows = connection.execute("""
        with objects as (select line from head where json_valid(line) and json_type(line) = 'OBJECT'),
        named as (select line, unnest(json_keys(line)) as name from objects),
        typed as (select name, json_extract(line, '$."' || replace(name, '"', '\\"') || '"') as value from named)
        select distinct name, json_type(value) || coalesce('<' || json_type(value, '$[0]') || '>', '') from typed
    """).fetchall()
    if not rows:
        mend = "write one JSON object per line, or Parquet"
        raise SegueError(expected=f"Parquet or JSON Lines in {path.name}", received="neither", mend=mend)
    types: dict[str, set[str]] = {}
    for name, kind in rows:
        types.setdefault(name, set()).add(kind or "NULL")
    return types


def _json_types_for(kind: pa.DataType) -> tuple[str, ...]:
    return ("ARRAY", "ARRAY<OBJECT>") if pa.types.is_list(kind) else _JSON_TYPES.get(str(kind), ("VARCHAR",))


def _means_the_same(received: pa.DataType, agreed: pa.DataType) -> bool:
    """Whether values of one type read as the other without loss of meaning: another width, unit or encoding of the same."""
    if pa.types.is_null(received):
        return True
    if pa.types.is_dictionary(received):
        received = received.value_type
    if pa.types.is_timestamp(agreed):
        return pa.types.is_timestamp(received) and received.tz is not None
    if _is_list(agreed):
        return _is_list(received) and _means_the_same(received.value_type, agreed.value_type)
    if pa.types.is_struct(agreed):
        return pa.types.is_struct(received) and all(_is_field_of(agreed, field) for field in received)
    for same in (pa.types.is_integer, _is_number, _is_text):
        if same(agreed):
            return bool(same(received))
    return bool(received == agreed)


def _is_field_of(agreed: pa.StructType, received: pa.Field) -> bool:
    """A field may be missing; one more than agreed may change what the others mean."""
    place = agreed.get_field_index(received.name)
    return place >= 0 and _means_the_same(received.type, agreed.field(place).type)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _refuse_missing(name: str, kind: str, path: Path) -> None:
    if name in REQUIRED_COLUMNS[kind]:
        raise SegueError(
            expected=f"a column {name} in {path.name}", received="none", mend=f"add it, see the {kind} of segue/events.py"
        )


def _refuse_type(name: str, agreed: str, received: str, path: Path) -> None:
    raise SegueError(expected=f"{name} as {agreed} in {path.name}", received=received, mend="write the column with that type")
