"""How adventurous a list is: as the profile says, as the request says, and as the log tells it."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from serving_platform import Platform
from weekly_runs import make, stored

from segue.errors import SegueError
from segue.features import online_rows
from segue.names import Service
from segue.predictions import Prediction, weekly_predictions
from segue.pseudonyms import pseudonym
from serving.live.api import Desk
from serving.live.short_way import front_of
from serving.weekly import show


def slots(one: Prediction) -> int:
    return len(one.explored.slots) if one.explored else 0


def test_a_weekly_list_explores_as_far_as_its_listener_set_and_the_log_says_with_which_chance(platform: Platform) -> None:
    make(platform)
    made = {one.user: one for one in weekly_predictions(platform.week)}
    users = list(platform.gold.user_group)
    set_to = dict(zip(users, online_rows(Service.POLICY, users)["adventurousness"], strict=True))
    personal = {user: made[pseudonym(user)] for user in set_to if made[pseudonym(user)].fallback is None}
    assert {set_to[user] for user in personal} >= {None, 0.0, 1.0}
    for user, one in personal.items():
        assert one.dial == (0.5 if set_to[user] is None else set_to[user])
        assert all(track.propensity is not None for track in one.tracks)
        left_to_chance = [track.track_id for track in one.tracks if track.propensity and track.propensity < 1]
        assert len(left_to_chance) <= slots(one) <= 6 * one.dial + 0.5
    assert sum(slots(one) for one in personal.values()) > len(personal)


def test_a_request_may_turn_the_dial_and_radio_explores_only_then(platform: Platform, desk: Desk) -> None:
    client = TestClient(front_of(desk), raise_server_exceptions=False)
    for dial in (0, 1):
        assert client.post("/v1/recommend", json={"user_id": "u00001", "adventurousness": dial}).status_code == 200
    assert client.post("/v1/recommend", json={"user_id": "u00001"}).status_code == 200
    radio = {"user_id": "u00001", "context": {"surface": "radio"}}
    assert client.post("/v1/recommend", json=radio).status_code == 200
    as_json = {"content-type": "application/json"}  # the client would not write a NaN itself
    for dial in ("1.5", "NaN", "-Infinity", '"much"'):
        asked = f'{{"user_id": "u00001", "adventurousness": {dial}}}'
        refused = client.post("/v1/recommend", content=asked, headers=as_json)
        assert refused.status_code == 400
        assert refused.json() == {"error": "body.adventurousness: a dial is a finite number from 0 to 1."}
    desk.predictions.close()
    (log,) = platform.home.predictions.rglob("http-*.jsonl")
    none, all_, usual, radio_ = map(Prediction.model_validate_json, log.read_text().splitlines())
    assert (none.dial, all_.dial, usual.dial, radio_.dial) == (0, 1, 0.5, 0)
    assert slots(none) == slots(radio_) == 0
    assert slots(all_) > slots(usual) > 0
    assert all(track.propensity == 1 for track in none.tracks)


def test_the_playlist_is_shown_as_it_would_be_with_the_dial_elsewhere(platform: Platform) -> None:
    make(platform)
    kept = list(stored(platform, "u00001")["track_ids"])
    shown = {
        dial: [
            t["track_id"] for t in show.run(user="u00001", week=None, explain=False, adventurousness=dial).summary["tracks"]
        ]
        for dial in (None, 0.0, 0.5, 1.0)
    }
    assert shown[None] == shown[0.5] == kept, "theirs is at a half, as nobody set it"
    assert shown[0.0] != shown[1.0]
    assert list(stored(platform, "u00001")["track_ids"]) == kept
    with pytest.raises(SegueError, match="from 0 to 1"):
        show.run(user="u00001", week=None, explain=False, adventurousness=2.0)
