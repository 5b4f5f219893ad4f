"""A weekly batch as the tests run it: one run, one stored list."""

from __future__ import annotations

from typing import Any

from serving_platform import Platform

from segue.features import playlist_row
from segue.stored_weeks import stored_weeks
from serving.weekly import command as weekly


def make(platform: Platform) -> Any:
    return weekly.run(week=platform.week, engine="local")


def key_of(platform: Platform, release: str) -> str:
    """The key of the last lists that a release made for the week."""
    return max((one for one in stored_weeks() if one.release == release), key=lambda one: str(one.complete_at)).key


def stored(platform: Platform, user: str) -> dict[str, Any]:
    row = playlist_row(user, key_of(platform, platform.version))
    assert row is not None
    return row
