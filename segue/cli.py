"""The command line: reads arguments, calls the command's function, prints its outcome. It knows no room."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from segue import __version__
from segue.commands import COMMANDS, Command, Option
from segue.errors import SegueError
from segue.exit_codes import BAD_INPUT, INTERRUPTED
from segue.stage import Outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 2 with one sentence on bad input, else the outcome's own code."""
    arguments = vars(_parser().parse_args(argv))
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
    """The command's outcome; what only a feature store that is down or damaged can raise becomes a sentence."""
    try:
        outcome: Outcome = _load(command.target)(**arguments)
    except Exception as problem:
        from segue.store_trouble import store_trouble

        sentence = store_trouble(problem)
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
    parser = _Parser(prog="segue", add_help=False)
    parser.add_argument("--help", "-h", action=_ShowOverview)
    parser.add_argument("--version", action="version", version=f"segue {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        child = commands.add_parser(command.name, description=f"{command.help}.")
        child.set_defaults(command=command)
        for option in command.options:
            _add(child, option)
        child.add_argument("--json", action="store_true", help="print the summary as the last line, as JSON")
    return parser


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    if option.kind is bool:
        parser.add_argument(option.flag, action="store_true", help=option.help)
        return
    wording: dict[str, Any] = {"help": option.help, "type": _READERS.get(option.kind, option.kind)}
    if option.choices:
        wording["choices"] = option.choices
    if option.flag.startswith("--"):
        wording |= {"default": option.default, "required": option.required}
        if option.default is not None:
            wording["help"] += f" (default {option.default})"
    parser.add_argument(option.flag, **wording)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"expected a day like 2026-11-16, received {text!r}") from problem


def _path(text: str) -> Path:
    """An empty text would be the current folder: what an unset variable of a script, or an empty form, means by accident."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a path, received an empty one")
    return Path(text)


_READERS: dict[type, Callable[[str], Any]] = {date: _day, Path: _path}


def _overview() -> str:
    width = max(len(command.name) for command in COMMANDS)
    lines = ["segue: from listening events to playlists people keep", ""]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines.append(group)
        lines += [f"  {c.name.ljust(width)}  {c.help}" for c in COMMANDS if c.group == group]
        lines.append("")
    lines.append("`segue COMMAND --help` lists a command's options; all take --json. Settings: SEGUE_* in the environment.")
    return "\n".join(lines) + "\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence on bad input, without the paragraph of usage."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; `{self.prog} --help` lists what it takes\n")


class _ShowOverview(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="list the commands")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        sys.stdout.write(_overview())
        parser.exit()
