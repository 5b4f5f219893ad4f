"""The HTTP contract: valid lists, and named fallbacks, for anyone."""

from __future__ import annotations

import shutil
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from left_out import leave_out
from serving_platform import Platform

from segue.names import Fallback, Service
from segue.requests import TrackList
from serving.live import stored_playlist
from serving.live.api import Desk
from serving.live.live_funnel import LiveFunnel
from serving.live.short_way import front_of
from serving.tracks.catalogue import Catalogue
from serving.weekly import command as weekly


def listed(answer: Any) -> TrackList:
    assert answer.status_code == 200, answer.text
    return TrackList.model_validate(answer.json())


def test_a_known_user_gets_a_personal_list_of_the_length_they_asked_for(client: TestClient) -> None:
    found = listed(client.post("/v1/recommend", json={"user_id": "u00001", "count": 12, "explain": True}))
    assert (found.fallback, len(found.tracks), found.release) == (None, 12, "fake-1")
    assert {"already_heard", "version_family"} <= {r.rule for r in found.removed or []}


def test_excluded_tracks_stay_out(client: TestClient) -> None:
    first = listed(client.post("/v1/recommend", json={"user_id": "u00001", "count": 5}))
    left_out = [track.track_id for track in first.tracks]
    second = listed(client.post("/v1/recommend", json={"user_id": "u00001", "count": 30, "exclude": left_out}))
    assert not set(left_out) & {track.track_id for track in second.tracks}


def test_the_territory_of_the_moment_decides_the_licence(client: TestClient, platform: Platform) -> None:
    forbidden = {track for track, territory in platform.gold.unlicensed if territory == "DE"}
    there = {"user_id": "u00002", "count": 100, "context": {"territory": "DE"}}
    assert not forbidden & {track.track_id for track in listed(client.post("/v1/recommend", json=there)).tracks}


@pytest.mark.parametrize("body", [{"user_id": "stranger"}, {"user_id": "stranger", "context": {"territory": "SE"}}])
def test_an_unknown_user_gets_popular_tracks_and_the_name_of_the_fallback(client: TestClient, body: dict[str, Any]) -> None:
    found = listed(client.post("/v1/recommend", json=body))
    assert found.fallback == (Fallback.NEW_USER if "context" in body else Fallback.WORLDWIDE)
    assert len(found.tracks) == 30


def test_a_user_without_features_gets_the_popular_of_their_territory(client: TestClient, platform: Platform) -> None:
    for answer in (
        client.post("/v1/recommend", json={"user_id": platform.gold.new_users[0]}),
        client.get(f"/v1/users/{platform.gold.new_users[0]}/weekly"),
    ):
        found = listed(answer)
        assert found.fallback == Fallback.NEW_USER
        assert found.tracks[0].reason.startswith("popular in")


def test_similar_tracks_leave_out_the_track_and_its_other_versions(client: TestClient) -> None:
    found = listed(client.get("/v1/tracks/t00020/similar", params={"count": 10, "territory": "SE"}))
    assert found.fallback is None
    assert not {"t00020", "t00022"} & {track.track_id for track in found.tracks}
    assert {track.source for track in found.tracks} == {"similar"}


def test_an_unknown_track_has_popular_neighbours_and_says_so(client: TestClient) -> None:
    assert listed(client.get("/v1/tracks/nothing/similar")).fallback == Fallback.UNKNOWN_TRACK


def test_the_weekly_list_is_the_stored_one_and_a_late_user_gets_a_fallback(client: TestClient, platform: Platform) -> None:
    weekly.run(week=platform.week, engine="local")
    found = listed(client.get("/v1/users/u00001/weekly"))
    assert (found.week, found.fallback, len(found.tracks)) == (platform.week, None, 30)
    assert listed(client.get("/v1/users/stranger/weekly")).fallback == Fallback.WORLDWIDE


