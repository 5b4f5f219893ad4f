"""The HTTP contract: valid lists and named fallbacks for anyone, one sentence for bad input, and a document that is true."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from fastapi.testclient import TestClient
from serving_platform import Platform

from segue.errors import SegueError
from segue.names import Fallback, Service
from segue.predictions import Prediction
from segue.pseudonyms import pseudonym
from segue.requests import EventsAccepted, Problem, TrackList
from segue.settings import get_settings
from serving import event_log, recommender, stored_playlist, weekly
from serving import live as live_module
from serving.api import Desk, make_api
from serving.live import LiveFunnel
from serving.prediction_log import PredictionLog
from serving.problems import Front

EVENT = {
    "event_id": "e1",
    "event_type": "play",
    "user_id": "u00001",
    "track_id": "t00001",
    "occurred_at": "2026-11-16T10:00:00+02:00",
    "ms_played": 1_000,
}
WEEKLY = "/v1/users/{user_id}/weekly"


@pytest.fixture(scope="module")
def shared_live(built: Platform) -> LiveFunnel:
    return LiveFunnel()


@pytest.fixture
def desk(platform: Platform, shared_live: LiveFunnel) -> Iterator[Desk]:
    shared_live.refresh()
    opened = Desk(shared_live)
    yield opened
    opened.predictions.close()


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return TestClient(Front(make_api(desk)), raise_server_exceptions=False)


def listed(answer: Any) -> TrackList:
    assert answer.status_code == 200, answer.text
    return TrackList.model_validate(answer.json())


def test_a_known_user_gets_a_personal_list_of_the_length_they_asked_for(client: TestClient) -> None:
    found = listed(client.post("/v1/recommend", json={"user_id": "u00001", "count": 12, "explain": True}))
    assert (found.fallback, len(found.tracks), found.release) == (None, 12, "fake-1")
    assert {"already_heard", "artist_cap"} <= {r.rule for r in found.removed or []}


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


@pytest.mark.parametrize("kind", ["track_id", "artist_id"])
def test_what_was_disliked_since_publication_leaves_the_weekly_list(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    weekly.run(week=platform.week, engine="local")
    before = listed(client.get("/v1/users/u00001/weekly")).tracks
    unwanted = getattr(before[0], kind)

    def disliking(service: Service, keys: dict[str, str], features: list[str]) -> Any:
        assert (service, keys, features) == (Service.POLICY, {"user_id": "u00001"}, ["disliked_tracks", "disliked_artists"])
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
    client = TestClient(Front(make_api(Desk(live))))
    found = listed(client.post("/v1/recommend", json={"user_id": "u00001"}))
    assert (found.fallback, len(found.tracks)) == (Fallback.NO_RELEASE, 30)
    assert client.get("/readyz").status_code == 503
    assert "promote one" in client.get("/readyz").json()["error"]


def test_before_anything_was_built_every_list_is_empty_and_valid(home: Any) -> None:
    live = LiveFunnel()
    live.refresh()
    client = TestClient(Front(make_api(Desk(live))))
    for answer in (
        client.get("/v1/users/u1/weekly"),
        client.post("/v1/recommend", json={"user_id": "u1"}),
        client.get("/v1/tracks/t1/similar"),
    ):
        found = listed(answer)
        assert (found.tracks, found.fallback) == ([], Fallback.NO_RELEASE)


BAD = [
    ("POST", "/v1/recommend", b"{", 400),
    ("POST", "/v1/recommend", b"\xff\xfe", 400),
    ("POST", "/v1/recommend", b"[" * 100_000, 400),
    ("POST", "/v1/recommend", b"{}", 400),
    ("POST", "/v1/recommend", b'{"user_id": "a b"}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "\\ud800"}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "count": 101}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "surprise": 1}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "context": {"territory": "se"}}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "context": {"requested_at": "2026-11-16T10:00:00"}}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "context": {"requested_at": "0001-01-01T00:00:00+14:00"}}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "context": {"surface": "weekly"}}', 400),
    ("POST", "/v1/recommend", b'{"user_id": "u", "context": {"surface": "library"}}', 400),
    ("POST", "/v1/events", b'{"events": []}', 400),
    ("POST", "/v1/events", json.dumps({"events": [EVENT | {"ms_played": -1}]}).encode(), 400),
    ("POST", "/v1/events", json.dumps({"events": [EVENT | {"occurred_at": "9999-12-31T23:59:59-14:00"}]}).encode(), 400),
    ("POST", "/v1/events", b" " * 1_100_000, 413),
    ("GET", "/v1/tracks/t00001/similar?count=0", b"", 400),
    ("GET", "/v1/users/a%20b/weekly", b"", 400),
    ("GET", "/v1/nothing", b"", 404),
    ("GET", "/", b"", 404),
    ("DELETE", "/v1/recommend", b"", 405),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD)
def test_bad_input_ends_in_one_sentence(client: TestClient, method: str, path: str, body: bytes, status: int) -> None:
    answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    problem = Problem.model_validate(answer.json())
    assert problem.error.endswith(".")
    assert "\n" not in problem.error


@pytest.mark.parametrize("slashed", ["AC/DC", "a/b/c", "/", "x/weekly", "x/similar", "50%"])
def test_an_id_with_a_slash_is_reached_by_every_route(client: TestClient, slashed: str) -> None:
    in_path = quote(slashed, safe="")
    for answer in (
        client.get(f"/v1/users/{in_path}/weekly"),
        client.post("/v1/recommend", json={"user_id": slashed}),
    ):
        assert listed(answer).user_id == slashed
    assert listed(client.get(f"/v1/tracks/{in_path}/similar")).fallback == Fallback.UNKNOWN_TRACK
    assert f'route="{WEEKLY}"' in client.get("/metrics").text


def test_a_chunked_body_over_the_limit_is_refused_though_it_names_no_length(client: TestClient) -> None:
    answer = client.post(
        "/v1/events", content=(b" " * 100_000 for _ in range(11)), headers={"content-type": "application/json"}
    )
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 413


def test_a_defect_answers_500_without_internals_and_logs_no_user_id(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("u00001 at /secret/place")

    monkeypatch.setattr(recommender, "read_row", broken)
    answer = client.get("/v1/users/u00001/weekly")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "RuntimeError" in caplog.text
    assert pseudonym("u00001") in caplog.text
    assert "u00001" not in caplog.text


def test_an_unreadable_feature_store_is_503_and_not_ready(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> None:
        raise SegueError(expected="a registry in /secret/place", received="none", mend="run it")

    monkeypatch.setattr(recommender, "read_row", unreadable)
    monkeypatch.setattr(live_module, "read_row", unreadable)
    answer = client.post("/v1/recommend", json={"user_id": "u00001"})
    assert answer.status_code == 503
    assert "secret" not in Problem.model_validate(answer.json()).error
    assert client.get("/readyz").status_code == 503
    assert "feature store" in client.get("/readyz").json()["error"]


def test_a_playlist_add_without_its_playlist_is_refused_in_one_sentence(client: TestClient) -> None:
    refused = client.post("/v1/events", json={"events": [EVENT | {"event_type": "playlist_add"}]})
    assert refused.status_code == 400
    assert "a playlist_add needs the playlist_id of the list the track was added to." in refused.text
    assert "alue error" not in refused.text


def test_accepted_events_are_in_landing_with_the_time_they_were_received(client: TestClient, platform: Platform) -> None:
    accepted = client.post("/v1/events", json={"events": [EVENT, EVENT | {"event_id": "e2"}]})
    assert accepted.status_code == 202
    receipt = EventsAccepted.model_validate(accepted.json())
    folder = platform.home.landing_day("events", "events", receipt.received_at.date())
    (file,) = folder.glob("http-*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["event_id"] for row in rows] == ["e1", "e2"]
    assert rows[0]["occurred_at"] == "2026-11-16T08:00:00.000000+00:00"
    assert datetime.fromisoformat(rows[0]["received_at"]) == receipt.received_at


def test_events_that_cannot_be_flushed_are_not_accepted_and_leave_no_half_line(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/events", json={"events": [EVENT]})
    (file,) = platform.home.landing.rglob("http-*.jsonl")
    before = file.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(event_log.os, "fsync", full)
        assert client.post("/v1/events", json={"events": [EVENT | {"event_id": "e2"}]}).status_code == 500
    assert file.read_bytes() == before


def test_every_list_is_logged_with_the_features_it_was_made_from(client: TestClient, desk: Desk, platform: Platform) -> None:
    client.post("/v1/recommend", json={"user_id": "u00001", "context": {"requested_at": "2026-11-16T10:00:00Z"}})
    client.get("/v1/tracks/t00020/similar")
    desk.predictions.close()
    (file,) = platform.home.predictions.rglob("http-*.jsonl")
    assert file.parent.name == f"day={datetime.now(UTC).date()}"
    first, second = map(Prediction.model_validate_json, file.read_text().splitlines())
    assert (first.user, second.user) == (pseudonym("u00001"), None)
    assert first.features is not None
    assert (first.features["hour_of_day"], first.features["day_of_week"]) == (10, 0)
    assert first.features["plays_30d"] > 0
    assert "user_id" not in first.features


def test_an_answer_with_the_weekly_list_names_the_record_that_holds_its_features(
    client: TestClient, desk: Desk, platform: Platform
) -> None:
    weekly.run(week=platform.week, engine="local")
    for user in ("u00001", "stranger"):
        client.get(f"/v1/users/{user}/weekly")
    desk.predictions.close()
    (made,), (answered,) = (list(platform.home.predictions.rglob(name)) for name in ("weekly-*.jsonl", "http-*.jsonl"))
    batch = {p.request_id: p for p in map(Prediction.model_validate_json, made.read_text().splitlines())}
    known, stranger = map(Prediction.model_validate_json, answered.read_text().splitlines())
    source = batch[known.batch_request_id or ""]
    assert (source.user, source.week, source.release) == (known.user, known.week, known.release)
    assert [t.track_id for t in known.tracks] == [t.track_id for t in source.tracks]
    assert source.features is not None
    assert source.features["plays_30d"] > 0
    assert (stranger.features, stranger.batch_request_id, stranger.fallback) == (None, None, Fallback.WORLDWIDE)


def test_a_full_prediction_log_drops_and_counts_instead_of_waiting(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving import prediction_log

    monkeypatch.setattr(prediction_log.PredictionLog, "_write_all", lambda self: None)
    dropped: list[int] = []
    monkeypatch.setattr(prediction_log.DROPPED, "inc", lambda: dropped.append(1))
    log = PredictionLog("test", most_waiting=1)
    for _ in range(3):
        log.put(None)  # type: ignore[arg-type]
    assert len(dropped) == 2


def test_metrics_name_routes_and_fallbacks_and_no_user(client: TestClient) -> None:
    client.get("/v1/users/u00001/weekly")
    client.get("/v1/no/such/u00001")
    text = client.get("/metrics").text
    assert f'route="{WEEKLY}"' in text
    assert 'fallback="popular-in-territory"' in text
    assert 'route="outside"' in text
    assert "u00001" not in text


def test_the_openapi_document_matches_real_answers(client: TestClient, platform: Platform) -> None:
    document = client.get("/v1/openapi.json").json()
    asked = [
        ("get", WEEKLY, client.get("/v1/users/u00001/weekly")),
        ("get", WEEKLY, client.get("/v1/users/a%20b/weekly")),
        ("get", WEEKLY, client.get("/v1/users/AC%2FDC/weekly")),
        ("post", "/v1/recommend", client.post("/v1/recommend", json={"user_id": "u00001", "explain": True})),
        ("post", "/v1/recommend", client.post("/v1/recommend", json={})),
        ("get", "/v1/tracks/{track_id}/similar", client.get("/v1/tracks/t00020/similar")),
        ("post", "/v1/events", client.post("/v1/events", json={"events": [EVENT]})),
        ("post", "/v1/events", client.post("/v1/events", content=b" " * 1_100_000)),
        ("get", "/livez", client.get("/livez")),
        ("get", "/readyz", client.get("/readyz")),
    ]
    for method, path, answer in asked:
        described = document["paths"][path][method]["responses"]
        assert str(answer.status_code) in described, (path, answer.status_code)
        schema = described[str(answer.status_code)]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), schema | {"components": document["components"]})
    assert "422" not in json.dumps(document["paths"])
    assert {path for _, path, _ in asked} | {"/metrics"} == set(document["paths"])


def test_a_wrong_answer_would_not_match_the_document(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    schema = document["paths"]["/v1/recommend"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"error": "no list"}, schema | {"components": document["components"]})


def test_a_body_limit_is_a_setting(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_MAX_REQUEST_BYTES", "10")
    get_settings.cache_clear()
    assert client.post("/v1/recommend", json={"user_id": "u00001"}).status_code == 413


def test_a_licence_taken_back_since_publication_is_honoured(platform: Platform) -> None:
    """The stored playlist of a listener in Sweden, asked for after a catalogue that licenses nothing arrived."""
    weekly.run(week=platform.week, engine="local")
    kept = platform.home.features.with_name("kept")
    shutil.copytree(platform.home.features, kept)
    try:
        _license_nothing(platform)
        live = LiveFunnel()
        live.refresh()
        answer = TestClient(Front(make_api(Desk(live)))).get("/v1/users/u00002/weekly")
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
