"""The weekly batch: who gets what, and what happens when it may not be shown."""

from __future__ import annotations

from serving_platform import Platform

from segue.features import playlist_row
from segue.playlists import read_visible_week, week_key
from serving import weekly


def test_everyone_gets_a_full_list_and_then_the_week_is_visible(platform: Platform) -> None:
    outcome = weekly.run(week=platform.week, engine="local")
    assert outcome.exit_code == 0, outcome.text
    visible = read_visible_week()
    assert visible is not None
    assert (visible.week, visible.release, visible.users) == (platform.week, platform.version, 42)
    row = playlist_row("u00001", week_key(platform.week, platform.version))
    assert row is not None
    assert len(row["track_ids"]) == 30
