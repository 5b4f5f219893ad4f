"""The agreement on weekly playlists: what one is, and which week is visible.

A playlist is a feature of a user and a week, kept in Feast's online store under (user_id, week). Writing it shows it to
nobody: the pointer names the visible week and release, and moves once, after the audit.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from segue.atomic import write_json
from segue.home import get_home

PLAYLIST_LENGTH = 30


class VisibleWeek(BaseModel):
    """The week that `GET /v1/users/{id}/weekly` shows; `before` is the key of the one it showed before."""

    week: date
    release: str
    published_at: datetime
    users: int
    before: str | None = None

    @property
    def key(self) -> str:
        return week_key(self.week, self.release)


def week_key(week: date, release: str) -> str:
    """The `week` join key: a week made again by another release is another playlist until the pointer moves."""
    return f"{week.isoformat()}/{release}"


def read_visible_week() -> VisibleWeek | None:
    """The pointer as it is now; its file is read when it is another one than last time."""
    path = _pointer_path()
    try:
        status = path.stat()
        return _read_pointer(path, status.st_mtime_ns, status.st_ino, status.st_size)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4)
def _read_pointer(path: Path, modified_ns: int, inode: int, size: int) -> VisibleWeek:
    del modified_ns, inode, size  # the key: a pointer moves by renaming another file over it
    return VisibleWeek.model_validate_json(path.read_bytes())


def show_week(visible: VisibleWeek) -> None:
    """Move the pointer with one rename."""
    write_json(_pointer_path(), visible.model_dump(mode="json"))


def stored_folder(week: date, release: str) -> Path:
    """Where it is written down whose playlists of a week the store holds, see `segue.stored_weeks`."""
    return get_home().playlists / "stored" / week.isoformat() / release


def audit_path(week: date) -> Path:
    return get_home().playlists / "audits" / f"{week.isoformat()}.json"


def _pointer_path() -> Path:
    return get_home().playlists / "visible.json"
