"""The e-mail to on-call about a task, over real SMTP to a mailbox on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.mailbox import messages, running
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


@pytest.mark.parametrize(("code", "outcome"), [(0, None), (2, "AirflowException"), (3, "AirflowFailException")])
def test_an_alarm_fails_at_once_and_an_accident_may_try_again(
    tasks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, outcome: str | None
) -> None:
    (tmp_path / "segue").write_text(f"#!/bin/bash\necho '{{}}'\nexit {code}\n")
    (tmp_path / "segue").chmod(0o755)
    operator = tasks.segue_task("monitor", "monitor", env={}, alarm_on_exit_code=3)
    monkeypatch.setattr(operator, "get_env", lambda context: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    if outcome is None:
        assert operator.execute({}) == {}
        return
    with pytest.raises(Exception, match=r"exit code|verdict") as problem:
        operator.execute({})
    assert type(problem.value).__name__ == outcome
