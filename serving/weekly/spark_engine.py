"""The weekly batch on Spark: the same scoring function as the local engine, in `mapInArrow` over pieces of the users.

Spark moves only names: which users make a piece, and the receipt for it. A task writes its piece of the week where everybody
reads, under the piece's number and with one rename, so that a task that is killed or run twice replaces what it wrote
before. Each process of an executor opens the release once. Nothing here is imported, and no Java needed, without
`--engine spark`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.atomic import replacing_file
from segue.dates import as_of_for_week
from segue.errors import SegueError
from segue.features import write_playlists
from segue.home import get_home
from segue.settings import get_settings
from serving.funnel.funnel import Funnel
from serving.funnel.model import load_model, one_thread_each
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly.batch import BLOCK, READ, Row, batch_width, week_rows
from serving.weekly.publish import Made, stored_form
from serving.weekly.staging import pieces_folder, record_batch, staged_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile
    from pyspark.sql import SparkSession

    Batches = Iterator[pa.RecordBatch]

_OURS = "SEGUE_"
_RECEIPT = "piece long, users long"
_GROUPS_PER_TASK = 20
"""Row groups a task stores; one is what the funnel makes at a time."""


@dataclass(frozen=True)
class Job:
    """What a task must know besides its users: the week, the release, where pieces go, and our settings as they were where
    the run began. They travel with the task, not in Spark's configuration, which its pages show."""

    week: date
    release: str
    folder: Path
    settings: Mapping[str, str]


def spark_rows(session: SparkSession, users: Sequence[str], week: date, release: str, tracks: int) -> Iterator[list[Row]]:
    """What `week_rows` yields for a catalogue of `tracks` tracks, made by the session's executors.

    Raises:
        SegueError: a piece is missing or was answered for twice.
    """
    folder = pieces_folder(week, release)
    cut = pieces(users, batch_width(tracks), session.sparkContext.defaultParallelism)
    try:
        receipts = _on_all(
            session, enumerate(cut), "piece long, users array<string>", score_pieces, _job(week, release, folder)
        )
        _require_each_once({number: len(piece) for number, piece in enumerate(cut)}, receipts)
        for number in range(len(cut)):
            piece = _open(_piece_path(folder, number))
            for group in range(piece.num_row_groups):  # as many rows at a time as the funnel made
                yield piece.read_row_group(group).to_pylist()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pieces(users: Sequence[str], width: int, cores: int) -> list[list[str]]:
    """The users in order, cut only where the local engine cuts: a list may depend on who is scored beside it by the last bit
    of a float. A piece is what is read together, or a few blocks or batches where that is too few pieces to keep every core at
    work."""
    share = -(-len(users) // max(1, 2 * cores))
    if share >= BLOCK:
        span = min(READ, share // BLOCK * BLOCK)
        return [list(users[a : a + span]) for a in range(0, len(users), span)]
    span = max(1, share // width) * width
    starts = range(0, len(users), BLOCK)
    return [list(users[a : min(a + span, b + BLOCK)]) for b in starts for a in range(b, min(b + BLOCK, len(users)), span)]


def score_pieces(job: Job, batches: Batches) -> Batches:
    """In an executor: make and keep the playlists of each piece; its number and how many there are."""
    import pyarrow.parquet as pq

    enter(job.settings)
    funnel, schema = _funnel(job.release, job.week), staged_schema()
    for number, users in _columns(batches):
        with replacing_file(_piece_path(job.folder, number)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
            for rows in week_rows(funnel, users, job.week):
                writer.write_batch(record_batch(rows, schema))
        yield _receipt(number, len(users))


def spark_store(session: SparkSession, made: Made) -> None:
    """Write a staged week to the online store from the session's executors, for `serving.weekly.publish`. The key of a row
    names the digest of the whole week, so that a task run twice writes the same again."""
    groups = _open(made.staged).num_row_groups
    cut = [list(range(first, min(first + _GROUPS_PER_TASK, groups))) for first in range(0, groups, _GROUPS_PER_TASK)]
    job = _job(made.week, made.release, made.staged)
    counts = _on_all(session, enumerate(cut), "piece long, groups array<long>", partial(store_groups, made.key), job)
    if sum(count for _, count in counts) != made.users:
        raise SegueError(
            expected=f"{made.users} playlists written to the store",
            received=str(sum(count for _, count in counts)),
            mend="run `segue playlists` again",
        )


def store_groups(key: str, job: Job, batches: Batches) -> Batches:
    """In an executor: store some row groups of the staged week; their number and how many playlists they hold."""
    enter(job.settings)
    staged = _open(job.folder)
    for number, groups in _columns(batches):
        rows = staged.read_row_groups(groups).to_pandas()
        write_playlists(stored_form(rows, key, job.release))
        yield _receipt(number, len(rows))


def enter(settings: Mapping[str, str]) -> None:
    """Make this process of an executor one of the run's: the same home, the same store."""
    gone = [name for name in os.environ if name.startswith(_OURS) and name not in settings]
    for name in gone:
        del os.environ[name]
    os.environ.update(settings)
    get_settings.cache_clear()


@lru_cache(maxsize=1)
def _funnel(release: str, week: date) -> Funnel:
    one_thread_each()
    return Funnel(load_model(release), load_catalogue(as_of_for_week(week)))


def _job(week: date, release: str, folder: Path) -> Job:
    ours = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
    # Spark has no session for a task to ask: the features of a piece are joined by DuckDB, over the same files.
    return Job(week, release, folder, ours | {"SEGUE_HOME": str(get_home().root), "SEGUE_OFFLINE_STORE": "duckdb"})


def _on_all(
    session: SparkSession,
    rows: Iterable[tuple[int, list[Any]]],
    schema: str,
    work: Callable[[Job, Batches], Batches],
    job: Job,
) -> list[tuple[int, int]]:
    """Do `work` on each row in a partition of its own; the receipts, one per row."""
    numbered = list(rows)
    spread = session.sparkContext.parallelize(numbered, max(1, len(numbered)))
    made = session.createDataFrame(spread, schema).mapInArrow(partial(work, job), _RECEIPT)
    return [(row["piece"], row["users"]) for row in made.collect()]


def _require_each_once(expected: Mapping[int, int], receipts: Sequence[tuple[int, int]]) -> None:
    if sorted(receipts) != sorted(expected.items()):
        raise SegueError(
            expected=f"one receipt for each of {len(expected)} pieces, {sum(expected.values())} playlists",
            received=f"{len(receipts)} receipts for {len(dict(receipts))} pieces, {sum(n for _, n in receipts)} playlists",
            mend="run `segue playlists` again",
        )


def _columns(batches: Batches) -> Iterator[tuple[int, list[Any]]]:
    for batch in batches:
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)


def _receipt(piece: int, users: int) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pydict({"piece": [piece], "users": [users]})


def _piece_path(folder: Path, number: int) -> Path:
    return folder / f"piece-{number:06}.parquet"


def _open(path: Path) -> ParquetFile:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path)
