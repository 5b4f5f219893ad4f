"""Which weeks of playlists the online store holds, and the end of the old ones.

No store of Feast's says which keys it has, so what is about to be written is written down first: a folder of a week and a
make of it, with the users as Parquet, and `complete.json` once every row is there. A week is deleted from these lists, and the
folder goes last, so a run that was killed anywhere leaves nothing that the next one does not find.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from segue.atomic import replacing_file, write_json
from segue.home import get_home
from segue.playlist_store import delete_playlists
from segue.playlists import VisibleWeek, stored_folder
from segue.stored import json_object, read_stored

if TYPE_CHECKING:
    import pyarrow as pa

COMPLETE = "complete.json"
MEND = "remove it, and `segue playlists` for that week makes it again"


@dataclass(frozen=True)
class StoredWeek:
    """Playlists under one key, made by one release; `complete_at` is None while they are written or deleted, and after a
    kill."""

    key: str
    complete_at: datetime | None

    @property
    def week(self) -> date:
        return date.fromisoformat(self.key.partition("/")[0])

    @property
    def release(self) -> str:
        return self.key.partition("/")[2].partition("@")[0]

    @property
    def folder(self) -> Path:
        return stored_folder(self.key)


def begin_week(key: str, users: Iterable[pa.Array]) -> None:
    """Write down whose playlists are about to be stored, beside those of an earlier try."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, schema = stored_folder(key), pa.schema({"user_id": pa.string()})
    with (
        replacing_file(folder / f"users-{uuid.uuid4().hex}.parquet") as temporary,
        pq.ParquetWriter(temporary, schema) as writer,
    ):
        for some in users:
            writer.write_batch(pa.record_batch([some], schema=schema))
    (folder / COMPLETE).unlink(missing_ok=True)


def end_week(key: str) -> None:
    """Write down that every playlist is stored."""
    write_json(stored_folder(key) / COMPLETE, {"complete_at": datetime.now(UTC).isoformat()})


def stored_weeks() -> list[StoredWeek]:
    """What the store holds, oldest week first."""
    found = []
    for folder in sorted((get_home().playlists / "stored").glob("*/*")):
        at = read_stored(folder / COMPLETE, _completed, what="when a week was complete", mend=MEND)
        found.append(StoredWeek(f"{folder.parent.name}/{folder.name}", at))
    return found


def _completed(content: bytes) -> datetime:
    return datetime.fromisoformat(json_object(content)["complete_at"])


def expired(visible: VisibleWeek, weeks: int) -> list[StoredWeek]:
    """What may go while `visible` is: all but the last complete try of each of the newest `weeks` weeks.

    Never what is visible, nor what was before it, which a reader may have found in the pointer a moment ago; nor a later
    week, which is on its way.
    """
    stored = [one for one in stored_weeks() if one.week <= visible.week]
    last = last_complete(stored)
    kept = {last[week].key for week in sorted(last)[-weeks:]} | {visible.key, visible.before}
    return [one for one in stored if one.key not in kept]


def last_complete(stored: Iterable[StoredWeek]) -> dict[date, StoredWeek]:
    """The last complete make of each week."""
    complete = sorted((one for one in stored if one.complete_at), key=lambda one: str(one.complete_at))
    return {one.week: one for one in complete}


def expire_weeks(visible: VisibleWeek, weeks: int) -> list[StoredWeek]:
    """Delete from the store what may go; gives what was deleted."""
    gone = expired(visible, weeks)
    for one in gone:
        (one.folder / COMPLETE).unlink(missing_ok=True)
        for users in sorted(one.folder.glob("users-*.parquet")):
            _delete_of(users, one.key)
        shutil.rmtree(one.folder)
        if not any(one.folder.parent.iterdir()):
            one.folder.parent.rmdir()
    return gone


def _delete_of(users: Path, key: str) -> None:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(users).iter_batches(batch_size=10_000):
        delete_playlists(batch.column(0).to_pylist(), key)
