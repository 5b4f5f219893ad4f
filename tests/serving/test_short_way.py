"""The stored playlist past the framework: the route's own answer, and the route wherever it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from segue.pseudonyms import pseudonym
from serving.live import recommender
from serving.live.api import Desk, make_api
from serving.live.problems import Front
from serving.live.short_way import ShortWay, front_of, plain_weekly


def _asked(front: Any, path: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    answer = TestClient(front, raise_server_exceptions=False).get(path)
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, dict(answer.headers), body


@pytest.mark.parametrize("user", ["u00001", "u00002", "stranger", "a%20b", "x" * 129, "with%2Fslash", "nul%00"])
def test_both_ways_give_the_same_answer(desk: Desk, user: str) -> None:
    path = f"/v1/users/{user}/weekly"
    short, route = _asked(front_of(desk), path), _asked(Front(make_api(desk)), path)
    assert (short[0], short[2]) == (route[0], route[2])
    assert short[1]["content-type"] == route[1]["content-type"]


def test_the_short_way_is_taken_and_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, put = [], desk.predictions.put
    monkeypatch.setattr(desk.predictions, "put", lambda prediction: (taken.append(prediction), put(prediction)))

    async def nobody(*_: Any) -> None:
        raise AssertionError("the route was asked")

    monkeypatch.setattr("serving.live.short_way.make_api", lambda _: nobody)
    assert _asked(front_of(desk), "/v1/users/u00001/weekly")[0] == 200
    assert [one.surface for one in taken] == ["weekly"]


def test_what_goes_wrong_gets_the_sentence_of_the_route(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("the store is gone, says u00001")

    monkeypatch.setattr(recommender, "weekly", broken)
    status, _, body = _asked(front_of(desk), "/v1/users/u00001/weekly")
    assert (status, body) == (500, {"error": "Something went wrong on our side: try again."})
    assert "u00001" not in caplog.text


def test_a_defect_of_the_short_way_alone_is_answered_by_the_route_and_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("only here, says u00001")

    monkeypatch.setattr(ShortWay, "_made", broken)
    assert _asked(front_of(desk), "/v1/users/u00001/weekly")[0] == 200
    (told,) = [json.loads(record.getMessage()) for record in caplog.records if "ValueError" in record.getMessage()]
    assert (told["route"], told["user"]) == ("/v1/users/{user_id}/weekly", pseudonym("u00001"))
    assert "u00001" not in caplog.text


def test_answers_are_counted_under_the_route_they_replace(desk: Desk) -> None:
    client = TestClient(front_of(desk))
    client.get("/v1/users/u00001/weekly")
    assert 'route="/v1/users/{user_id}/weekly"' in client.get("/metrics").text


@pytest.mark.parametrize(
    "scope",
    [
        {"method": "POST"},
        {"query_string": b"territory=SE"},
        {"query_string": b"explain=true"},
        {"path": "/v1/users/a b/weekly"},
        {"path": "/v1/users/a\x00b/weekly"},
        {"path": "/v1/users//weekly"},
        {"path": "/v1/users/a/weekly/"},
    ],
)
def test_anything_but_the_plain_question_takes_the_route(scope: dict[str, Any]) -> None:
    plain = {"type": "http", "method": "GET", "query_string": b"", "path": "/v1/users/a/weekly"}
    assert plain_weekly(plain) == "a"
    assert plain_weekly(plain | scope) is None
