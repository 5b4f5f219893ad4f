"""Damaged tables as a cause. Every file is written whole and then renamed, so a Parquet file without its end was cut short or
overwritten since: by a disk, a half-made copy. What reads it may fail with a message without a path; this finds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segue.errors import SegueError
from segue.home import Home, get_home
from segue.stored import MADE_AGAIN

_READERS = {"pyarrow", "duckdb", "_duckdb", "pandas"}
_MENDS = {
    "features": "remove it, then `segue features` writes it again (`segue embed`, if it is in track_vectors)",
    "releases": "put it back from a copy, or train and promote another release",
    "playlists": "remove it and make the week again: `segue playlists --week D`",
}
_SHOWN = 3


def damaged_tables(problem: BaseException) -> SegueError | None:
    """The sentence for a failed read of a table, with the files at fault; None where no reader of tables raised `problem`, or
    no file of the home is found damaged: it keeps its traceback. Where `problem` names one of them it is that one."""
    if not _of_a_reader(problem):
        return None
    home = get_home()
    damaged = sorted(_without_an_end(home))
    if not damaged:
        return None
    damaged = [path for path in damaged if str(path) in str(problem)] or damaged
    room = damaged[0].relative_to(home.root).parts[0]
    found = [path for path in damaged if path.is_relative_to(home.root / room)]
    told = ", ".join(map(str, found[:_SHOWN])) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    return SegueError(
        expected=f"whole Parquet files in {home.root / room}",
        received=f"{told}, which cannot be read",
        mend=_MENDS.get(room, MADE_AGAIN),
    )


def _of_a_reader(problem: BaseException) -> bool:
    """Whether a library that reads tables raised this. Arrow raises OSErrors too, which have no number of the system."""
    if isinstance(problem, OSError):
        return problem.errno is None
    return bool(_READERS & {kind.__module__.split(".")[0] for kind in type(problem).__mro__})


def _without_an_end(home: Home) -> Iterator[Path]:
    """The Parquet files of a home whose footer cannot be read; neither those that are being written nor those of the landing,
    where anything may arrive and what cannot be read is counted with its reason."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in home.root.rglob("*.parquet"):
        if path.is_relative_to(home.tmp) or path.is_relative_to(home.landing) or path.name.startswith("."):
            continue
        try:
            pq.read_metadata(path)
        except FileNotFoundError:
            continue
        except (OSError, pa.ArrowException):
            yield path
