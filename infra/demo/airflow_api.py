"""A small client of Airflow's REST API: start a DAG run, follow it, read a task's log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from infra.demo.failure import DemoFailureError

ENDED = ("success", "failed")


@dataclass(frozen=True)
class Task:
    """One task of a run; `state` is None before it is scheduled, `seconds` None before it ends."""

    task_id: str
    state: str | None
    seconds: float | None
    tries: int


class AirflowApi:
    """The API server at `address`, as user `admin`."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=30)
        self.credentials = {"username": user, "password": password}

    def ready(self) -> bool:
        """Whether scheduler and DAG processor answer and the API lets us in."""
        try:
            health = self.client.get("/api/v2/monitor/health").json()
            healthy = all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))
            return healthy and self._sign_in()
        except (httpx.HTTPError, KeyError, ValueError):
            return False

    def knows(self, dag: str) -> bool:
        return self.client.get(f"/api/v2/dags/{dag}").status_code == httpx.codes.OK

    def import_errors(self) -> str:
        """What Airflow says about DAG files it cannot read; empty when there is none."""
        return "\n".join(error["stack_trace"] for error in self._get("/api/v2/importErrors")["import_errors"])

    def trigger(self, dag: str, form: dict[str, Any]) -> str:
        """Start a run with what a person would enter in the form; gives the run's id."""
        answer = self.client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None, "conf": form})
        if answer.is_error:
            raise DemoFailureError(dag, f"Airflow refused the run: {answer.text}")
        return str(answer.json()["dag_run_id"])

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
        answer = self.client.get(path, params=query, headers={"Accept": "application/json"})
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._sign_in():
            answer = self.client.get(path, params=query, headers={"Accept": "application/json"})
        answer.raise_for_status()
        return answer.json()

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
