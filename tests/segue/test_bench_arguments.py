"""`segue bench`: each bench takes its own options wherever its name stands, and refuses those of the others by name."""

from __future__ import annotations

import ast
import importlib.util
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from segue.bench_arguments import bench_arguments
from segue.benches import BENCHES, Bench
from segue.cli import main
from segue.exit_codes import BAD_INPUT
from segue.stage import Outcome


def given(line: str) -> dict[str, Any]:
    """What a command line gives, without what was not said."""
    return {name: value for name, value in bench_arguments(line.split()).items() if value not in (None, False)}


def refused(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        bench_arguments(line.split())
    assert stopped.value.code == BAD_INPUT
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def helped(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        bench_arguments(line.split())
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "retrieval --train a --valid b --k 20 --out c --config {} --refit --json",
        "--train a --valid b --k 20 --out c --config {} --refit --json retrieval",
        "--json --k=20 retrieval --out c --train a --refit --valid b --config {}",
        "--tra a --refit retrieval --va b --k 20 --ou c --conf {} --js",
    ],
)
def test_the_name_may_stand_anywhere_and_flags_may_be_spelt_as_ever(line: str) -> None:
    files = {"train": Path("a"), "valid": Path("b"), "out": Path("c")}
    assert given(line) == {"name": "retrieval", "k": 20, "config": "{}", "refit": True, "json": True, **files}


def test_a_value_that_is_the_name_of_a_bench_is_a_value() -> None:
    assert given("--store sqlite serving")["name"] == "serving"
    assert given("--train next --k 3 --out loop --prefixes cold next") == {
        **{"name": "next", "train": Path("next"), "k": 3},
        **{"out": Path("loop"), "prefixes": Path("cold")},
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serving --users 7", {"users": 7, "rate": 300, "scale": 1.0}),
        ("playlists --tracks 5 --users 6 --json", {"tracks": 5, "users": 6, "json": True}),
        ("training", {"users": 100_000, "tracks": 100_000}),
        ("integrity", {"users": 1_000, "seed": 4}),
        ("loop --weeks 2", {"users": 1_000, "tracks": 10_000, "weeks": 2, "seed": 17}),
        ("exploration --users 500 --tracks 2000", {"users": 500, "tracks": 2_000}),
        ("cold --as-of 2026-11-15", {"as_of": date(2026, 11, 15)}),
        ("ranker", {}),
        ("marts --scale 0.5", {"scale": 0.5}),
        (
            "next --train a --carve-out b --k 20 --out c",
            {"train": Path("a"), "carve_out": Path("b"), "k": 20, "out": Path("c")},
        ),
    ],
)
def test_each_bench_has_its_own_options_and_defaults(line: str, expected: dict[str, Any]) -> None:
    assert given(line) == {"name": line.split()[0]} | expected


@pytest.mark.parametrize(("name", "bench"), BENCHES.items())
def test_a_flag_of_another_bench_is_refused_with_the_own_ones(
    name: str, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [option.flag for option in bench.options]
    needed = " ".join(f"{option.flag} 1" for option in bench.options if option.required)
    foreign = {option.flag for other in BENCHES.values() for option in other.options} - set(own)
    for flag in sorted(foreign):
        said = refused(f"{name} {needed} {flag} 1", capsys)
        assert said.startswith(f"segue bench {name}: unrecognized arguments: {flag}")
        assert f"it takes {', '.join([*own, '--json'])}:" in said


def test_what_is_missing_or_no_bench_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: --train, --out;" in refused("retrieval --k 2", capsys)
    assert "expected the name of a bench (marts, integrity" in refused("", capsys)
    assert "received 'fast'" in refused("fast --users 3", capsys)
    assert "invalid int value: 'many'" in refused("loop --users many", capsys)
    assert "received none" in refused("--users 3", capsys)


def test_help_tells_what_each_bench_measures_within_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    shown = helped("--help", capsys)
    assert all(f"  {name} " in shown and bench.help in shown for name, bench in BENCHES.items())
    for name, bench in BENCHES.items():
        own = helped(f"{name} --help", capsys)
        flat = " ".join(own.split())
        assert f"Measures {bench.help}." in flat
        assert all(option.flag in own for option in bench.options)
        others = {option.flag for other in BENCHES.values() for option in other.options}
        assert not [flag for flag in others - {option.flag for option in bench.options} if f"  {flag} " in own]
        shown += own
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("bench", BENCHES.values(), ids=BENCHES)
def test_the_options_of_a_bench_are_what_its_function_takes(bench: Bench) -> None:
    """Read, not imported: what a bench needs takes seconds to load."""
    module, _, name = bench.target.partition(":")
    found = importlib.util.find_spec(module)
    assert found is not None
    tree = ast.parse(Path(str(found.origin)).read_text())
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    arguments = list(zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True))
    takes = {argument.arg: default and ast.literal_eval(default) for argument, default in arguments}
    needed = {argument.arg for argument, default in arguments if not default}
    offered = {option.flag.removeprefix("--").replace("-", "_"): option for option in bench.options}
    assert not {name for name in takes.keys() - offered.keys() if takes[name] is not None}
    assert offered.keys() <= takes.keys()
    for argument, option in offered.items():
        always = option.required or option.default is not None
        assert always if argument in needed else option.default == takes[argument]


def test_a_bench_is_called_with_what_was_said_and_its_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, Any] = {}

    def bench(**options: Any) -> Outcome:
        called.update(options)
        return Outcome({})

    monkeypatch.setattr("serving.benches.serving.bench_serving", bench)
    assert main(["bench", "serving", "--users", "7"]) == 0
    assert called == {"users": 7, "rate": 300, "scale": 1.0}


@pytest.mark.parametrize("scale", ["0", "-1", "nan"])
def test_a_scale_that_is_none_is_a_sentence(scale: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "marts", "--scale", scale]) == BAD_INPUT
    assert capsys.readouterr().err.startswith("segue bench: Expected a scale above 0")
