"""Follows DAG runs in the scheduler until they end, showing their tasks, and turns a failed one into a reason with its log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.demo.airflow_api import ENDED, AirflowApi, Task, wait_until
from infra.demo.failure import DemoFailureError
from infra.demo.screen import Screen

RUN_SECONDS = 3_600
ASSET_SECONDS = 90
_SIGNS = {"success": "✓", "failed": "✗", "running": "▶", "skipped": "○", "up_for_retry": "↻", "upstream_failed": "✗"}


@dataclass
class Follower:
    """Starts and follows runs; `seconds` collects what each task took, by `dag.task`, over all rounds."""

    api: AirflowApi
    screen: Screen
    check: Callable[[], None]
    seconds: dict[str, float] = field(default_factory=dict)

    def trigger(self, dag: str, form: dict[str, Any]) -> str:
        """Start `dag` as the form would, follow it to its end; gives the run's id.

        Raises:
            DemoFailureError: a task failed; the end of its log is inside.
        """
        run = self.api.trigger(dag, form)
        return self.follow(dag, run)

    def started_by_asset(self, dag: str, known: set[str]) -> str:
        """Wait for a run of `dag` that is not in `known`, which the scheduler starts by itself, and follow it."""

        def fresh() -> list[str]:
            return [run for run in self.api.runs(dag) if run not in known]

        wait_until(f"{dag} started by its asset", lambda: bool(fresh()), seconds=ASSET_SECONDS, check=self.check)
        return self.follow(dag, fresh()[-1])

    def follow(self, dag: str, run: str) -> str:
        begun = time.monotonic()
        while (state := self.api.state(dag, run)) not in ENDED:
            self.check()
            self.screen.status(_line(dag, self.api.tasks(dag, run)))
            if time.monotonic() - begun > RUN_SECONDS:
                raise DemoFailureError(dag, f"still {state} after {RUN_SECONDS} seconds")
            time.sleep(1)
        tasks = self.api.tasks(dag, run)
        self.screen.say(_line(dag, tasks, ended=True))
        for task in tasks:
            name = f"{dag}.{task.task_id}"
            self.seconds[name] = self.seconds.get(name, 0.0) + (task.seconds or 0.0)
        if state == "failed":
            raise self._failure(dag, run, tasks)
        return run

    def skipped(self, dag: str, run: str, task_id: str) -> bool:
        return any(task.task_id == task_id and task.state == "skipped" for task in self.api.tasks(dag, run))

    def _failure(self, dag: str, run: str, tasks: list[Task]) -> DemoFailureError:
        failed = next((task for task in tasks if task.state == "failed"), None)
        if failed is None:
            return DemoFailureError(dag, "the run failed and no task of it did")
        return DemoFailureError(
            f"{dag}.{failed.task_id}", f"failed after {failed.tries} tries", self.api.log(dag, run, failed)
        )


def _line(dag: str, tasks: list[Task], *, ended: bool = False) -> str:
    shown = []
    for task in tasks:
        seconds = f" {task.seconds:.0f} s" if ended and task.seconds else ""
        shown.append(f"{_SIGNS.get(task.state or '', '·')} {task.task_id}{seconds}")
    return f"{dag}: " + "  ".join(shown)
