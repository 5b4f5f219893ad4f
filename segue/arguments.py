"""How options become arguments: an argparse parser that says one sentence on bad input, and the readers of days and paths."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from segue.commands import Option
from segue.exit_codes import BAD_INPUT


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence on bad input, without the paragraph of usage."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; `{self.prog} --help` lists what it takes\n")


def add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    """Have `parser` take `option`, with its default in the help."""
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


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option of all commands."""
    parser.add_argument("--json", action="store_true", help="print the summary as the last line, as JSON")


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
