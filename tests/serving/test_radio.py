"""Radio over the API: it goes on from the running session, under the same policy; without one, or its model, as before."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest
from fake_release import make_release
from fastapi.testclient import TestClient
from gold_tables import AS_OF
from serving_platform import Platform

from segue.names import CandidateSource
from segue.release import release_path
from segue.requests import MAX_SESSION_TRACKS, RecommendedTrack, TrackList
from serving.live.api import Desk
from serving.live.live_funnel import LiveFunnel
from serving.live.short_way import front_of


@pytest.fixture
def order(platform: Platform) -> list[str]:
    """The circle in which the tracks of the fake release follow one another."""
    ids = pq.read_table(release_path(platform.version) / "tracks.parquet")["track_id"].to_pylist()
    return [str(track) for track in ids]


def ask(client: TestClient, session: list[str], *, surface: str = "radio", **more: Any) -> TrackList:
    body = {"user_id": "u00001", "count": 10, "context": {"surface": surface, "session_tracks": session}} | more
    answer = client.post("/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return TrackList.model_validate(answer.json())


def ahead(order: list[str], after: str, tracks: list[RecommendedTrack]) -> list[int]:
    return [(order.index(track.track_id) - order.index(after)) % len(order) for track in tracks]


def test_radio_follows_the_session_as_it_runs(client: TestClient, order: list[str]) -> None:
    for session in (order[:1], [order[0], order[200]]):
        found = ask(client, session)
        assert {track.source for track in found.tracks} == {CandidateSource.SESSION}
        steps = ahead(order, session[-1], found.tracks)
        assert steps == sorted(steps)
        assert max(steps) < 80, "a policy may skip some, but the list stays near where the session is"
        assert all("goes well after" in track.reason for track in found.tracks)
        assert found.fallback is None


def test_radio_plays_nothing_of_the_session_again_and_keeps_the_policy(client: TestClient, order: list[str]) -> None:
    session = order[:60]
    found = ask(client, session, exclude=[order[60]], explain=True)
    assert not set(order[:61]) & {track.track_id for track in found.tracks}
    rules = {removed.track_id: removed.rule for removed in found.removed or []}
    assert rules[order[60]] == "excluded" or order[60] in rules
    assert "already_heard" in rules.values()


def test_a_listener_nobody_knows_has_a_radio_too(client: TestClient, order: list[str]) -> None:
    found = ask(client, order[:2], user_id="stranger")
    assert found.tracks[0].source == CandidateSource.SESSION


def test_without_a_known_session_radio_is_as_it_was(client: TestClient, order: list[str]) -> None:
    plain = ask(client, []).tracks
    assert ask(client, ["never-heard-of"]).tracks == plain
    assert {track.source for track in plain} == {CandidateSource.RETRIEVER}


def test_a_release_without_a_session_model_still_has_a_radio(platform: Platform, order: list[str]) -> None:
    make_release("older", as_of=AS_OF, sessions=False)
    live = LiveFunnel()
    live.refresh()
    desk = Desk(live)
    found = ask(TestClient(front_of(desk), raise_server_exceptions=False), order[:2])
    desk.predictions.close()
    assert found.release == "older"
    assert {track.source for track in found.tracks} == {CandidateSource.RETRIEVER}


@pytest.mark.parametrize("session", [["t"] * (MAX_SESSION_TRACKS + 1), [3], [""], "t00001"], ids=str)
def test_a_session_that_is_none_gets_one_sentence(client: TestClient, session: Any) -> None:
    answer = client.post("/v1/recommend", json={"user_id": "u", "context": {"surface": "radio", "session_tracks": session}})
    assert answer.status_code == 400
    assert "session_tracks" in answer.json()["error"]
