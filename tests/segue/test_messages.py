"""Events, requests and pointers: what is let in, what is refused, what a reader gets back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from segue.events import EVENT_COLUMNS, REQUIRED_COLUMNS, Event
from segue.home import Home
from segue.playlists import VisibleWeek, audit_path, read_visible_week, show_week, week_key
from segue.predictions import Prediction
from segue.requests import MAX_COUNT, RecommendRequest

PLAY: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "play",
    "user_id": "u1",
    "track_id": "t1",
    "occurred_at": "2026-11-15T10:00:00Z",
}


def test_an_event_needs_the_required_columns_and_no_others() -> None:
    assert set(Event.model_fields) == set(EVENT_COLUMNS)
    assert Event.model_validate(PLAY).occurred_at == datetime(2026, 11, 15, 10, tzinfo=UTC)
    for name in REQUIRED_COLUMNS["events"]:
        with pytest.raises(ValidationError, match=name):
            Event.model_validate({key: value for key, value in PLAY.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "purchase"},
        {"user_id": ""},
        {"user_id": "u 1"},
        {"user_id": "u\n1"},
        {"track_id": "t" * 129},
        {"occurred_at": "2026-11-15T10:00:00"},
        {"ms_played": -1},
        {"ms_played": 86_400_001},
        {"device": "fridge"},
        {"territory": "Germany"},
        {"mood": "happy"},
        {"event_type": "playlist_add"},
    ],
)
def test_an_event_out_of_format_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(PLAY | change)


@pytest.mark.parametrize(
    "change", [{"count": 0}, {"count": MAX_COUNT + 1}, {"exclude": ["t"] * 1_001}, {"context": {"device": "fridge"}}, {"k": 1}]
)
def test_a_request_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    assert RecommendRequest.model_validate({"user_id": "u1"}).count == 30
    with pytest.raises(ValidationError):
        RecommendRequest.model_validate({"user_id": "u1"} | change)


def test_the_visible_week_is_read_as_it_was_shown(home: Home) -> None:
    assert read_visible_week() is None
    shown = VisibleWeek(week=date(2026, 11, 16), release="r1", published_at=datetime(2026, 11, 15, tzinfo=UTC), users=3)
    show_week(shown)
    show_week(shown.model_copy(update={"week": date(2026, 11, 23)}))
    visible = read_visible_week()
    assert visible is not None
    assert (visible.week, visible.release) == (date(2026, 11, 23), "r1")
    assert [path.name for path in home.playlists.iterdir()] == ["visible.json"]
    assert audit_path(visible.week).is_relative_to(home.playlists)


def test_a_week_of_another_release_has_another_key() -> None:
    assert week_key(date(2026, 11, 16), "r1") == "2026-11-16/r1" != week_key(date(2026, 11, 16), "r2")
    assert week_key(date(2026, 11, 16), "r1", "a" * 64) == f"2026-11-16/r1@{'a' * 12}"


def test_a_prediction_survives_its_line_in_the_log() -> None:
    answer = Prediction(
        request_id="q",
        at=datetime(2026, 11, 15, tzinfo=UTC),
        surface="home",
        user="ab",
        release=None,
        features={"plays_7d": None, "recent_tracks": ["t1"]},
        tracks=[],
        latency_ms=1.5,
    )
    line = answer.model_dump_json()
    assert "\n" not in line
    assert Prediction.model_validate_json(line) == answer
