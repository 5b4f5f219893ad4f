"""Forms of the DAGs refuse what is out of bounds, and cannot smuggle a command in; what a task runs, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segue.names import Dag, Source


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