@pytest.mark.parametrize("guarded", [True, False])
def test_explicit_tracks_leave_the_weekly_list_of_who_refused_them_since_publication(
    client: TestClient, desk: Desk, platform: Platform, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Twin: without the rule they stay."""
    weekly.run(week=platform.week, engine="local")
    catalogue, taken = catalogue_of(desk), 0
    if not guarded:
        leave_out(monkeypatch, "explicit")
    for user in [user for user, (_, allowed) in catalogue.accounts.items() if allowed][:8]:
        before = listed(client.get(f"/v1/users/{user}/weekly")).tracks
        explicit = [track for track in before if catalogue.explicit[catalogue.row(track.track_id)]]
        with monkeypatch.context() as refusing:
            refusing.setitem(catalogue.accounts, user, (catalogue.account(user)[0], False))
            now = listed(client.get(f"/v1/users/{user}/weekly")).tracks
        assert now == [track for track in before if not guarded or track not in explicit]
        taken += len(explicit)
    assert taken


@pytest.mark.parametrize("guarded", [True, False])
def test_similar_tracks_are_explicit_only_where_the_caller_has_nothing_against_it(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Twin: without the rule the answer is no other."""
    catalogue = catalogue_of(desk)
    if not guarded:
        leave_out(monkeypatch, "explicit")

    def explicit(**wanted: bool) -> int:
        answer = client.get("/v1/tracks/t00020/similar", params={"count": 100, "territory": "SE"} | wanted)
        return sum(bool(catalogue.explicit[catalogue.row(track.track_id)]) for track in listed(answer).tracks)

    assert explicit() == explicit(explicit=True) > 0
    assert (explicit(explicit=False) == 0) == guarded


def catalogue_of(desk: Desk) -> Catalogue:
    assert desk.live.funnel is not None
    return desk.live.funnel.catalogue


@pytest.mark.parametrize("kind", ["track_id", "artist_id"])
def test_what_was_disliked_since_publication_leaves_the_weekly_list(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    weekly.run(week=platform.week, engine="local")
    before = listed(client.get("/v1/users/u00001/weekly")).tracks
    unwanted = getattr(before[0], kind)

    def disliking(service: Service, keys: dict[str, str], features: tuple[str, ...]) -> Any:
        assert (service, keys, features) == (Service.POLICY, {"user_id": "u00001"}, ("disliked_tracks", "disliked_artists"))
        return {"disliked_tracks": [unwanted], "disliked_artists": [unwanted]}

    monkeypatch.setattr(stored_playlist, "online_row", disliking)
    left = [track for track in before if getattr(track, kind) != unwanted]
    assert listed(client.get("/v1/users/u00001/weekly")).tracks == left
    assert 0 < len(left) < len(before)


def test_a_traveller_gets_what_may_be_played_where_they_are(client: TestClient, platform: Platform) -> None:
    weekly.run(week=platform.week, engine="local")
    only_at_home = {track for track, territory in platform.gold.unlicensed if territory == "DE"}
    swedes = [user for number, user in enumerate(platform.gold.user_group) if number // 2 % 2 == 1]
    taken = 0
    for user in swedes[:8]:
        home = [t.track_id for t in listed(client.get(f"/v1/users/{user}/weekly")).tracks]
        away = [t.track_id for t in listed(client.get(f"/v1/users/{user}/weekly", params={"territory": "DE"})).tracks]
        assert away == [track for track in home if track not in only_at_home]
        taken += len(home) - len(away)
        for surface in ("home", "radio"):
            body = {"user_id": user, "context": {"surface": surface, "territory": "DE"}}
            found = {t.track_id for t in listed(client.post("/v1/recommend", json=body)).tracks}
            assert found
            assert not found & only_at_home
    assert taken


@pytest.mark.parametrize("surface", ["home", "radio"])
def test_a_list_for_a_moment_is_for_home_or_radio(client: TestClient, surface: str) -> None:
    body = {"user_id": "u00001", "count": 3, "context": {"surface": surface}}
    assert listed(client.post("/v1/recommend", json=body)).surface == surface


def test_before_the_first_release_lists_are_popular_and_say_why(platform: Platform) -> None:
    (platform.home.releases / "current.json").unlink()
    live = LiveFunnel()
    live.refresh()
    client = TestClient(front_of(Desk(live)))
    found = listed(client.post("/v1/recommend", json={"user_id": "u00001"}))
    assert (found.fallback, len(found.tracks)) == (Fallback.NO_RELEASE, 30)
    assert client.get("/readyz").status_code == 503
    assert "promote one" in client.get("/readyz").json()["error"]


def test_before_anything_was_built_every_list_is_empty_and_valid(home: Any) -> None:
    live = LiveFunnel()
    live.refresh()
    client = TestClient(front_of(Desk(live)))
    for answer in (
        client.get("/v1/users/u1/weekly"),
        client.post("/v1/recommend", json={"user_id": "u1"}),
        client.get("/v1/tracks/t1/similar"),
    ):
        found = listed(answer)
        assert (found.tracks, found.fallback) == ([], Fallback.NO_RELEASE)


@pytest.mark.parametrize("slashed", ["AC/DC", "a/b/c", "/", "x/weekly", "x/similar", "50%"])
def test_an_id_with_a_slash_is_reached_by_every_route(client: TestClient, slashed: str) -> None:
    in_path = quote(slashed, safe="")
    for answer in (
        client.get(f"/v1/users/{in_path}/weekly"),
        client.post("/v1/recommend", json={"user_id": slashed}),
    ):
        assert listed(answer).user_id == slashed
    assert listed(client.get(f"/v1/tracks/{in_path}/similar")).fallback == Fallback.UNKNOWN_TRACK
    assert 'route="/v1/users/{user_id}/weekly"' in client.get("/metrics").text


def test_a_licence_taken_back_since_publication_is_honoured(platform: Platform) -> None:
    """The stored playlist of a listener in Sweden, asked for after a catalogue that licenses nothing arrived."""
    weekly.run(week=platform.week, engine="local")
    kept = platform.home.features.with_name("kept")
    shutil.copytree(platform.home.features, kept)
    try:
        _license_nothing(platform)
        live = LiveFunnel()
        live.refresh()
        answer = TestClient(front_of(Desk(live))).get("/v1/users/u00002/weekly")
    finally:
        shutil.rmtree(platform.home.features)
        kept.rename(platform.home.features)
    assert listed(answer).tracks == []


def _license_nothing(platform: Platform) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from segue.names import Table

    for table in (Table.TRACKS, Table.LICENCES):
        path = platform.home.table(table) / "data.parquet"
        rows = pq.read_table(path)
        if table == Table.LICENCES:
            rows = rows.slice(0, 0)
        else:
            place = rows.schema.get_field_index("licensed_everywhere")
            rows = rows.set_column(place, "licensed_everywhere", pa.array([False] * len(rows)))
        pq.write_table(rows, path)
