"""A weekly batch as the tests run it: one run, one stored list."""

from __future__ import annotations

from typing import Any

from serving_platform import Platform

from segue.features import playlist_row
from segue.playlists import week_key
from serving import weekly


def make(platform: Platform) -> Any:
    return weekly.run(week=platform.week, engine="local")


def stored(platform: Platform, user: str) -> dict[str, Any]:
    row = playlist_row(user, week_key(platform.week, platform.version))
    assert row is not None
    return row
