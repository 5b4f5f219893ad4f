"""From a staged week that passed its audit to one that everybody sees: store, look, log, show, and let old weeks go.

The rows of a week lie under a key of their own, which names the digest of all its playlists: also when the visible week is
made again, writing changes nothing that anyone reads. The pointer moves once they are all there, with one rename; before it a
reader gets the old lists, after it the new ones, of whichever listener.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import SegueError
from segue.features import playlist_row, write_playlists
from segue.playlists import VisibleWeek, read_visible_week, show_week, week_key
from segue.settings import get_settings
from segue.stage import Progress
from segue.stored_weeks import begin_week, end_week, expire_weeks
from serving.tracks.catalogue import Catalogue
from serving.weekly.weekly_log import staged_batches, write_log

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

READ_BACK = 50
"""Playlists read back from the store, evenly over the users, before the week becomes visible."""


@dataclass(frozen=True)
class Made:
    """The playlists of a week, staged in a file: by which release, of how many users, and the digest of them all."""

    staged: Path
    week: date
    release: str
    users: int
    digest: str

    @property
    def key(self) -> str:
        return week_key(self.week, self.release, self.digest)


@dataclass(frozen=True)
class Published:
    """The week that is visible now, and the keys of those that were deleted from the store."""

    visible: VisibleWeek
    expired: list[str]


Write = Callable[[Made], None]
"""Writes every playlist of a staged week to the store: here, or wherever else there are hands."""


def write_staged(made: Made) -> None:
    for batch in staged_batches(made.staged):
        write_playlists(stored_form(batch.to_pandas(), made.key, made.release))


def stored_form(rows: pd.DataFrame, key: str, release: str) -> pd.DataFrame:
    """Staged rows as `write_playlists` takes them."""
    return rows.assign(week=key, release=release)


def publish(
    made: Made,
    catalogue: Catalogue,
    progress: Progress,
    write: Write = write_staged,
    *,
    keep_audit: Callable[[], None] = lambda: None,
) -> Published:
    """Store the playlists and, unless a later week is visible, log them, show them and delete what is older than is kept.
    Their audit takes the place of the one before it when they take that of the lists before."""
    with progress.step("store"):
        store_week(made, write)
    before = read_visible_week()
    if before is not None and made.week < before.week:
        keep_audit()
        return Published(before, [])  # nobody gets these lists, so they are no answers to log
    with progress.step("log"):
        write_log(made.staged, catalogue, made.week, made.release)
    visible = _next(before, made)
    keep_audit()
    show_week(visible)
    with progress.step("delete old weeks"):
        gone = expire_weeks(visible, get_settings().playlist_weeks_kept)
    return Published(visible, [one.key for one in gone])


def store_week(made: Made, write: Write = write_staged) -> None:
    """Write the playlists of a week where nobody reads yet, and read some of them back.

    Raises:
        SegueError: the store does not answer what was written.
    """
    begin_week(made.key, _users(made.staged))
    write(made)
    _read_back(made)
    end_week(made.key)


def _next(before: VisibleWeek | None, made: Made) -> VisibleWeek:
    """The pointer to a week; one that is made again with the same lists keeps what was before it."""
    visible = VisibleWeek(
        week=made.week, release=made.release, digest=made.digest, published_at=datetime.now(UTC), users=made.users
    )
    same = before is not None and before.key == visible.key
    earlier = before.before if before is not None and same else before.key if before is not None else None
    return visible.model_copy(update={"before": earlier})


def _users(staged: Path) -> Iterator[pa.Array]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(staged).iter_batches(columns=["user_id"]):
        yield batch.column(0)


def _read_back(made: Made) -> None:
    """Compare some of what the store now answers with what was staged."""
    every = max(1, made.users // READ_BACK)
    number = 0
    for batch in staged_batches(made.staged):
        for row in batch.to_pylist():
            if number % every == 0:
                stored = playlist_row(row["user_id"], made.key)
                if stored is None or list(stored["track_ids"]) != row["track_ids"]:
                    raise SegueError(
                        expected="the feature store to answer the playlists written to it",
                        received="another playlist" if stored else "none",
                        mend="look after the online store, then run `segue playlists` again",
                    )
            number += 1
