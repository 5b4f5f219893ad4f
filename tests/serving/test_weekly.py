"""The weekly batch: who gets what, and what happens when it may not be shown."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_release import make_release
from serving_platform import Platform
from weekly_runs import key_of, make, stored

from infra.loop.shown import shown
from segue import pseudonyms
from segue.cli import main
from segue.errors import NotBegunError, SegueError
from segue.lock import locked
from segue.names import Fallback
from segue.playlists import VisibleWeek, audit_path, read_visible_week, show_week, stored_folder
from segue.predictions import Prediction
from segue.pseudonyms import pseudonym
from segue.release import read_json
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import command as weekly
from serving.weekly import publish, show, weekly_log

pytestmark = pytest.mark.usefixtures("read_once")


def test_everyone_gets_a_full_list_and_then_the_week_is_visible(platform: Platform) -> None:
    outcome = make(platform)
    assert outcome.exit_code == 0, outcome.text
    visible = read_visible_week()
    assert visible is not None
    assert (visible.week, visible.release, visible.users) == (platform.week, platform.version, 42)
    assert {len(stored(platform, user)["track_ids"]) for user in platform.gold.user_group} == {30}
    assert outcome.summary["users"] == 42
    assert outcome.summary["fallbacks"] == {"popular-in-territory": 2, "popular-worldwide": 0}


def test_a_list_follows_the_taste_of_its_listener(platform: Platform) -> None:
    make(platform)
    row = stored(platform, "u00001")
    own = [
        platform.gold.track_group[t] == 1 for t, s in zip(row["track_ids"], row["sources"], strict=True) if s == "retriever"
    ]
    assert sum(own) > 0.9 * len(own) > 0


def test_a_user_without_history_gets_the_popular_tracks_of_their_territory(platform: Platform) -> None:
    make(platform)
    row = stored(platform, platform.gold.new_users[0])
    assert set(row["sources"]) == {"popular"}
    assert row["reasons"][0].startswith("chart:")


def test_making_a_week_again_gives_the_same_bytes(platform: Platform) -> None:
    first = make(platform)
    rows = {user: repr(stored(platform, user)) for user in platform.gold.user_group}
    log = next(platform.home.predictions.rglob("weekly-*.jsonl"))
    before = (log.read_bytes(), audit_path(platform.week).read_bytes())
    second = make(platform)
    assert {user: repr(stored(platform, user)) for user in platform.gold.user_group} == rows
    assert (log.read_bytes(), audit_path(platform.week).read_bytes()) == before
    assert first.summary["digest"] == second.summary["digest"]


def test_every_playlist_is_in_the_prediction_log_with_its_features_and_without_a_user_id(platform: Platform) -> None:
    make(platform)
    text = next(platform.home.predictions.rglob("weekly-*.jsonl")).read_text()
    log = {p.user: p for p in map(Prediction.model_validate_json, text.splitlines())}
    assert len(log) == 42
    record = log[pseudonym("u00001")]
    assert [t.track_id for t in record.tracks] == list(stored(platform, "u00001")["track_ids"])
    assert record.features is not None
    assert record.features["plays_30d"] > 0
    assert record.features["hour_of_day"] == -1
    assert log[pseudonym(platform.gold.new_users[0])].fallback == Fallback.NEW_USER
    assert "u00001" not in text


def test_a_batch_killed_before_the_pointer_moves_shows_nothing_and_the_next_run_finishes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(publish, "show_week", killed)
        with pytest.raises(KeyboardInterrupt):
            make(platform)
    assert read_visible_week() is None
    assert not list(platform.home.tmp.iterdir())
    assert make(platform).exit_code == 0
    assert read_visible_week() is not None


def test_without_features_for_the_week_nothing_is_made(platform: Platform) -> None:
    with pytest.raises(SegueError, match="features through 2026-11-22") as overdue:
        weekly.run(week=platform.week + timedelta(days=7), engine="local")
    assert not isinstance(overdue.value, NotBegunError), "features that are due are a failed run"
    with pytest.raises(NotBegunError):
        weekly.run(week=platform.week + timedelta(weeks=1_000), engine="local")


def test_without_a_live_release_nothing_is_made(platform: Platform) -> None:
    (platform.home.releases / "current.json").unlink()
    with pytest.raises(SegueError, match="a live release"):
        make(platform)


def test_a_release_with_one_byte_changed_makes_no_playlists(platform: Platform) -> None:
    folder = make_release("fake-2", as_of=platform.gold.as_of)
    vectors = folder / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x01")
    with pytest.raises(SegueError, match=r"vectors.npy changed"):
        make(platform)


def test_the_shown_playlist_is_the_stored_one_with_reasons_and_removals_in_words(platform: Platform) -> None:
    make(platform)
    outcome = show.run(user="u00003", week=None, explain=True)
    assert [t["track_id"] for t in outcome.summary["tracks"]] == list(stored(platform, "u00003")["track_ids"])
    assert "because you often play Artist" in outcome.text
    assert "you already heard it on" in outcome.text
    assert "already 2 tracks by Artist" in outcome.text
    assert json.dumps(outcome.summary, default=str)


def test_showing_a_stranger_is_one_sentence(platform: Platform) -> None:
    make(platform)
    with pytest.raises(SegueError, match="received user stranger, who has none"):
        show.run(user="stranger", week=None, explain=False)


def test_showing_a_week_that_was_deleted_says_so_and_blames_no_user_id(platform: Platform) -> None:
    make(platform)
    later = {"week": platform.week + timedelta(days=7), "release": "later", "published_at": datetime.now(UTC), "users": 1}
    show_week(VisibleWeek(**later))
    assert show.run(user="u00001", week=platform.week, explain=False).summary["week"] == platform.week
    shutil.rmtree(platform.home.playlists / "stored")
    with pytest.raises(SegueError, match=r"whose playlists were deleted.*SEGUE_PLAYLIST_WEEKS_KEPT"):
        show.run(user="u00001", week=platform.week, explain=False)


def test_showing_a_week_that_was_never_made_is_one_sentence(platform: Platform) -> None:
    with pytest.raises(SegueError, match="a visible week, received none"):
        show.run(user="u00001", week=None, explain=False)


def test_a_week_before_the_visible_one_is_stored_and_audited_but_not_shown(platform: Platform) -> None:
    later = VisibleWeek(
        week=platform.week + timedelta(days=7),
        release="later",
        published_at=datetime.now(UTC),
        users=1,
    )
    show_week(later)
    outcome = make(platform)
    assert (outcome.exit_code, outcome.summary["passed"], outcome.summary["shown"]) == (0, True, False)
    assert f"not shown, as the later week of {later.week} stays visible" in outcome.text
    assert read_visible_week() == later
    assert len(stored(platform, "u00001")["track_ids"]) == 30
    assert (read_json(audit_path(platform.week)) or {})["passed"] is True
    assert not list(platform.home.predictions.rglob("weekly-*.jsonl")), "nobody got these lists"


def test_a_second_run_at_the_same_time_is_one_sentence_and_touches_nothing(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    staged = platform.home.tmp / f".playlists-{platform.week}-{platform.version}.parquet.half"
    staged.parent.mkdir(exist_ok=True)
    staged.write_bytes(b"the first run is at work")
    with locked(platform.home.playlists / ".lock", what="`segue playlists`"):
        assert main(["playlists", "--week", platform.week.isoformat()]) == 2
    assert staged.exists()
    staged.unlink()
    error = capsys.readouterr().err.strip()
    assert "one `segue playlists` at a time" in error
    assert "\n" not in error


def test_a_request_id_of_the_log_cannot_be_made_from_a_user_id_without_the_key(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"user_id": "u00001", "territory": "SE", "features": None, "dial": None, "explored": None}
    row |= {name: [] for name in ("track_ids", "scores", "sources", "reasons", "propensities")}
    catalogue = load_catalogue()

    def logged() -> str:
        return weekly_log.prediction_of_row(row, catalogue, platform.week, platform.version).request_id

    first = logged()
    assert first == logged(), "making a playlist again is the same request"
    guessed = f"u00001\x00{platform.week.isoformat()}\x00{platform.version}".encode()
    assert hashlib.sha256(guessed).hexdigest()[:32] != first
    monkeypatch.setattr(pseudonyms, "_key", lambda _: b"another key")
    assert logged() != first


def test_the_closed_loop_reads_every_list_as_it_is_stored(platform: Platform) -> None:
    made = make(platform)
    lists = shown(platform.week)
    assert len(lists) == made.summary["users"]
    assert lists["u00001"] == list(stored(platform, "u00001")["track_ids"])
    shutil.rmtree(stored_folder(key_of(platform, platform.version)))
    with pytest.raises(SegueError, match="0 written down"):
        shown(platform.week)
