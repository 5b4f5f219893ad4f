"""The agreement on weekly playlists: what one is, and which week is visible.

A playlist is a feature of a user and a week, kept in Feast's online store under (user_id, week). Writing it shows it to
nobody: the pointer names the visible week and release, and moves once, after the audit.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel

from segue.atomic import write_json
from segue.home import get_home

PLAYLIST_LENGTH = 30


class VisibleWeek(BaseModel):
    """The week that `GET /v1/users/{id}/weekly` shows."""

    week: date
    release: str
    published_at: datetime
    users: int


def week_key(week: date, release: str) -> str:
    """The `week` join key: a week made again by another release is another playlist until the pointer moves."""
    return f"{week.isoformat()}/{release}"


def read_visible_week() -> VisibleWeek | None:
    path = _pointer_path()
    return VisibleWeek.model_validate_json(path.read_bytes()) if path.exists() else None


def show_week(visible: VisibleWeek) -> None:
    """Move the pointer with one rename."""
    write_json(_pointer_path(), visible.model_dump(mode="json"))


def audit_path(week: date) -> Path:
    return get_home().playlists / "audits" / f"{week.isoformat()}.json"


def _pointer_path() -> Path:
    return get_home().playlists / "visible.json"
