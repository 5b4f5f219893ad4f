"""How the demo follows DAG runs, against a stand-in for Airflow's API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from infra.demo.airflow_api import AirflowApi, Task, wait_until
from infra.demo.failure import DemoFailureError
from infra.demo.follow import Follower
from infra.demo.screen import Screen
from segue.names import Dag


class StandIn(AirflowApi):
    """Answers like Airflow: each look at a run finds it one step further."""

    def __init__(self, states: list[str], tasks: list[Task]) -> None:
        self.states, self.found, self.forms = states, tasks, list[dict[str, Any]]()
        self.known = ["old"]

    def trigger(self, dag: str, form: dict[str, Any]) -> str:
        self.forms.append(form)
        return f"{dag}-run"

    def runs(self, dag: str) -> list[str]:
        return self.known

    def state(self, dag: str, run: str) -> str:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def tasks(self, dag: str, run: str) -> list[Task]:
        return self.found

    def log(self, dag: str, run: str, task: Task, lines: int = 40) -> str:
        return f"the log of {task.task_id}"


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Follower]:
    monkeypatch.setattr("infra.demo.follow.time.sleep", lambda _: None)
    return lambda states, tasks: Follower(StandIn(states, tasks), Screen(), lambda: None)


def test_a_run_is_followed_to_its_end_and_its_seconds_kept(follower: Callable[..., Follower]) -> None:
    following = follower(
        ["queued", "running", "success"], [Task("land", "success", 4.0, 1), Task("features", "success", 3.0, 1)]
    )
    assert following.trigger(Dag.LISTENING, {"as_of": "2026-11-15"}) == "listening-run"
    assert following.seconds == {"listening.land": 4.0, "listening.features": 3.0}


def test_a_failed_task_is_named_with_its_log(follower: Callable[..., Follower]) -> None:
    following = follower(["failed"], [Task("land", "success", 1.0, 1), Task("features", "failed", 1.0, 3)])
    with pytest.raises(DemoFailureError, match="after 3 tries") as failure:
        following.trigger(Dag.LISTENING, {})
    assert failure.value.stage == "listening.features"
    assert failure.value.log == "the log of features"


def test_a_run_that_an_asset_starts_is_found_among_the_old_ones(follower: Callable[..., Follower]) -> None:
    following = follower(["success"], [Task("playlists", "success", 1.0, 1)])
    following.api.known = ["asset_triggered__1", "old"]  # type: ignore[attr-defined]
    assert following.started_by_asset(Dag.WEEKLY_PLAYLISTS, {"old"}) == "asset_triggered__1"


def test_a_run_that_never_starts_is_a_failure(follower: Callable[..., Follower], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.demo.follow.ASSET_SECONDS", 0)
    with pytest.raises(DemoFailureError, match="not there"):
        follower(["success"], []).started_by_asset(Dag.WEEKLY_PLAYLISTS, {"old"})


def test_a_skipped_task_is_seen(follower: Callable[..., Follower]) -> None:
    following = follower(["success"], [Task("promote", "skipped", None, 1), Task("train", "success", 1.0, 1)])
    assert following.skipped(Dag.RECOMMENDER, "run", "promote")
    assert not following.skipped(Dag.RECOMMENDER, "run", "train")


def test_waiting_stops_when_a_process_has_ended() -> None:
    def check() -> None:
        raise DemoFailureError("service", "ended by itself")

    with pytest.raises(DemoFailureError, match="ended by itself"):
        wait_until("service", lambda: False, seconds=60, check=check)


def _api(answer: Callable[[httpx.Request], httpx.Response]) -> AirflowApi:
    api = AirflowApi("http://airflow", "admin", "secret", lambda: "the server's log")
    api.client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(answer))
    return api


def test_an_expired_token_is_renewed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "fresh"})
        if request.headers.get("Authorization") != "Bearer fresh":
            return httpx.Response(401)
        return httpx.Response(200, json={"state": "success"})

    assert _api(answer).state("listening", "run") == "success"


@pytest.fixture
def accidents(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response | httpx.HTTPError]:
    """What an API server does wrong at first, each once; nobody waits between calls."""
    monkeypatch.setattr("infra.demo.airflow_api.time.sleep", lambda _: None)
    return [httpx.ReadTimeout("too busy"), httpx.ConnectError("refused"), httpx.Response(500, text="database is locked")]


def _raise_or_give(accident: httpx.Response | httpx.HTTPError) -> httpx.Response:
    if isinstance(accident, httpx.HTTPError):
        raise accident
    return accident


def test_a_poll_that_fails_is_made_again(accidents: list[httpx.Response | httpx.HTTPError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return _raise_or_give(accidents.pop()) if accidents else httpx.Response(200, json={"state": "success"})

    assert _api(answer).state("listening", "run") == "success"
    assert accidents == []


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_server_that_goes_on_failing_is_a_failure_with_its_log(
    accidents: list[httpx.Response | httpx.HTTPError], monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    monkeypatch.setattr("infra.demo.airflow_api.PATIENCE_SECONDS", 0)
    with pytest.raises(DemoFailureError, match=r"too busy|refused|database is locked") as failure:
        _api(lambda _: _raise_or_give(accidents[which])).state("listening", "run")
    assert (failure.value.stage, failure.value.log) == ("airflow-api-server", "the server's log")


def test_what_airflow_does_not_have_is_a_failure_at_once() -> None:
    with pytest.raises(DemoFailureError, match="answered 404"):
        _api(lambda _: httpx.Response(404)).result("recommender", "run", "train")


def test_a_start_whose_answer_was_lost_starts_one_run(accidents: list[httpx.Response | httpx.HTTPError]) -> None:
    started: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        run = json.loads(request.content)["dag_run_id"]
        if run in started:
            return httpx.Response(409)
        started.append(run)
        raise httpx.ReadTimeout("too busy")

    assert _api(answer).trigger("listening", {}) == started[0]
    assert len(started) == 1


def test_a_form_that_airflow_refuses_is_a_failure_with_its_words() -> None:
    api = _api(lambda _: httpx.Response(400, text="Invalid input for param as_of"))
    with pytest.raises(DemoFailureError, match="Invalid input for param as_of"):
        api.trigger("listening", {"as_of": "tomorrow"})


def test_a_scheduler_that_is_down_is_not_ready() -> None:
    parts = {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": "unhealthy"},
        "dag_processor": {"status": "healthy"},
    }
    assert not _api(lambda _: httpx.Response(200, json=parts)).ready()


def test_the_log_of_a_task_ends_with_its_error() -> None:
    entries = [{"event": "before"}, {"event": "failed", "error_detail": [{"exc_type": "KeyError", "exc_value": "'version'"}]}]
    api = _api(lambda _: httpx.Response(200, json={"content": entries}))
    assert api.log("recommender", "run", Task("promote", "failed", 1.0, 3)) == "before\nfailed KeyError: 'version'"
