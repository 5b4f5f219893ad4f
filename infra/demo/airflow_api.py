"""A small client of Airflow's REST API: start a DAG run, follow it, read a task's log.

On a busy machine a poll now and then times out or meets a locked database. Such a call is made again for a while; every call
can be, since a run is started under an id that the client chose.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from infra.demo.failure import DemoFailureError

ENDED = ("success", "failed")
SERVER = "airflow-api-server"
PATIENCE_SECONDS = 60
"""How long an API server that answers with 5xx, or not at all, is asked again."""


@dataclass(frozen=True)
class Task:
    """One task of a run; `state` is None before it is scheduled, `seconds` None before it ends."""

    task_id: str
    state: str | None
    seconds: float | None
    tries: int


class AirflowApi:
    """The API server at `address`, as user `admin`. `server_log` gives the end of the server's own log.

    Every call but `ready` raises DemoFailureError, with that log, when the server does not do what it was asked.
    """

    def __init__(self, address: str, user: str, password: str, server_log: Callable[[], str]) -> None:
        self.client = httpx.Client(base_url=address, timeout=30)
        self.credentials = {"username": user, "password": password}
        self.server_log = server_log

    def ready(self) -> bool:
        """Whether scheduler and DAG processor answer and the API lets us in."""
        try:
            health = self.client.get("/api/v2/monitor/health").json()
            healthy = all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))
            return healthy and self._sign_in()
        except (httpx.HTTPError, KeyError, ValueError):
            return False

    def knows(self, dag: str) -> bool:
        return self._ask("GET", f"/api/v2/dags/{dag}").is_success

    def import_errors(self) -> str:
        """What Airflow says about DAG files it cannot read; empty when there is none."""
        return "\n".join(error["stack_trace"] for error in self._get("/api/v2/importErrors")["import_errors"])

    def trigger(self, dag: str, form: dict[str, Any]) -> str:
        """Start a run with what a person would enter in the form; gives the run's id."""
        run = f"manual__{uuid.uuid4()}"
        body = {"dag_run_id": run, "logical_date": None, "conf": form}
        answer = self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", json=body)
        if answer.is_error and answer.status_code != httpx.codes.CONFLICT:  # it is there since a try whose answer was lost
            raise DemoFailureError(dag, f"Airflow refused the run: {answer.text}")
        return run

    def runs(self, dag: str) -> list[str]:
        """Ids of the newest runs, newest first."""
        runs = self._get(f"/api/v2/dags/{dag}/dagRuns", order_by="-run_after", limit=50)["dag_runs"]
        return [str(run["dag_run_id"]) for run in runs]

    def state(self, dag: str, run: str) -> str:
        return str(self._get(f"/api/v2/dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> list[Task]:
        """The tasks in the order they began; those that have not begun last."""
        rows = self._get(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        rows.sort(key=lambda row: row["start_date"] or "9")
        return [Task(row["task_id"], row["state"], row["duration"], row["try_number"]) for row in rows]

    def result(self, dag: str, run: str, task: str) -> Any:
        """What a task returned: the JSON summary of its command."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        return self._get(path, deserialize=True)["value"]

    def log(self, dag: str, run: str, task: Task, lines: int = 40) -> str:
        """The end of the log of a task's last try, as plain text."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task.task_id}/logs/{max(task.tries, 1)}"
        content = self._get(path, full_content=True).get("content", [])
        return "\n".join([_log_line(entry) for entry in content][-lines:])

    def _get(self, path: str, **query: Any) -> Any:
        answer = self._ask("GET", path, params=query)
        if not answer.is_success:
            raise self._failure(f"GET {path} answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The first answer that is not an accident of the server's."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._ask_signed_in(method, path, **request)
                if not answer.is_server_error:
                    return answer
                accident = f"{answer.status_code}: {answer.text[:200]}"
            except httpx.HTTPError as problem:
                accident = f"{type(problem).__name__}: {problem}"
            if time.monotonic() > deadline:
                raise self._failure(f"{method} {path} came to nothing for {PATIENCE_SECONDS} seconds, last with {accident}")
            time.sleep(1)

    def _ask_signed_in(self, method: str, path: str, **request: Any) -> httpx.Response:
        wanted = {"Accept": "application/json"}
        answer = self.client.request(method, path, headers=wanted, **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._sign_in():
            answer = self.client.request(method, path, headers=wanted, **request)
        return answer

    def _failure(self, reason: str) -> DemoFailureError:
        return DemoFailureError(SERVER, reason, self.server_log())

    def _sign_in(self) -> bool:
        answer = self.client.post("/auth/token", json=self.credentials)
        answer.raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return True


def _log_line(entry: dict[str, Any] | str) -> str:
    if isinstance(entry, str):
        return entry
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
    return " ".join([str(entry.get("event", "")), *errors])


def wait_until(what: str, done: Callable[[], bool], *, seconds: float, check: Callable[[], None], every: float = 0.5) -> None:
    """Poll `done`, calling `check` (which may raise) between; DemoFailureError when `seconds` went by."""
    deadline = time.monotonic() + seconds
    while not done():
        check()
        if time.monotonic() > deadline:
            raise DemoFailureError(what, f"not there after {seconds:.0f} seconds")
        time.sleep(every)
