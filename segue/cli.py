"""The command line: reads arguments, calls the command's function, prints its outcome. It knows no room."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from segue import __version__
from segue.arguments import Parser, add_json, add_option
from segue.commands import BENCH, COMMANDS, Command
from segue.errors import SegueError
from segue.exit_codes import BAD_INPUT, INTERRUPTED
from segue.stage import Outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 2 with one sentence on bad input, else the outcome's own code."""
    arguments = _arguments(sys.argv[1:] if argv is None else argv)
    command: Command | None = arguments.pop("command", None)
    if command is None:
        sys.stdout.write(_overview())
        return BAD_INPUT
    as_json = arguments.pop("json")
    try:
        outcome = _run(command, arguments)
    except SegueError as problem:
        sys.stderr.write(f"segue {command.name}: {problem}\n")
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write(f"segue {command.name}: interrupted; run it again to finish\n")
        return INTERRUPTED
    if outcome.text:
        sys.stdout.write(outcome.text.rstrip() + "\n")
    if as_json:
        sys.stdout.write(json.dumps(_strict(outcome.summary), default=str) + "\n")
    if argv is None and command.stage and not _others_wait():
        _leave(outcome.exit_code)
    return outcome.exit_code


def _arguments(argv: Sequence[str]) -> dict[str, Any]:
    """What was given, the command itself among it; benches have options of their own."""
    if list(argv[:1]) != [BENCH]:
        return vars(_parser().parse_args(argv))
    from segue.bench_arguments import bench_arguments

    (bench,) = (command for command in COMMANDS if command.name == BENCH)
    return {"command": bench, **bench_arguments(argv[1:])}


def _others_wait() -> bool:
    """Whether the workers of a cluster wait for a usual end of this process, or the tracker that frees its semaphores does."""
    return "TF_CONFIG" in os.environ or "multiprocessing.synchronize" in sys.modules


def _leave(exit_code: int) -> NoReturn:
    """End a stage that has stored and said everything: taking down TensorFlow and Feast object by object takes two seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def _run(command: Command, arguments: dict[str, Any]) -> Outcome:
    """Call the command; a stage leaves a record of its run."""
    if not command.stage:
        return _called(command, arguments)
    from segue.runs import recording  # settings take a moment to import; `segue --help` needs none

    with recording(command.name) as run:
        outcome = _called(command, arguments)
        run.exit_code = outcome.exit_code
        if outcome.exit_code:
            run.sentence = outcome.summary.get("reason") or next(iter(outcome.text.splitlines()), None)
    return outcome


def _called(command: Command, arguments: dict[str, Any]) -> Outcome:
    """The command's outcome; what a feature store that is down or damaged raises, or a damaged table, becomes a sentence."""
    try:
        outcome: Outcome = _load(command.target)(**arguments)
    except SegueError:
        raise
    except Exception as problem:
        from segue.trouble import sentence_for

        sentence = sentence_for(problem)
        if sentence is None:
            raise
        raise sentence from problem
    return outcome


def _load(target: str) -> Any:
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module), function)


def _strict(value: Any) -> Any:
    """`value` with null for NaN and the infinities, which JSON does not have and Python would write."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="segue", add_help=False)
    parser.add_argument("--help", "-h", action=_ShowOverview)
    parser.add_argument("--version", action="version", version=f"segue {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        child = commands.add_parser(command.name, description=f"{command.help}.")
        child.set_defaults(command=command)
        for option in command.options:
            add_option(child, option)
        add_json(child)
    return parser


def _overview() -> str:
    width = max(len(command.name) for command in COMMANDS)
    lines = ["segue: from listening events to playlists people keep", ""]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines.append(group)
        lines += [f"  {c.name.ljust(width)}  {c.help}" for c in COMMANDS if c.group == group]
        lines.append("")
    lines.append("`segue COMMAND --help` lists a command's options; all take --json. Settings: SEGUE_* in the environment.")
    return "\n".join(lines) + "\n"


class _ShowOverview(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="list the commands")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        sys.stdout.write(_overview())
        parser.exit()
