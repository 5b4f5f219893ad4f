"""What is disliked over HTTP is out of the listener's next lists, whoever accepted it, until the features have it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api_events import EVENT
from fastapi.testclient import TestClient
from serving_platform import Platform

from segue.events import Event
from serving.live import refusals, watch
from serving.live.api import Desk
from serving.live.event_log import EventLog
from serving.live.refusals import NOTHING, Refusals
from serving.live.short_way import front_of
from serving.weekly import command as weekly

USER, OTHER = "u00001", "u00003"
HOME = {"user_id": USER, "count": 30}
RADIO = {"user_id": USER, "count": 30, "context": {"surface": "radio", "session_tracks": ["t00020"]}}
QUESTIONS: dict[str, tuple[str, str, Any]] = {
    "weekly": ("GET", f"/v1/users/{USER}/weekly", None),
    "weekly elsewhere": ("GET", f"/v1/users/{USER}/weekly?territory=SE", None),
    "home": ("POST", "/v1/recommend", HOME),
    "radio": ("POST", "/v1/recommend", RADIO),
}


@pytest.fixture(autouse=True)
def _a_week(platform: Platform, read_once: None) -> None:
    weekly.run(week=platform.week, engine="local")


def asked(client: TestClient, question: str) -> list[dict[str, Any]]:
    how, path, body = QUESTIONS[question]
    answer = client.request(how, path, json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["tracks"])


def dislike(client: TestClient, kind: str, track: str, user: str = USER) -> None:
    event = EVENT | {"event_type": kind, "track_id": track, "user_id": user}
    assert client.post("/v1/events", json={"events": [event]}).status_code == 202


def of(kind: str, track: dict[str, Any]) -> Any:
    return track["artist_id" if kind == "dislike_artist" else "track_id"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("kind", ["dislike", "dislike_artist"])
def test_what_was_disliked_is_out_of_the_next_list(client: TestClient, kind: str, question: str) -> None:
    first = asked(client, question)[0]
    dislike(client, kind, first["track_id"], OTHER)
    assert of(kind, first) in {of(kind, track) for track in asked(client, question)}, "another listener's dislike"
    dislike(client, kind, first["track_id"])
    left = asked(client, question)
    assert left
    assert of(kind, first) not in {of(kind, track) for track in left}


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_stays_where_nobody_remembers_it(client: TestClient, monkeypatch: pytest.MonkeyPatch, question: str) -> None:
    """Twin of the test above."""
    monkeypatch.setattr(Refusals, "of", lambda *_: NOTHING)
    first = asked(client, question)[0]
    dislike(client, "dislike", first["track_id"])
    assert first["track_id"] in {track["track_id"] for track in asked(client, question)}


def test_a_stranger_is_not_given_what_they_disliked(client: TestClient) -> None:
    path = "/v1/users/stranger/weekly"
    first = client.get(path).json()["tracks"][0]["track_id"]
    dislike(client, "dislike", first, "stranger")
    assert first not in {track["track_id"] for track in client.get(path).json()["tracks"]}


def test_another_worker_and_one_that_starts_later_know_it_too(client: TestClient, desk: Desk) -> None:
    beside = Desk(desk.live)
    first = asked(TestClient(front_of(beside)), "home")[0]["track_id"]
    dislike(client, "dislike", first)
    beside.refusals.look()
    for other in (beside, Desk(desk.live)):
        assert first not in {track["track_id"] for track in asked(TestClient(front_of(other)), "home")}
        other.predictions.close()


def test_a_started_worker_looks_by_itself(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.01)
    known, log = Refusals(), EventLog("other")
    known.start()
    log.append([event("dislike", "t00001")], datetime.now(UTC))
    end = time.monotonic() + 60
    while not known.of(USER).tracks and time.monotonic() < end:
        time.sleep(0.02)
    known.stop()
    assert known.of(USER).tracks == {"t00001"}


def test_it_is_forgotten_when_the_features_have_the_day_and_the_day_they_end_on_is_kept(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, log, now = Refusals(), EventLog("other"), datetime.now(UTC)
    for days_ago in (0, 1, 2):
        log.append([event("dislike", f"t0000{days_ago}")], now - timedelta(days=days_ago))
    for through, tracks in ((3, "012"), (2, "012"), (1, "01"), (0, "0"), (-5, "0")):
        day = now.date() - timedelta(days=through)
        monkeypatch.setattr(refusals, "materialised_through", lambda day=day: day)
        known.look()
        assert known.of(USER).tracks == {f"t0000{number}" for number in tracks}


def test_half_a_line_is_waited_for_and_the_rest_is_read_once(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Refusals()
    path = EventLog("other").append([event("play", "t00001"), event("dislike", "t00002")], datetime.now(UTC))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    known.look()
    assert known.of(USER) == NOTHING
    path.write_bytes(whole)
    read: list[Any] = []
    note = known.note
    monkeypatch.setattr(known, "note", lambda day, events: (read.extend(events), note(day, events)))
    known.look()
    known.look()
    assert ([said["track_id"] for said in read], known.of(USER).tracks) == (["t00002"], {"t00002"})


def test_events_that_cannot_be_read_stop_no_list_and_nothing_after_them(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    known, log = Refusals(), EventLog("other")
    path = log.append([event("play", "t00001")], datetime.now(UTC))
    path.write_bytes(b'{"event_type": "dislike, says u00001\n')
    assert known.of(USER) == NOTHING
    assert "JSONDecodeError" in caplog.text
    assert USER not in caplog.text
    log.append([event("dislike_artist", "t00003")], datetime.now(UTC))
    known.look()
    assert known.of(USER).at_artists == {"t00003"}


def event(kind: str, track: str) -> Event:
    return Event.model_validate(EVENT | {"event_type": kind, "track_id": track})
