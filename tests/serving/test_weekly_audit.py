"""The audit of a week: what it finds in the staged lists, and that the old week then stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_release import make_release
from left_out import leave_out
from serving_platform import Platform
from weekly_runs import key_of, make, stored

from infra.status.command import run as status
from segue.features import playlist_row
from segue.names import Table
from segue.playlists import VisibleWeek, audit_path, read_visible_week, show_week
from segue.release import read_json
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import command as weekly
from serving.weekly import publish, show

pytestmark = pytest.mark.usefixtures("read_once")


@pytest.mark.parametrize(
    ("rule", "promise"),
    [
        ("already_heard", "already heard"),
        ("licence", "licence"),
        ("explicit", "explicit"),
        ("artist_cap", "no more per artist than the release allows"),
    ],
)
def test_a_rule_that_fails_in_the_funnel_is_caught_by_the_audit_and_the_old_week_stays(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, rule: str, promise: str
) -> None:
    make(platform)
    before, rows = read_visible_week(), repr(stored(platform, "u00001"))
    leave_out(monkeypatch, rule)
    outcome = make(platform)
    assert outcome.exit_code == 3
    assert promise in outcome.summary["broken"]
    assert promise in outcome.text
    assert read_visible_week() == before
    assert repr(stored(platform, "u00001")) == rows
    assert (read_json(audit_path(platform.week)) or {})["passed"] is True
    assert (read_json(audit_path(platform.week, failed=True)) or {})["passed"] is False


@pytest.mark.parametrize("apart", [True, False])
def test_an_older_week_is_shown_after_a_failed_remake_and_told_so_until_one_passes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    """Twin: where a failed audit takes the place of the other, the week that is stored loses the word that it passed."""
    make(platform)
    kept = audit_path(platform.week).read_bytes()
    with monkeypatch.context() as context:
        if not apart:
            context.setattr(weekly, "audit_path", lambda week, failed: audit_path(week))
        leave_out(context, "already_heard")
        assert make(platform).exit_code == 3
    assert (audit_path(platform.week).read_bytes() == kept) is apart
    if apart:
        assert "a later audit failed" in status().text
        show_week(
            VisibleWeek(week=platform.week + timedelta(days=7), release="later", published_at=datetime.now(UTC), users=1)
        )
        assert show.run(user="u00001", week=platform.week, explain=False).summary["week"] == platform.week
        assert make(platform).exit_code == 0
        assert not audit_path(platform.week, failed=True).exists()


def test_the_audit_of_a_week_stays_until_the_lists_made_again_are_all_stored(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(platform)
    kept = audit_path(platform.week).read_bytes()
    make_release("cap-1", as_of=platform.gold.as_of, policy={"artist_cap": 1})
    with monkeypatch.context() as context:
        context.setattr(publish, "end_week", _killed)
        with pytest.raises(KeyboardInterrupt):
            make(platform)
    assert audit_path(platform.week).read_bytes() == kept
    make(platform)
    assert (read_json(audit_path(platform.week)) or {})["release"] == "cap-1"


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def _swap(rows: list[dict[str, Any]], column: str, value: Any) -> None:
    rows[0][column] = value


def _double(rows: list[dict[str, Any]]) -> None:
    rows[0]["track_ids"] = [rows[0]["track_ids"][0]] * 30


def _shorten(rows: list[dict[str, Any]]) -> None:
    for column in ("track_ids", "scores", "sources", "reasons"):
        rows[0][column] = rows[0][column][:29]


INJECTED: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "no duplicate": _double,
    "a full list": _shorten,
    "everyone has a playlist": lambda rows: rows.pop(),
    "one playlist per user": lambda rows: rows.append(dict(rows[0])),
    "only tracks of the catalogue": lambda rows: _swap(rows, "track_ids", ["nothing", *rows[0]["track_ids"][1:]]),
    "only known users": lambda rows: _swap(rows, "user_id", "stranger"),
    "a score, source and reason per track": lambda rows: _swap(rows, "reasons", ["why"]),
    "disliked": lambda rows: _dislike(rows, "disliked_tracks", None),
    "disliked artist": lambda rows: _dislike(rows, "disliked_artists", "artist_id"),
    "one per version family": lambda rows: _two_versions(rows),
    "less popular than the listener's habit": lambda rows: _swap(rows, "track_ids", _hits()),
}


def _gold(table: Table) -> list[dict[str, Any]]:
    from segue.home import get_home

    return pq.read_table(get_home().table(table) / "data.parquet").to_pylist()


def _dislike(rows: list[dict[str, Any]], column: str, of_track: str | None) -> None:
    unhappy = next(row for row in _gold(Table.USER_HISTORY) if row[column])
    theirs = next(row for row in rows if row["user_id"] == unhappy["user_id"])
    tracks = _gold(Table.TRACKS)
    theirs["track_ids"][0] = next(t["track_id"] for t in tracks if t[of_track or "track_id"] == unhappy[column][0])


def _two_versions(rows: list[dict[str, Any]]) -> None:
    families: dict[str, list[str]] = {}
    for track in _gold(Table.TRACKS):
        families.setdefault(track["version_family"], []).append(track["track_id"])
    rows[0]["track_ids"][:2] = next(tracks for tracks in families.values() if len(tracks) > 1)[:2]


def _hits() -> list[str]:
    catalogue = load_catalogue()
    return list(catalogue.ids[np.argsort(-catalogue.plays, kind="stable")[:30]])


@pytest.mark.parametrize("promise", INJECTED)
def test_the_audit_finds_what_is_injected_into_the_staged_lists(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, promise: str
) -> None:
    made = weekly.week_rows

    def tampered(*arguments: Any, **how: Any) -> Any:
        for rows in made(*arguments, **how):
            INJECTED[promise](rows)
            yield rows

    monkeypatch.setattr(weekly, "week_rows", tampered)
    outcome = make(platform)
    assert outcome.exit_code == 3
    assert promise in outcome.summary["broken"]
    assert read_visible_week() is None


def test_a_release_with_an_artist_cap_of_one_gives_lists_with_one_track_per_artist(platform: Platform) -> None:
    make_release("cap-1", as_of=platform.gold.as_of, policy={"artist_cap": 1})
    outcome = make(platform)
    assert outcome.exit_code == 0, outcome.text
    names = pq.read_table(platform.home.table(Table.TRACKS) / "data.parquet").to_pydict()
    artist = dict(zip(names["track_id"], names["artist_id"], strict=True))
    for user in platform.gold.user_group:
        row = playlist_row(user, key_of(platform, "cap-1"))
        assert row is not None
        artists = [artist[track] for track in row["track_ids"]]
        assert len(set(artists)) == len(artists) > 0
    assert "already 1 track by Artist" in show.run(user="u00003", week=None, explain=True).text


def test_the_audit_counts_artists_by_the_setting_of_the_release(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    make_release("cap-1", as_of=platform.gold.as_of, policy={"artist_cap": 1})
    leave_out(monkeypatch, "artist_cap")
    outcome = make(platform)
    assert (outcome.exit_code, outcome.summary["broken"]) == (3, ["no more per artist than the release allows"])


def share_of_small_artists() -> float:
    verdict = read_json(audit_path(read_visible_week().week))  # type: ignore[union-attr]
    assert verdict is not None
    whole = {one["part"]: one["exposure"] for one in verdict["exposure"] if one["territory"] == "everywhere"}
    return float(whole["small"])


def test_a_release_with_a_floor_for_small_artists_gives_them_that_share_of_its_week(platform: Platform) -> None:
    make(platform)
    assert 0 < share_of_small_artists() < 0.25, "without a floor they have less"
    make_release("small-4", as_of=platform.gold.as_of, policy={"small_artists": 0.4})
    outcome = make(platform)
    assert outcome.exit_code == 0, outcome.text
    assert share_of_small_artists() >= 0.4
    chart = playlist_row(platform.gold.new_users[0], key_of(platform, "small-4"))
    assert chart is not None
    assert list(chart["reasons"]).count("rule:small_artists") >= 0.4 * 30 - 3, "whom nobody knows gets them from the chart"
    assert "from an artist with few plays so far" in show.run(user="u00003", week=None, explain=False).text


def test_a_week_whose_rule_for_small_artists_does_nothing_is_not_shown(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_visible_week()
    make_release("small-4", as_of=platform.gold.as_of, policy={"small_artists": 0.4})
    leave_out(monkeypatch, "small_artists")
    outcome = make(platform)
    assert (outcome.exit_code, outcome.summary["broken"]) == (3, ["small artists have their floor"])
    assert "a lower small_artists" in outcome.text
    assert read_visible_week() == before


def test_the_audit_of_a_week_keeps_whom_it_put_before_listeners(platform: Platform) -> None:
    make(platform)
    verdict = read_json(audit_path(platform.week))
    assert verdict is not None
    whole = [one for one in verdict["exposure"] if one["territory"] == "everywhere"]
    assert {one["part"] for one in whole if one["kind"] == "label_type"} == {"major", "independent"}
    everywhere = [one for one in whole if one["kind"] == "size"]
    assert sum(one["places"] for one in everywhere) == 30 * verdict["users"]
    assert sum(one["exposure"] or 0 for one in everywhere) == pytest.approx(1)
    assert verdict["merit_of"] == "completed plays"
