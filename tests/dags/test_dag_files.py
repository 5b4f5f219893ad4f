"""The four DAGs: that Airflow reads them, that they say what the design says, and that a form cannot smuggle a command in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segue.names import AssetName, Dag, Source
from segue.settings import get_settings

DAGS = Path(__file__).resolve().parents[2] / "dags"
PAGE = 120


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """All DAGs, as Airflow's DAG processor reads them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.delenv("SEGUE_SCHEDULES", raising=False)
        patch.syspath_prepend(str(DAGS))
        get_settings.cache_clear()
        from airflow.dag_processing.dagbag import DagBag

        yield DagBag(str(DAGS))
        get_settings.cache_clear()


@pytest.fixture
def tasks(bag: Any) -> Any:
    import segue_tasks

    return segue_tasks


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
        (Dag.LISTENING, ["land", "features"]),
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
    assert words == names - {"rollback", "releases", "playlist", "serve", "status", "bench"}
    assert len(commands) == 7


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


def test_every_field_of_a_form_has_a_title_a_type_and_bounds(bag: Any) -> None:
    for dag in bag.dags.values():
        for name, param in dag.params.items():
            schema = param.schema
            assert schema.get("title"), name
            assert schema.get("type"), name
            bounded = {"enum", "pattern", "minimum"} & set(schema) or schema["type"] == "boolean"
            assert bounded, f"{dag.dag_id}.{name} has no bounds"
            assert "maximum" in schema or schema["type"] != "integer", f"{dag.dag_id}.{name} has no upper bound"


def test_the_source_field_offers_every_source(bag: Any) -> None:
    offered = bag.dags[Dag.LISTENING.value].params.get_param("source").schema["enum"]
    assert set(offered) == {"service", "world", *(source.value for source in Source)}


@pytest.mark.parametrize(
    ("dag", "field", "value"),
    [
        (Dag.LISTENING, "as_of", "2026-11-16; rm -rf /"),
        (Dag.LISTENING, "as_of", "$(reboot)"),
        (Dag.LISTENING, "as_of", "2026-11-16\n"),
        (Dag.LISTENING, "as_of", "2026-13-45"),
        (Dag.RECOMMENDER, "as_of", "20261116"),
        (Dag.WEEKLY_PLAYLISTS, "as_of", "--help"),
        (Dag.DRIFT_REPORT, "as_of", "{{ conn }}"),
        (Dag.LISTENING, "source", "world; true"),
        (Dag.LISTENING, "path", "--scale"),
        (Dag.LISTENING, "path", "{{ var.value.secret }}"),
        (Dag.LISTENING, "path", "plays {{ var.value.secret }}"),
        (Dag.LISTENING, "path", ""),
        (Dag.LISTENING, "path", "plays.tsv\n"),
        (Dag.LISTENING, "path", "plays\n.tsv"),
        (Dag.LISTENING, "path", "plays\x1b.tsv"),
        (Dag.LISTENING, "days", "1; true"),
        (Dag.LISTENING, "days", 0),
        (Dag.LISTENING, "users", 10**9),
        (Dag.RECOMMENDER, "holdout_days", 29),
        (Dag.RECOMMENDER, "train_rows", 10),
    ],
)
def test_forms_refuse_what_is_out_of_bounds(bag: Any, dag: Dag, field: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    param = bag.dags[dag.value].params.get_param(field)
    with pytest.raises(ParamValidationError):
        param.__copy__().resolve(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("as_of", "2026-11-16"),
        ("as_of", None),
        ("path", "/data/30 music/plays.tsv"),
        ("path", "/données/Ana's plays (2026), part 1 + 2 & more; 100 %.tsv"),
        ("path", "~/聴取/$week"),
        ("source", "30music"),
    ],
)
def test_forms_take_what_is_within_bounds(bag: Any, field: str, value: Any) -> None:
    param = bag.dags[Dag.LISTENING.value].params.get_param(field)
    assert param.__copy__().resolve(value) == value


def test_no_command_contains_a_template(bag: Any) -> None:
    for dag in bag.dags.values():
        for task in dag.tasks:
            command = getattr(task, "bash_command", "")
            assert "{{" not in command
            assert "{%" not in command


HOSTILE = "$(touch owned); `touch owned` '; touch owned; \" && touch owned"


@pytest.mark.parametrize(("dag", "task"), [(Dag.LISTENING, "land"), (Dag.LISTENING, "features"), (Dag.RECOMMENDER, "promote")])
def test_hostile_values_reach_the_command_as_plain_text(bag: Any, dag: Dag, task: str, tmp_path: Path) -> None:
    """Even if a bound were lost: the shell gets the values as variables and never reads them as shell."""
    stub = tmp_path / "segue"
    stub.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    stub.chmod(0o755)
    operator = bag.dags[dag.value].task_dict[task]
    hostile = dict.fromkeys(operator.env, HOSTILE) | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", operator.bash_command], env=hostile, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not (tmp_path / "owned").exists()
    received = operator.output_processor(done.stdout.splitlines()[-1])
    assert received[1].endswith(HOSTILE)
    assert received[-1] == "--json"


def test_the_result_of_a_task_is_the_last_line_of_standard_output(bag: Any, tmp_path: Path) -> None:
    stub = tmp_path / "segue"
    stub.write_text('#!/bin/bash\necho a table\necho \'{"version": "v1"}\'\necho noise at exit >&2\n')
    stub.chmod(0o755)
    operator = bag.dags[Dag.RECOMMENDER.value].task_dict["train"]
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "AS_OF": "2026-11-16"}
    done = subprocess.run(
        ["bash", "-c", operator.bash_command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    assert operator.output_processor(done.stdout.splitlines()[-1]) == {"version": "v1"}


@pytest.mark.parametrize("code", [0, 2, 3])
def test_a_task_ends_with_the_exit_status_of_its_command(bag: Any, tmp_path: Path, code: int) -> None:
    (tmp_path / "segue").write_text(f"#!/bin/bash\nexit {code}\n")
    (tmp_path / "segue").chmod(0o755)
    operator = bag.dags[Dag.RECOMMENDER.value].task_dict["promote"]
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "VERSION": "v"}
    done = subprocess.run(["bash", "-c", operator.bash_command], env=environment, capture_output=True, check=False)
    assert done.returncode == code


@pytest.mark.parametrize(("code", "left_with"), [(0, 0), (2, 2), (4, 0)])
def test_files_refused_beside_files_that_landed_do_not_hold_back_the_features(
    bag: Any, tmp_path: Path, code: int, left_with: int
) -> None:
    done = _land(bag, tmp_path, f"echo '{{\"landed\": 1}}'\nexit {code}", SOURCE="events", LAND_PATH="plays")
    assert done.returncode == left_with
    assert done.stdout == '{"landed": 1}\n'


def test_a_forgotten_path_lands_nothing_and_says_so(bag: Any, tmp_path: Path) -> None:
    done = _land(bag, tmp_path, f"touch {tmp_path}/landed", SOURCE="events", LAND_PATH="")
    assert done.returncode == 2
    assert "names no path to land events from" in done.stderr
    assert not (tmp_path / "landed").exists()


def _land(bag: Any, folder: Path, script: str, **values: str) -> subprocess.CompletedProcess[str]:
    """The land task's shell, with `script` in place of `segue`."""
    (folder / "segue").write_text(f"#!/bin/bash\n{script}\n")
    (folder / "segue").chmod(0o755)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", **values}
    shell = ["bash", "-c", bag.dags[Dag.LISTENING.value].task_dict["land"].bash_command]
    return subprocess.run(shell, env=environment, cwd=folder, capture_output=True, text=True, check=False)


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
