"""The four DAGs: that Airflow reads them, that they say what the design says, and that a form cannot smuggle a command in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segue.names import AssetName, Dag
from segue.settings import get_settings

DAGS = Path(__file__).resolve().parents[2] / "dags"
PAGE = 120


def test_airflow_reads_every_dag_without_an_error(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {dag.value for dag in Dag}


def test_a_broken_dag_file_is_an_import_error(bag: Any, tmp_path: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\nraise RuntimeError('broken')\n")
    assert len(DagBag(str(tmp_path)).import_errors) == 1


@pytest.mark.parametrize(
    ("dag", "chain"),
    [
        (Dag.LISTENING, ["land", "features", "embed"]),
        (Dag.RECOMMENDER, ["train", "evaluate", "promote"]),
        (Dag.WEEKLY_PLAYLISTS, ["playlists"]),
        (Dag.DRIFT_REPORT, ["monitor", "ask_for_retraining"]),
    ],
)
def test_tasks_follow_one_another_as_the_design_says(bag: Any, dag: Dag, chain: list[str]) -> None:
    found = bag.dags[dag.value]
    assert sorted(found.task_ids) == sorted(chain)
    for before, after in pairwise(chain):
        assert found.task_dict[before].downstream_task_ids == {after}


@pytest.mark.parametrize(
    ("dag", "task", "asset"),
    [
        (Dag.LISTENING, "features", AssetName.FEATURES),
        (Dag.RECOMMENDER, "promote", AssetName.RELEASE),
        (Dag.WEEKLY_PLAYLISTS, "playlists", AssetName.PLAYLISTS),
        (Dag.DRIFT_REPORT, "ask_for_retraining", AssetName.RETRAINING),
    ],
)
def test_each_asset_comes_from_one_task(bag: Any, dag: Dag, task: str, asset: AssetName) -> None:
    makers = [(d.dag_id, t.task_id) for d in bag.dags.values() for t in d.tasks if asset.value in {o.name for o in t.outlets}]
    assert makers == [(dag.value, task)]


@pytest.mark.parametrize(
    ("dag", "cron", "asset"),
    [
        (Dag.LISTENING, "0 2 * * *", None),
        (Dag.RECOMMENDER, "0 3 * * 0", AssetName.RETRAINING),
        (Dag.WEEKLY_PLAYLISTS, "0 5 * * 0", AssetName.RELEASE),
        (Dag.DRIFT_REPORT, "0 6 * * *", None),
    ],
)
def test_dags_run_by_their_clock_and_their_asset(bag: Any, dag: Dag, cron: str, asset: AssetName | None) -> None:
    timetable = bag.dags[dag.value].timetable
    clock = timetable.timetable if asset else timetable
    assert clock.expression == cron
    if asset:
        assert timetable.asset_condition.name == asset.value


def test_without_clocks_only_assets_and_hands_start_runs(tasks: Any, bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_SCHEDULES", "false")
    get_settings.cache_clear()
    import segue_assets

    assert tasks.when("0 2 * * *") is None
    assert tasks.when("0 2 * * *", segue_assets.RELEASE) == [segue_assets.RELEASE]
    get_settings.cache_clear()


def test_every_command_of_a_task_is_one_of_the_command_line(bag: Any) -> None:
    from segue.commands import COMMANDS

    names = {command.name for command in COMMANDS}
    commands = [task.bash_command for dag in bag.dags.values() for task in dag.tasks if hasattr(task, "bash_command")]
    words = {word for command in commands for word in ("land", "world") if f"set -- {word} " in command}
    words |= {command.split("$(segue ")[1].split()[0] for command in commands} - {'"$@"'}
    assert words == names - {"listen", "rollback", "releases", "playlist", "serve", "status", "bench"}
    assert len(commands) == 8


def test_every_task_retries_and_mails_on_call_when_it_fails(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.catchup is False
        assert dag.max_active_runs == 1
        for task in dag.tasks:
            assert task.retries == 2
            assert task.execution_timeout == timedelta(hours=4)
            assert task.retry_exponential_backoff == 2
            assert [type(callback).__name__ for callback in task.on_failure_callback] == ["SmtpNotifier"]


def test_on_call_is_told_of_a_refused_candidate(bag: Any) -> None:
    promote = bag.dags[Dag.RECOMMENDER.value].task_dict["promote"]
    assert list(promote.skip_on_exit_code) == [3]
    assert "refused" in promote.on_skipped_callback[0].subject


def _run(moment: datetime) -> Any:
    return SimpleNamespace(run_after=moment)


def _event(day: str | None, moment: datetime) -> Any:
    return SimpleNamespace(extra={"as_of": day} if day else {}, timestamp=moment)


NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
EARLIER = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def test_a_runs_day_is_the_forms_first(tasks: Any) -> None:
    events = {"release": [_event("2026-11-01", NOW)]}
    assert tasks.as_of({"as_of": "2026-10-05"}, _run(NOW), events) == date(2026, 10, 5)


def test_a_runs_day_is_the_newest_events_when_the_form_is_empty(tasks: Any) -> None:
    events = {"release": [_event("2026-11-02", NOW), _event("2026-11-01", EARLIER)], "other": [_event(None, NOW)]}
    assert tasks.as_of({"as_of": None}, _run(NOW), events) == date(2026, 11, 2)


def test_a_runs_day_is_the_day_before_its_start_when_nothing_says(tasks: Any) -> None:
    assert tasks.as_of({"as_of": None}, _run(NOW), {}) == date(2026, 11, 20)


def test_an_event_with_no_day_in_it_is_refused(tasks: Any) -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        tasks.as_of({}, _run(NOW), {"release": [_event("$(reboot)", NOW)]})


def test_a_week_begins_after_the_as_of_day(tasks: Any) -> None:
    assert tasks.week({"as_of": "2026-11-15"}, _run(NOW), {}) == date(2026, 11, 16)


def test_dag_files_fit_on_a_page() -> None:
    for path in DAGS.glob("*.py"):
        if not path.name.startswith("segue_"):
            assert len(path.read_text().splitlines()) < PAGE, path.name


def test_no_dag_file_is_named_so_that_dbt_imports_it() -> None:
    assert not list(DAGS.glob("dbt_*.py"))
