"""The e-mail to on-call about a task, over real SMTP to a mailbox on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from infra.mailbox import messages, running
from segue.names import Dag
from segue.settings import get_settings

DAGS = Path(__file__).resolve().parents[2] / "dags"


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`segue_tasks` with settings read afresh, and an Airflow home of its own."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.syspath_prepend(str(DAGS))
    get_settings.cache_clear()
    import segue_tasks

    yield segue_tasks
    get_settings.cache_clear()


def test_on_call_gets_the_task_its_error_and_the_way_to_its_log(
    tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import DAG

    with running(tmp_path / "mail") as port:
        monkeypatch.setenv("SEGUE_SMTP_PORT", str(port))
        monkeypatch.setenv("SEGUE_MAIL_TO", "night-shift@localhost")
        get_settings.cache_clear()
        monkeypatch.setenv(f"AIRFLOW_CONN_{tasks.MAIL.upper()}", tasks.mail_connection())
        task = SimpleNamespace(task_id="train", try_number=3, log_url="http://127.0.0.1:8080/dags/recommender/log")
        context = {"dag": DAG("recommender"), "ti": task, "run_id": "r1", "exception": "<b>no disk</b>"}
        tasks.tell_on_call("failed")(context)
    (mail,) = messages(tmp_path / "mail")
    body = mail.get_body(preferencelist=("html",)).get_content()
    assert mail["Subject"] == "Segue: recommender.train failed"
    assert mail["To"] == "night-shift@localhost"
    assert "&lt;b&gt;no disk&lt;/b&gt;" in body
    assert "http://127.0.0.1:8080/dags/recommender/log" in body


def test_on_call_is_told_which_files_landing_refused_and_of_nothing_else(
    tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import DAG

    def landed(refused: dict[str, str]) -> dict[str, Any]:
        task = SimpleNamespace(
            task_id="land", try_number=1, log_url="http://127.0.0.1/log", xcom_pull=lambda: {"refused": refused}
        )
        return {"dag": DAG("listening"), "ti": task, "run_id": "r1"}

    with running(tmp_path / "mail") as port:
        monkeypatch.setenv("SEGUE_SMTP_PORT", str(port))
        get_settings.cache_clear()
        monkeypatch.setenv(f"AIRFLOW_CONN_{tasks.MAIL.upper()}", tasks.mail_connection())
        tasks.tell_of_refused(landed({}))
        tasks.tell_of_refused(landed({"2.jsonl": "Expected rows in 2.jsonl, received <none>"}))
    (mail,) = messages(tmp_path / "mail")
    assert mail["Subject"] == "Segue: listening.land refused some of its files; the others landed"
    assert "2.jsonl: Expected rows in 2.jsonl, received &lt;none&gt;" in mail.get_body(preferencelist=("html",)).get_content()


def test_a_command_that_hangs_is_ended_with_everything_it_started_and_its_task_fails(
    tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowTaskTimeout
    from airflow.sdk.execution_time.task_runner import _run_execute_callable

    (tmp_path / "segue").write_text(f"#!/bin/bash\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    (tmp_path / "segue").chmod(0o755)
    operator = tasks.segue_task("train", "train", env={}, execution_timeout=timedelta(seconds=1))
    monkeypatch.setattr(operator, "get_env", lambda context: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    with pytest.raises(AirflowTaskTimeout):
        _run_execute_callable({}, operator.execute, operator)
    assert not _lives(int((tmp_path / "pid").read_text()))


def _lives(pid: int) -> bool:
    """Whether a process is still at work a moment after it was asked to end; an ended one that nobody collected is not."""
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(
    ("security", "ssl_off", "tls_off"), [("none", True, True), ("starttls", True, False), ("tls", False, True)]
)
def test_the_mail_settings_reach_airflow(
    tasks: Any, monkeypatch: pytest.MonkeyPatch, security: str, ssl_off: bool, tls_off: bool
) -> None:
    monkeypatch.setenv("SEGUE_SMTP_SECURITY", security)
    monkeypatch.setenv("SEGUE_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("SEGUE_SMTP_USER", "segue")
    monkeypatch.setenv("SEGUE_SMTP_PASSWORD", "hush")
    get_settings.cache_clear()
    found = json.loads(tasks.mail_connection())
    assert (found["host"], found["login"], found["password"]) == ("mail.example.org", "segue", "hush")
    assert (found["extra"]["disable_ssl"], found["extra"]["disable_tls"]) == (ssl_off, tls_off)


@pytest.mark.parametrize(("dag", "task"), [(Dag.WEEKLY_PLAYLISTS, "playlists"), (Dag.DRIFT_REPORT, "monitor")])
@pytest.mark.parametrize(("code", "outcome"), [(0, None), (2, "AirflowException"), (3, "AirflowFailException")])
def test_an_alarm_fails_at_once_and_an_accident_may_try_again(
    bag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dag: Dag, task: str, code: int, outcome: str | None
) -> None:
    (tmp_path / "segue").write_text(f"#!/bin/bash\necho '{{}}'\nexit {code}\n")
    (tmp_path / "segue").chmod(0o755)
    operator = copy(bag.dags[dag.value].task_dict[task])
    monkeypatch.setattr(operator, "get_env", lambda context: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    if outcome is None:
        assert operator.execute({}) == {}
        return
    with pytest.raises(Exception, match=r"exit code|verdict") as problem:
        operator.execute({})
    assert type(problem.value).__name__ == outcome
