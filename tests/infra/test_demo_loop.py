"""The demo's plan, its claim on a home, and how it follows DAG runs, against a stand-in for Airflow's API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.airflow.components import COMPONENTS
from infra.airflow.configuration import password, password_file, write_configuration
from infra.demo.__main__ import _live, main
from infra.demo.airflow_api import AirflowApi, Task, wait_until
from infra.demo.claim import claim_home
from infra.demo.failure import DemoFailureError
from infra.demo.follow import Follower
from infra.demo.plan import THIRTY_MUSIC_DAYS, World, thirty_music_plan, world_plan
from infra.demo.platform import Ports, environment
from infra.demo.rounds import Turn
from infra.demo.screen import Screen
from infra.demo.summary import rounds_table
from infra.demo.traffic import Listeners
from segue.errors import SegueError
from segue.home import Home
from segue.names import Dag


def test_the_world_is_judged_on_its_last_day() -> None:
    plan = world_plan(World(start=date(2026, 9, 21), days=56))
    assert [round_.as_of for round_ in plan.rounds] == [date(2026, 11, 15)]
    assert plan.rounds[0].landing["source"] == "world"


def test_real_listening_is_landed_once_and_lived_through_three_times(tmp_path: Path) -> None:
    plan = thirty_music_plan(tmp_path)
    assert tuple(round_.as_of for round_ in plan.rounds) == THIRTY_MUSIC_DAYS
    assert [round_.landing["source"] for round_ in plan.rounds] == ["30music", "service", "service"]
    assert plan.settings == {"SEGUE_HOLDOUT_DAYS": "2"}


def test_missing_data_is_one_sentence_and_exit_status_2(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--once", "--source", "30music", "--data", "/nowhere"]) == 2
    assert capsys.readouterr().err.startswith("demo: Expected the folder of the 30Music plays, received /nowhere")


def test_the_same_demo_may_use_its_home_again(home: Home) -> None:
    for _ in range(2):
        with claim_home(home, world_plan(World())):
            assert json.loads((home.root / "demo.json").read_bytes())["name"] == "world"


def test_another_world_is_refused_a_used_home(home: Home) -> None:
    with claim_home(home, world_plan(World())):
        pass
    with pytest.raises(SegueError, match="another source, size or seed"), claim_home(home, world_plan(World(seed=18))):
        pass


def test_two_demos_at_once_are_refused(home: Home) -> None:
    plan = world_plan(World())
    with claim_home(home, plan), pytest.raises(SegueError, match="one demo at a time"), claim_home(home, plan):
        pass


def test_nothing_of_airflow_listens_beyond_this_machine(home: Home) -> None:
    write_configuration(home, 18080)
    text = (home.airflow / "airflow.cfg").read_text()
    assert "host = 127.0.0.1" in text
    assert "execution_api_server_url = http://127.0.0.1:18080/execution/" in text
    assert "0.0.0.0" not in text  # noqa: S104
    assert all("--skip-serve-logs" in COMPONENTS[name] for name in ("airflow-scheduler", "airflow-triggerer"))


def test_secrets_are_made_once_and_only_this_user_can_read_them(home: Home) -> None:
    write_configuration(home, 18080)
    first, configuration = password(home), (home.airflow / "airflow.cfg").read_text()
    write_configuration(home, 18080)
    assert password(home) == first
    assert (home.airflow / "airflow.cfg").read_text() == configuration
    for path in (password_file(home), home.airflow / "airflow.cfg", home.secrets / "airflow-keys.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_every_process_gets_the_home_the_ports_and_no_clock(home: Home) -> None:
    found = environment(home, Ports(1, 2, 3), {"SEGUE_HOLDOUT_DAYS": "2"})
    assert found["SEGUE_HOME"] == str(home.root)
    assert (found["SEGUE_AIRFLOW_PORT"], found["SEGUE_SERVE_PORT"], found["SEGUE_SMTP_PORT"]) == ("1", "2", "3")
    assert found["SEGUE_SCHEDULES"] == "false"
    assert found["SEGUE_HOLDOUT_DAYS"] == "2"


def test_an_airflow_and_a_mail_login_of_the_callers_are_left_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's variables win over `airflow.cfg`: the demo would migrate the caller's database and mail by their server."""
    theirs = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://production/airflow",
        "AIRFLOW__CORE__DAGS_FOLDER": "/production/dags",
        "AIRFLOW_CONN_SEGUE_MAIL": "smtp://mail.example.org",
        "AIRFLOW_CONFIG": "/production/airflow.cfg",
        "AIRFLOW_HOME": "/production",
        "SEGUE_SMTP_USER": "segue",
        "SEGUE_SMTP_PASSWORD": "hush",
    }
    for name, value in (theirs | {"LANG": "sv_SE.UTF-8"}).items():
        monkeypatch.setenv(name, value)
    found = environment(home, Ports(1, 2, 3), {})
    assert [name for name in theirs if name in found] == ["AIRFLOW_HOME"]
    assert found["AIRFLOW_HOME"] == str(home.airflow)
    assert found["LANG"] == "sv_SE.UTF-8"


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


def test_a_service_that_does_not_answer_a_listener_is_a_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.demo.traffic._ids", lambda *_: ["one"])
    listeners = Listeners("http://service", home)
    silence = httpx.MockTransport(lambda _: _raise_or_give(httpx.ReadTimeout("too busy")))
    listeners.client = httpx.Client(base_url="http://service", transport=silence)
    with pytest.raises(DemoFailureError, match="POST /v1/recommend: ReadTimeout: too busy"):
        listeners.visit(date(2026, 11, 15))


def test_a_failure_before_anything_runs_is_told_without_a_traceback(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_free(*_: object) -> int:
        raise DemoFailureError("ports", "the system has no free port to give")

    monkeypatch.setattr("infra.demo.platform.free_port", none_free)
    assert _live(home, world_plan(World()), stay=False) == 1
    assert "Stage ports failed" in capsys.readouterr().out


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


def test_the_rounds_are_shown_good_or_bad() -> None:
    models = [{"model": "funnel", "ndcg": 0.2}, {"model": "popular", "ndcg": 0.3}]
    evaluation = {"k": 30, "users": 99, "models": models}
    start = date(2014, 4, 25)
    turns = [
        Turn(start, "v1", promoted=True, reason="better", evaluation=evaluation, drift_after="ok"),
        Turn(start + timedelta(days=60), "v2", reason="worse than popularity", evaluation=evaluation, drift_after="drift"),
    ]
    text = rounds_table(turns)
    assert "promoted" in text
    assert "refused" in text
    assert "2014-06-24: worse than popularity" in text
