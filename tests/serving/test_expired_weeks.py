"""The end of old weeks, and weeks made again, on SQLite and on a real Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from published_weeks import USERS, key_of, made, put, tracks_of, week_of
from serving_platform import Platform

from infra.status.command import run as status
from segue import playlist_store, stored_weeks
from segue.features import playlist_row
from segue.playlists import VisibleWeek, read_visible_week, show_week, week_key
from segue.settings import get_settings
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import publish


def test_old_weeks_leave_the_store_and_the_visible_one_and_the_one_before_stay(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "3")
    get_settings.cache_clear()
    catalogue = load_catalogue()
    expired = [put(tmp_path, catalogue, number).expired for number in range(5)]
    assert expired == [[], [], [], [key_of(0)], [key_of(1)]]
    assert _stored(5) == [False, False, True, True, True]
    row = status().summary["weeks_kept"]
    assert (row["value"], row["weeks"][0], row["incomplete"]) == ("3", week_of(2).isoformat(), [])


def test_a_week_made_again_by_another_release_keeps_the_lists_before_it_for_one_move(
    platform: Platform, store_kind: str, tmp_path: Path
) -> None:
    catalogue = load_catalogue()
    expired = [put(tmp_path, catalogue, 0, release).expired for release in ("r1", "r2", "r2", "r3")]
    assert expired == [[], [], [], [key_of(0)]]
    visible = read_visible_week()
    assert visible is not None
    assert visible.before == key_of(0, "r2")


@pytest.mark.parametrize("digest_in_the_key", [True, False])
def test_the_visible_week_made_again_by_its_release_changes_for_everybody_at_once(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest_in_the_key: bool
) -> None:
    """Twin: under one and the same key a reader meets new lists while the week is still being written."""
    catalogue = load_catalogue()
    old, new = ([tracks_of(catalogue, user, week_of(0), make) for user in USERS] for make in ("", "again"))
    if not digest_in_the_key:
        monkeypatch.setattr(publish.Made, "key", property(lambda made: week_key(made.week, made.release)))
        monkeypatch.setattr(VisibleWeek, "key", property(lambda shown: week_key(shown.week, shown.release)))
    put(tmp_path, catalogue, 0)
    with monkeypatch.context() as context:
        context.setattr(publish, "show_week", _killed)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, catalogue, 0, make="again")
    assert (_visible_lists() == old) == digest_in_the_key
    assert put(tmp_path, catalogue, 0, make="again").expired == []
    assert _visible_lists() == new


def test_a_week_made_again_with_the_same_lists_is_the_same_week(platform: Platform, tmp_path: Path) -> None:
    catalogue = load_catalogue()
    for number in (0, 1, 1):
        put(tmp_path, catalogue, number)
    visible = read_visible_week()
    assert visible is not None
    assert (visible.key, visible.before) == (key_of(1), key_of(0))


def test_a_week_that_was_shown_before_its_key_had_a_digest_is_read_and_in_time_deleted(
    platform: Platform, tmp_path: Path
) -> None:
    catalogue = load_catalogue()
    with pytest.MonkeyPatch.context() as context:
        context.setattr(publish.Made, "key", property(lambda made: week_key(made.week, made.release)))
        put(tmp_path, catalogue, 0)
    shown = read_visible_week()
    assert shown is not None
    show_week(shown.model_copy(update={"digest": ""}))
    assert None not in _visible_lists()
    expired = [put(tmp_path, catalogue, 0, make=make).expired for make in ("again", "and again")]
    assert expired == [[], [f"{week_of(0)}/r1"]]


def test_a_kill_while_old_rows_are_deleted_leaves_the_rest_to_the_next_run(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "2")
    monkeypatch.setattr(playlist_store, "_PER_DELETE", 5)
    get_settings.cache_clear()
    catalogue = load_catalogue()
    for number in range(2):
        put(tmp_path, catalogue, number)
    with monkeypatch.context() as context:
        context.setattr(stored_weeks, "delete_playlists", _killed_halfway)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, catalogue, 2)
    visible = read_visible_week()
    assert visible is not None
    assert visible.week == week_of(2)
    assert _row(USERS[0], 0) is None
    assert _row(USERS[-1], 0) is not None
    assert status().summary["weeks_kept"]["incomplete"] == [key_of(0)]
    put(tmp_path, catalogue, 3)
    assert _stored(4) == [False, False, True, True]


def test_a_week_whose_writing_was_killed_is_deleted_once_it_is_old(
    platform: Platform, store_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_PLAYLIST_WEEKS_KEPT", "2")
    get_settings.cache_clear()
    catalogue = load_catalogue()
    with monkeypatch.context() as context:
        context.setattr(publish, "end_week", _killed)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, catalogue, 0)
    assert _row(USERS[0], 0) is not None
    put(tmp_path, catalogue, 1)
    assert _row(USERS[0], 0) is None


@pytest.mark.parametrize("key", ["key", "before"])
def test_nothing_a_reader_may_hold_expires_however_few_weeks_are_kept(platform: Platform, key: str, tmp_path: Path) -> None:
    """Weeks may be shown in any order by hand: a pointer is kept for its own sake, not for its week."""
    catalogue = load_catalogue()
    for number in range(4):
        put(tmp_path, catalogue, number)
    publish.store_week(made(tmp_path, catalogue, 3, "r2"))  # complete later than the one that is shown, as a kill leaves it
    visible = read_visible_week()
    assert visible is not None
    moved = VisibleWeek(**visible.model_dump() | {"before": key_of(0)})
    assert (moved.key, moved.before) == (key_of(3), key_of(0))
    assert getattr(moved, key) not in [one.key for one in stored_weeks.expired(moved, 1)]
    assert key_of(2) in [one.key for one in stored_weeks.expired(moved, 1)]


def _stored(weeks: int) -> list[bool]:
    return [all(_row(user, number) is not None for user in USERS) for number in range(weeks)]


def _row(user: str, number: int) -> dict[str, Any] | None:
    return playlist_row(user, key_of(number))


def _visible_lists() -> list[list[str] | None]:
    """What everybody is shown at this moment."""
    visible = read_visible_week()
    rows = [playlist_row(user, visible.key) if visible else None for user in USERS]
    return [list(row["track_ids"]) if row else None for row in rows]


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def _killed_halfway(users: list[str], key: str) -> None:
    playlist_store.delete_playlists(users[: len(users) // 2], key)
    raise KeyboardInterrupt
