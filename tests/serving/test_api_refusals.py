"""The HTTP contract: one sentence for bad input, for what is lacking and for a defect, and no more than that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_events import EVENT
from fastapi.testclient import TestClient

from segue.errors import SegueError
from segue.pseudonyms import pseudonym
from segue.requests import Problem
from segue.settings import get_settings
from serving.live import live_funnel as live_module
from serving.live import recommender

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


def test_a_body_limit_is_a_setting(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_MAX_REQUEST_BYTES", "10")
    get_settings.cache_clear()
    assert client.post("/v1/recommend", json={"user_id": "u00001"}).status_code == 413
