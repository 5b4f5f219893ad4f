"""The HTTP contract: what is kept of requests and answers, and a document that is true."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import jsonschema
import pytest
from api_events import EVENT
from fastapi.testclient import TestClient
from serving_platform import Platform

from segue.names import Fallback
from segue.predictions import Prediction
from segue.pseudonyms import pseudonym
from segue.requests import EventsAccepted
from serving.live import event_log
from serving.live.api import Desk
from serving.live.prediction_log import PredictionLog
from serving.weekly import command as weekly

WEEKLY = "/v1/users/{user_id}/weekly"


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
    from serving.live import prediction_log

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
