"""The command line: its list, its sentences, its exit codes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from segue import cli
from segue.benches import BENCHES
from segue.cli import main
from segue.commands import COMMANDS
from segue.errors import SegueError
from segue.exit_codes import BAD_INPUT
from segue.home import Home
from segue.settings import get_settings
from segue.stage import Outcome

IN_ORDER = [
    "world",
    "land",
    "listen",
    "features",
    "embed",
    "train",
    "evaluate",
    "promote",
    "rollback",
    "releases",
    "playlists",
    "playlist",
    "serve",
    "monitor",
    "status",
    "bench",
]


@pytest.fixture(autouse=True)
def _at_home(home: Home) -> None:
    """Stages record their runs: in a home of the test's own."""


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: Any) -> dict[str, Any]:
    """Every command gives `answer` (raised when it is an error); what it was called with."""
    called: dict[str, Any] = {}

    def run(**arguments: Any) -> Any:
        called.update(arguments)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(cli, "_load", lambda target: run)
    return called


def test_help_lists_the_commands_in_the_agreed_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    assert re.findall(r"^  (\w+) ", capsys.readouterr().out, flags=re.MULTILINE) == IN_ORDER


def test_without_a_command_it_shows_the_list_and_says_it_did_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == BAD_INPUT
    assert "  world" in capsys.readouterr().out


@pytest.mark.parametrize("name", IN_ORDER)
def test_every_command_explains_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    command = next(c for c in COMMANDS if c.name == name)
    assert all(option.flag in shown or ",".join(option.choices or "-") in shown for option in command.options)
    assert "--json" in shown


def test_a_description_spells_the_names_in_it_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in (("features", "dbt build, checks, Feast apply and materialise."), ("serve", "the BentoML service.")):
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert said in capsys.readouterr().out


def test_help_imports_no_room_and_nothing_heavy() -> None:
    """What a shell waits for before it shows the list."""
    asked = "import sys; from segue.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    heavy = {"pydantic", "numpy", "pyarrow", "duckdb", "tensorflow", "feast", "infra", "trainers", "serving", "monitoring"}
    assert heavy.isdisjoint(shown.split())


def test_a_setting_that_cannot_be_read_is_one_sentence_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_SERVE_PORT", "abc")
    for argv in (["status"], ["train", "--as-of", "2026-11-16"]):
        get_settings.cache_clear()
        assert main(argv) == BAD_INPUT
        assert capsys.readouterr().err == (
            f"segue {argv[0]}: Expected another value of SEGUE_SERVE_PORT (input should be a valid integer, unable to parse "
            "string as an integer), received 'abc': correct or unset SEGUE_SERVE_PORT.\n"
        )


@pytest.mark.parametrize("target", [*(c.target for c in COMMANDS), *(bench.target for bench in BENCHES.values())])
def test_every_command_has_code_behind_it(target: str) -> None:
    module, _, function = target.partition(":")
    found = importlib.util.find_spec(module)
    assert found is not None
    assert re.search(rf"^def {function}\(", Path(str(found.origin)).read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["features", "--as-of", "2026-13-01"], "expected a day like 2026-11-16, received '2026-13-01'"),
        (["features", "--as-of", "yesterday"], "expected a day like 2026-11-16, received 'yesterday'"),
        (["features"], "--as-of"),
        (["world", "--users", "many"], "'many'"),
        (["land", "--source", "napster", "--path", "x"], "invalid choice: 'napster' (choose from 'events', '30music',"),
        (["fetaures"], "invalid choice: 'fetaures'"),
        (["evaluate"], "version"),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_a_day_arrives_as_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    called = answer_with(monkeypatch, Outcome({}))
    assert main(["features", "--as-of", "2026-11-16"]) == 0
    assert called == {"as_of": date(2026, 11, 16), "full_refresh": False}


def test_with_json_the_last_line_is_the_summary(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer_with(monkeypatch, Outcome({"day": date(2026, 11, 16), "rows": 3}, "a table\nof two lines\n\n"))
    assert main(["train", "--as-of", "2026-11-16", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["a table", "of two lines"]
    assert json.loads(lines[-1]) == {"day": "2026-11-16", "rows": 3}


def test_what_json_does_not_have_is_null(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer_with(monkeypatch, Outcome({"metrics": [{"ndcg": float("nan"), "loss": float("inf"), "fine": 0.5}]}))
    main(["releases", "--json"])

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    read = json.loads(capsys.readouterr().out.splitlines()[-1], parse_constant=refuse)
    assert read == {"metrics": [{"ndcg": None, "loss": None, "fine": 0.5}]}


def test_without_json_only_the_text_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer_with(monkeypatch, Outcome({"rows": 3}, "done"))
    main(["releases"])
    assert capsys.readouterr().out == "done\n"


def test_an_error_is_its_sentence_on_standard_error_and_status_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, SegueError(expected="listens", received="none", mend="land some"))
    assert main(["train", "--as-of", "2026-11-16", "--json"]) == BAD_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "segue train: Expected listens, received none: land some.\n"


def test_a_verdict_has_its_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, Outcome({}, "refused", exit_code=1))
    assert main(["promote", "v1"]) == 1


STAGE = """
import atexit
from segue import cli
from segue.stage import Outcome
atexit.register(print, "taken down")
cli._load = lambda target: lambda **_: Outcome({"verdict": "refused"}, "not promoted", exit_code=3)
raise SystemExit(cli.main())
"""


@pytest.mark.parametrize(("environment", "end"), [({}, []), ({"TF_CONFIG": "{}"}, ["taken down"])])
def test_a_stage_ends_at_once_with_its_status_and_all_it_said_unless_a_cluster_waits(
    environment: dict[str, str], end: list[str], home: Home
) -> None:
    environment = {**os.environ, **environment, "SEGUE_HOME": str(home.root)}
    command = [sys.executable, "-c", STAGE, "promote", "v1", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines() == ["not promoted", '{"verdict": "refused"}', *end]


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["releases"])


def test_interrupted_it_says_so_and_gives_the_shells_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, KeyboardInterrupt())
    assert main(["releases"]) == 130
    assert "interrupted; run it again" in capsys.readouterr().err
