"""The agreement on weekly playlists: what one is, and which week is visible.

A playlist is a feature of a user and a week, kept in Feast's online store under (user_id, week). Writing it shows it to
nobody: the pointer names the visible week, release and make, and moves once, after the audit.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from segue.atomic import write_json
from segue.home import get_home
from segue.stored import read_stored

PLAYLIST_LENGTH = 30
_DIGITS = 12


class VisibleWeek(BaseModel):
    """The week that `GET /v1/users/{id}/weekly` shows; `digest` is that of all its playlists, `before` the key of the week it
    showed before."""

    week: date
    release: str
    digest: str = ""
    published_at: datetime
    users: int
    before: str | None = None

    @property
    def key(self) -> str:
        return week_key(self.week, self.release, self.digest)


def week_key(week: date, release: str, digest: str = "") -> str:
    """The `week` join key: a week made again with another list for anyone, by whatever release, lies under another key, which
    nobody reads until the pointer moves. Weeks stored before the key had a digest have none."""
    return f"{week.isoformat()}/{make_name(release, digest)}"


def make_name(release: str, digest: str) -> str:
    """What a make of a week is called: the release, and the beginning of the digest of all playlists."""
    return f"{release}@{digest[:_DIGITS]}" if digest else release


def read_visible_week() -> VisibleWeek | None:
    """The pointer as it is now; its file is read when it is another one than last time.

    Raises:
        SegueError: it cannot be read.
    """
    path = _pointer_path()
    try:
        status = path.stat()
        return _read_pointer(path, status.st_mtime_ns, status.st_ino, status.st_size)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4)
def _read_pointer(path: Path, modified_ns: int, inode: int, size: int) -> VisibleWeek | None:
    del modified_ns, inode, size  # the key: a pointer moves by renaming another file over it
    mend = "put it back from a copy, or remove it and run `segue playlists --week D`"
    return read_stored(path, VisibleWeek.model_validate_json, what="the pointer to the visible week", mend=mend)


def show_week(visible: VisibleWeek) -> None:
    """Move the pointer with one rename."""
    write_json(_pointer_path(), visible.model_dump(mode="json"))


def stored_folder(key: str) -> Path:
    """Where it is written down whose playlists the store holds under a week's key, see `segue.stored_weeks`."""
    return get_home().playlists / "stored" / key


def audit_path(week: date, *, failed: bool = False) -> Path:
    """The audit of the lists of a week that the store has; with `failed` of the last try that never came so far, until one
    does."""
    return get_home().playlists / "audits" / f"{week.isoformat()}{'.failed' if failed else ''}.json"


def _pointer_path() -> Path:
    return get_home().playlists / "visible.json"
