"""What is told of the tracks that are not in a list: of the chart, of the neighbours of a track, of a stored playlist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fake_release import make_release
from fastapi.testclient import TestClient
from left_out import leave_out
from serving_platform import Platform
from weekly_runs import make

from infra.demo.summary import playlist_of
from segue.cli import main
from segue.requests import TrackList
from serving.funnel import funnel as funnels
from serving.funnel.funnel import Funnel
from serving.live import recommender, stored_playlist
from serving.live.api import Desk
from serving.policy.rule import words
from serving.tracks.catalogue import Catalogue, Licences
from serving.weekly import show

pytestmark = pytest.mark.usefixtures("read_once")


def listed(answer: Any) -> TrackList:
    assert answer.status_code == 200, answer.text
    return TrackList.model_validate(answer.json())


def ids(tracks: list[Any]) -> list[str]:
    return [track.track_id for track in tracks]


def of_a_newcomer(client: TestClient, user: str) -> dict[str, TrackList]:
    """Both popular lists of one who has an account and no listens, explained."""
    return {
        "home": listed(client.post("/v1/recommend", json={"user_id": user, "explain": True})),
        "weekly": listed(client.get(f"/v1/users/{user}/weekly", params={"explain": True})),
    }


@pytest.mark.parametrize("surface", ["home", "weekly"])
def test_every_place_of_the_chart_before_the_end_of_a_popular_list_is_kept_or_told(
    client: TestClient, desk: Desk, platform: Platform, surface: str
) -> None:
    user, catalogue = platform.gold.new_users[0], desk.live.funnel.catalogue  # type: ignore[union-attr]
    found = of_a_newcomer(client, user)[surface]
    chart = [str(catalogue.ids[row]) for row in catalogue.popular(catalogue.account(user)[0]).order]
    kept, removed = ids(found.tracks), ids(found.removed or [])
    assert kept + removed != []
    assert sorted(kept + removed) == sorted(chart[: max(map(chart.index, kept)) + 1])
    assert {"artist_cap", "licence"} <= {one.rule for one in found.removed or []}
    assert any(one.reason.startswith("already 2 tracks by Artist") for one in found.removed or [])


def test_a_rule_that_is_not_asked_is_not_told_of_the_chart(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(monkeypatch, "artist_cap")
    for found in of_a_newcomer(client, platform.gold.new_users[0]).values():
        assert "artist_cap" not in {one.rule for one in found.removed or []}


def test_of_a_long_chart_only_the_first_places_are_told(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funnels, "LOOKED_AT", 7)
    for found in of_a_newcomer(client, platform.gold.new_users[0]).values():
        assert len(found.removed or []) < 7


def test_neighbours_that_may_not_be_played_and_versions_of_the_track_are_told(client: TestClient, platform: Platform) -> None:
    found = listed(client.get("/v1/tracks/t00020/similar", params={"count": 100, "territory": "DE", "explain": True}))
    removed = {one.track_id: one.reason for one in found.removed or []}
    at_home = listed(client.get("/v1/tracks/t00020/similar", params={"count": 100, "territory": "SE", "explain": True}))
    own = {one.track_id for one in at_home.removed or [] if one.reason == "the track itself, or another version of it"}
    assert own == {"t00020", "t00022"}
    forbidden = {track for track, territory in platform.gold.unlicensed if territory == "DE"}
    told = {track: reason for track, reason in removed.items() if "licensed in DE" in reason}
    assert told
    assert set(told) <= forbidden
    assert not set(removed) & set(ids(found.tracks))
    assert any(reason.startswith("no longer licensed in DE since") for reason in told.values())


def test_an_unknown_track_has_a_popular_list_that_is_explained(client: TestClient) -> None:
    found = listed(client.get("/v1/tracks/nothing/similar", params={"territory": "SE", "explain": True}))
    assert {"artist_cap"} <= {one.rule for one in found.removed or []}


def test_a_traveller_is_told_until_when_a_track_of_their_playlist_is_not_licensed_there(
    client: TestClient, desk: Desk, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(platform)
    first = ids(listed(client.get("/v1/users/u00002/weekly")).tracks)[0]
    opens = datetime.now(UTC).date() + timedelta(days=10)
    monkeypatch.setattr(desk.live, "funnel", opening_in_germany(desk.live.funnel, first, opens))
    there = {"territory": "DE", "explain": "true"}
    found = listed(client.get("/v1/users/u00002/weekly", params=there))
    told = {one.track_id: (one.rule, one.reason) for one in found.removed or []}
    assert told[first] == ("licence", f"not licensed in DE until {words(opens)}")
    assert found.removed is not None
    assert found.removed[0].track_id == first, "what was taken out of the playlist comes before what never came in"
    assert first not in ids(found.tracks)
    at_home = listed(client.get("/v1/users/u00002/weekly", params={"territory": "SE", "explain": "true"}))
    assert first not in ids(at_home.removed or [])


def opening_in_germany(funnel: Funnel | None, track: str, opens: date) -> Funnel:
    """The funnel over a catalogue in which `track` may be played in Sweden always and in Germany from a day on."""
    assert funnel is not None
    catalogue: Catalogue = funnel.catalogue
    everywhere, row = catalogue.everywhere.copy(), catalogue.row(track)
    everywhere[row] = False
    old, days = catalogue.licences, np.array([date(2020, 1, 1), opens], dtype="datetime64[D]")
    licences = Licences(
        np.append(old.row, [row, row]).astype(np.int32),
        np.append(old.territory, ["SE", "DE"]),
        np.append(old.valid_from, days),
        np.append(old.valid_to, np.full(2, np.datetime64("2200-01-01"))),
    )
    return Funnel(funnel.model, replace(catalogue, everywhere=everywhere, licences=licences, _playable={}))


@pytest.mark.parametrize("kind", ["track_id", "artist_id"])
def test_what_was_disliked_since_is_told_and_what_never_came_in_too(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make(platform)
    before = listed(client.get("/v1/users/u00001/weekly")).tracks
    unwanted, row = getattr(before[0], kind), recommender.read_row("u00001")
    columns = {"disliked_tracks": [unwanted], "disliked_artists": [unwanted]}
    monkeypatch.setattr(stored_playlist, "online_row", lambda *_: columns)
    monkeypatch.setattr(recommender, "read_row", lambda _: replace(row, policy=row.policy | columns))
    found = listed(client.get("/v1/users/u00001/weekly", params={"explain": True}))
    gone = [track.track_id for track in before if getattr(track, kind) == unwanted]
    assert ids(found.removed or [])[: len(gone)] == gone
    assert (found.removed or [])[0].reason.startswith("you disliked ")
    assert {"already_heard", "artist_cap"} <= {one.rule for one in found.removed or []}
    assert not set(ids(found.removed or [])) & set(ids(found.tracks))
    assert len(ids(found.removed or [])) == len(set(ids(found.removed or [])))


def test_a_playlist_of_another_release_than_the_live_one_is_explained_by_what_was_taken_out_alone(
    client: TestClient, desk: Desk, platform: Platform
) -> None:
    make(platform)
    make_release("fake-2", as_of=platform.gold.as_of)
    desk.live.refresh()
    assert desk.live.status.release == "fake-2"
    assert listed(client.get("/v1/users/u00001/weekly", params={"explain": True})).removed == []


def test_who_does_not_ask_is_told_nothing_and_waits_for_nothing(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(platform)

    def asked(*_: Any, **__: Any) -> Any:
        raise AssertionError("an explanation was made")

    for name in ("out_of_chart", "out_of_similar", "out_of_stored"):
        monkeypatch.setattr(recommender, name, asked)
    for path in ("/v1/users/u00001/weekly", "/v1/users/stranger/weekly", "/v1/tracks/t00020/similar"):
        assert listed(client.get(path)).removed is None


def test_the_shown_playlist_of_a_newcomer_says_what_their_chart_lost(platform: Platform) -> None:
    make(platform)
    outcome = show.run(user=platform.gold.new_users[0], week=None, explain=True)
    assert "already 2 tracks by Artist" in outcome.text
    assert "not licensed in DE" in outcome.text
    assert not {t["track_id"] for t in outcome.summary["tracks"]} & {r["track_id"] for r in outcome.summary["removed"]}


def shown_in_the_demo(capsys: pytest.CaptureFixture[str], left_off: str = "") -> str:
    """What the demo prints of a user's playlist, by the command it runs, less an option."""

    class Here:
        def run(self, _: str, command: tuple[str, ...]) -> str:
            assert main([word for word in command[1:] if word != left_off]) == 0
            return capsys.readouterr().out

    return playlist_of(Here(), "u00003")  # type: ignore[arg-type]


def test_the_demo_shows_why_tracks_were_kept_and_why_others_were_removed_by_every_rule(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    make(platform)
    removed = show.run(user="u00003", week=None, explain=True).summary["removed"]
    capsys.readouterr()
    text = shown_in_the_demo(capsys)
    assert "because you often play Artist" in text
    kept, _, told = text.partition("Removed from the candidates")
    assert kept
    assert all(f"  {rule}  " in told for rule in {one["rule"] for one in removed})
    assert len(told.splitlines()) < 6 * 11 + 6
    assert len(removed) > len(told.splitlines()), "the rest is counted"
    assert "more by already_heard" in told
    assert "Removed" not in shown_in_the_demo(capsys, left_off="--explain"), "the twin: without it nothing is told"
