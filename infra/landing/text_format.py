"""What landing must know of a source of text lines: how to tell the time of a row, and what its rows look like in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextFormat:
    """One row per line.

    Args:
        kind: `events`, `tracks` or `users`.
        suffix: of the landed files, with its dot.
        microseconds: DuckDB expression over `line` (text, no line end): when the row happened, in microseconds since 1970;
            null when that cannot be told.
        described: a row in words, for the sentence that refuses a file without any.
        header: first line of every file, or None.
    """

    kind: str
    suffix: str
    microseconds: str
    described: str
    header: str | None = None


def json_field(name: str) -> str:
    """DuckDB expression: the text of a top-level field of the JSON object in `line`, null when there is none."""
    return f"case when json_valid(line) then json_extract_string(line, '$.{name}') end"


def microseconds_of_text(text: str) -> str:
    """DuckDB expression: an ISO 8601 time as microseconds since 1970; without an offset it is UTC."""
    return f"try(epoch_us(try_cast({text} as timestamptz)))"


def microseconds_of_seconds(text: str) -> str:
    """DuckDB expression: seconds since 1970 as microseconds."""
    return f"try(try_cast({text} as bigint) * 1000000)"


def tab_field(number: int) -> str:
    """DuckDB expression: the field `number`, from 1, of a tab-separated `line`."""
    return f"trim(split_part(line, chr(9), {number}))"
