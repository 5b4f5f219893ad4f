"""The demo's plan, its claim on a home, and what it shows when something fails."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from infra.airflow.components import COMPONENTS
from infra.airflow.configuration import password, password_file, write_configuration
from infra.demo.__main__ import _live, main
from infra.demo.claim import claim_home
from infra.demo.failure import DemoFailureError
from infra.demo.plan import THIRTY_MUSIC_DAYS, World, thirty_music_plan, world_plan
from infra.demo.platform import Ports, environment
from infra.demo.rounds import Turn
from infra.demo.summary import rounds_table
from infra.demo.traffic import Listeners
from segue.errors import SegueError
from segue.home import Home


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


def test_a_stage_may_keep_the_bytecode_that_the_next_one_reads(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in environment(home, Ports(1, 2, 3), {})


def test_a_service_that_does_not_answer_a_listener_is_a_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.demo.traffic._ids", lambda *_: ["one"])
    listeners = Listeners("http://service", home)

    def silence(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too busy")

    listeners.client = httpx.Client(base_url="http://service", transport=httpx.MockTransport(silence))
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
