"""Removed tracks can be told apart: by name, by artist and by the day they were heard, over HTTP as on the command line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow.dataset
import pytest
from fastapi.testclient import TestClient
from serving_platform import Platform
from weekly_runs import make

from segue.requests import RemovedTrack, TrackList
from serving.live import recommender, stored_playlist
from serving.weekly import show

pytestmark = pytest.mark.usefixtures("read_once")


def listed(answer: Any) -> TrackList:
    assert answer.status_code == 200, answer.text
    return TrackList.model_validate(answer.json())


def days_of(removed: list[Any]) -> dict[str, str]:
    """What is said of what was heard already, by track."""
    return {one["track_id"]: one["reason"] for one in removed if one["rule"] == "already_heard"}


def test_a_removed_track_is_told_by_its_name_and_artist_and_by_the_day_it_was_heard_as_on_the_command_line(
    client: TestClient, platform: Platform
) -> None:
    make(platform)
    shown = days_of(show.run(user="u00003", week=None, explain=True).summary["removed"])
    answers = [
        client.get("/v1/users/u00003/weekly", params={"explain": True}),
        client.post("/v1/recommend", json={"user_id": "u00003", "explain": True}),
    ]
    for answer in answers:
        removed = answer.json()["removed"]
        assert all(one["title"] and one["artist_name"].startswith("Artist") and one["artist_id"] for one in removed)
        told = days_of(removed)
        assert all(reason.startswith("you already heard it on ") for reason in told.values())
        assert {track: told[track] for track in told if track in shown} == {
            track: shown[track] for track in shown if track in told
        }
        assert set(told) & set(shown)


def test_what_was_heard_is_told_without_its_day_while_the_listens_are_written_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError("day=2026-11-15/data.parquet")

    monkeypatch.setattr(pyarrow.dataset, "dataset", gone)
    found = listed(client.post("/v1/recommend", json={"user_id": "u00003", "explain": True}))
    assert {one.reason for one in found.removed or [] if one.rule == "already_heard"} == {"you already heard it"}


def times_told(client: TestClient, monkeypatch: pytest.MonkeyPatch, kind: str) -> list[int]:
    """How often the answers have an artist of whom it is told that they are in it twice, after one track of such an artist
    was disliked."""
    times = []
    for user in ("u00001", "u00002", "u00003", "u00004"):
        path, body = f"/v1/users/{user}/weekly", {"user_id": user, "explain": True}
        before = listed(client.get(path)).tracks
        twice = Counter(track.artist_id for track in before)
        unwanted = [track.track_id for track in before if twice[track.artist_id] == 2][:1]
        row, columns = recommender.read_row(user), {"disliked_tracks": unwanted, "disliked_artists": []}
        with monkeypatch.context() as since:
            since.setattr(stored_playlist, "online_row", lambda *_, columns=columns: columns)
            since.setattr(recommender, "read_row", lambda _, row=row, c=columns: replace(row, policy=row.policy | c))
            weekly = kind == "weekly"
            found = listed(client.get(path, params={"explain": True}) if weekly else client.post("/v1/recommend", json=body))
        kept = Counter(track.artist_id for track in found.tracks)
        times += [kept[one.artist_id] for one in found.removed or [] if one.rule == "artist_cap"]
    return times


@pytest.mark.parametrize("kind", ["weekly", "home"])
def test_a_told_artist_has_two_tracks_in_the_answer_even_where_one_was_disliked_since(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make(platform)
    assert set(times_told(client, monkeypatch, kind)) == {2}


def test_the_check_above_notices_a_playlist_told_of_as_it_was_stored(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(platform)
    monkeypatch.setattr(stored_playlist, "left_of", lambda _catalogue, rows, _owner: rows)
    assert 1 in times_told(client, monkeypatch, "weekly")


def test_the_shown_table_tells_removed_tracks_apart_by_their_artists(platform: Platform) -> None:
    make(platform)
    outcome = show.run(user="u00003", week=None, explain=True)
    told = outcome.text.partition("Removed from the candidates")[2].splitlines()
    assert told[2].split() == ["track", "artist", "rule", "reason"]
    names = {(one["title"], one["artist_name"]) for one in outcome.summary["removed"]}
    end = next(number for number, line in enumerate(told) if line.startswith("..."))
    assert end > 4
    assert all(any(title in line and artist in line for title, artist in names) for line in told[4:end])


def test_the_count_of_what_is_not_shown_keeps_to_the_width_of_a_terminal() -> None:
    many = [RemovedTrack(track_id=str(number), rule=f"rule_number_{number % 9}", reason="because") for number in range(99)]
    lines = "\n".join(show._removed_table(many)).splitlines()
    assert max(map(len, lines)) <= show.WIDTH
    assert " ".join(map(str.strip, lines)).count("more by rule_number_") == 9
