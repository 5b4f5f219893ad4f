"""What a play teaches the ranker, worked out by hand; and what the log of answers adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from segue.home import get_home
from segue.names import Fallback, Surface
from segue.predictions import PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.settings import get_settings
from trainers.ranker.feedback import exposures, first_plays, places_shown

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def _listens(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """(session, track, outcome, hours after midnight), all by one user and all first listens."""
    frame = pd.DataFrame(rows, columns=["session_id", "track_id", "outcome", "hour"])
    times = pd.to_datetime([MONDAY + timedelta(hours=hour) for hour in frame["hour"]], utc=True)
    return frame.assign(event_timestamp=times, user_id="u", first_listen=True, saved=False, integrity=1.0, surface="home")


def test_a_play_of_a_doubted_account_is_less_certain() -> None:
    listens = _listens(("s", "a", "complete", 1.0), ("s", "b", "complete", 1.1)).assign(integrity=[0.5, None])
    assert first_plays(listens, MONDAY, edge_weight=0.25)["certainty"].tolist() == [0.5, 1.0]


def test_a_play_of_a_playlist_of_ours_is_told_apart() -> None:
    listens = _listens(("s", "a", "complete", 1.0), ("s", "b", "complete", 1.1), ("s", "c", "complete", 1.2))
    plays = first_plays(listens.assign(surface=["weekly", "home", None]), MONDAY, edge_weight=0.25)
    assert plays["brought"].tolist() == [True, False, False]


def test_an_early_skip_at_either_end_of_a_session_weighs_less_and_nothing_else_does() -> None:
    session = [("s", "a", "early_skip", 1.0), ("s", "b", "early_skip", 1.1), ("s", "c", "complete", 1.2)]
    listens = _listens(*session, ("s", "d", "early_skip", 1.3), ("t", "e", "complete", 5.0))
    plays = first_plays(listens, MONDAY, edge_weight=0.25)
    assert plays["certainty"].tolist() == [0.25, 1.0, 1.0, 0.25, 1.0]
    assert plays["skipped"].tolist() == [True, True, False, True, False]


def test_a_session_that_began_before_midnight_has_its_start_there() -> None:
    listens = _listens(("s", "a", "complete", -0.5), ("s", "b", "early_skip", 0.5), ("s", "c", "complete", 1.0))
    assert first_plays(listens, MONDAY, edge_weight=0.25)["certainty"].tolist() == [1.0, 1.0]
    assert first_plays(listens.iloc[1:], MONDAY, edge_weight=0.25)["certainty"].tolist() == [0.25, 1.0]


def test_a_late_skip_is_half_a_success_and_an_unknown_end_a_whole_one() -> None:
    listens = _listens(("s", "a", "late_skip", 1.0), ("s", "b", "complete", 2.0), ("s", "c", "early_skip", 3.0))
    listens = pd.concat([listens, listens.iloc[:1].assign(outcome=None, track_id="d")], ignore_index=True)
    plays = first_plays(listens, MONDAY, edge_weight=0.5)
    assert plays.set_index("track_id")["success"].to_dict() == {"a": 0.5, "b": 1.0, "c": 0.0, "d": 1.0}


def _answer(user: str, tracks: list[str], at: datetime, *, fallback: Fallback | None = None) -> Prediction:
    shown = [PredictedTrack(track_id=track, score=0.0, source="retriever", reason="") for track in tracks]
    return Prediction(
        request_id="r", at=at, surface=Surface.HOME, user=pseudonym(user), release="v", fallback=fallback, tracks=shown,
        latency_ms=1.0,
    )  # fmt: skip


def _log(name: str, *records: Prediction, torn: str = "") -> None:
    folder = get_home().predictions / f"day={MONDAY.date()}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(record.model_dump_json() + "\n" for record in records) + torn)


@pytest.mark.usefixtures("home")
def test_only_what_a_known_listener_was_shown_in_those_days_counts() -> None:
    noon, later = MONDAY + timedelta(hours=12), MONDAY + timedelta(days=7)
    chart = _answer("u", ["x"], noon, fallback=Fallback.NEW_USER)
    _log(
        "http-1.jsonl",
        _answer("u", ["a", "b"], noon),
        _answer("w", ["a"], noon),
        chart,
        _answer("u", ["z"], later),
        torn='{"req',
    )
    _log("weekly-v.jsonl", _answer("u", ["made", "not shown"], noon))
    shown = exposures(["u"], MONDAY, MONDAY + timedelta(days=7))
    assert shown[["user_id", "track_id", "place"]].to_numpy().tolist() == [["u", "a", 1], ["u", "b", 2]]


@pytest.mark.usefixtures("home")
def test_without_a_log_nothing_was_shown_and_no_key_is_made() -> None:
    shown = exposures(["u"], MONDAY, MONDAY + timedelta(days=7))
    plays = first_plays(_listens(("s", "a", "complete", 1.0)), MONDAY, edge_weight=0.5)
    assert places_shown(shown, plays).empty
    assert not get_home().secrets.exists()


def test_a_track_keeps_its_highest_place_and_one_shown_after_its_play_is_left_out() -> None:
    times = pd.to_datetime([MONDAY + timedelta(hours=h) for h in (1, 2, 3, 8)], utc=True)
    shown = pd.DataFrame({"user_id": "u", "track_id": ["a", "a", "b", "c"], "at": times, "place": [9, 4, 2, 1]})
    plays = first_plays(_listens(("s", "c", "complete", 7.0), ("s", "a", "complete", 7.5)), MONDAY, edge_weight=0.5)
    assert places_shown(shown, plays)[["track_id", "place"]].to_numpy().tolist() == [["a", 4], ["b", 2]]
