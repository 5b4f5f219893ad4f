"""`segue bench NAME ...`: each bench with its own options. The name may stand anywhere among them, as in scripts that put it
last, so it is looked for first; argparse's own subparsers want it in front."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from segue.arguments import Parser, add_json, add_option
from segue.benches import BENCHES, Bench
from segue.exit_codes import BAD_INPUT

PROG = "segue bench"
WIDTH, OPTION_WIDTH = 100, 28
_WITH_VALUE = {option.flag for bench in BENCHES.values() for option in bench.options if option.kind is not bool}


def bench_arguments(argv: Sequence[str]) -> dict[str, Any]:
    """The name of a bench and its options, of what follows `segue bench`; exits with a sentence on anything else, and after
    help."""
    at = _place_of_name(argv)
    if at is None:
        if {"-h", "--help"} & set(argv):
            sys.stdout.write(_overview())
            raise SystemExit(0)
        _refuse(f"expected the name of a bench ({', '.join(BENCHES)}), received none")
    if argv[at] not in BENCHES:
        _refuse(f"expected the name of a bench ({', '.join(BENCHES)}), received {argv[at]!r}")
    parser = _parser(argv[at], BENCHES[argv[at]])
    return {"name": argv[at], **vars(parser.parse_args([*argv[:at], *argv[at + 1 :]]))}


def _place_of_name(argv: Sequence[str]) -> int | None:
    """Where the first word stands that is neither an option nor the value of one, whatever bench the option is of."""
    value = False
    for at, word in enumerate(argv):
        if not value and not word.startswith("-"):
            return at
        value = not value and "=" not in word and any(flag.startswith(word) for flag in _WITH_VALUE)
    return None


class _BenchParser(Parser):
    """Refuses with what the bench takes, so that a flag of another bench is answered with the right ones."""

    takes = ""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}; it takes {self.takes}: `{self.prog} --help` says what each is\n")


def _parser(name: str, bench: Bench) -> argparse.ArgumentParser:
    wide = partial(argparse.HelpFormatter, width=WIDTH, max_help_position=OPTION_WIDTH)
    parser = _BenchParser(prog=f"{PROG} {name}", description=f"Measures {bench.help}.", formatter_class=wide)
    parser.takes = ", ".join([*(option.flag for option in bench.options), "--json"])
    for option in bench.options:
        add_option(parser, option)
    add_json(parser)
    return parser


def _overview() -> str:
    width = max(map(len, BENCHES))
    lines = ["segue bench NAME: benchmarks and quality tables", ""]
    lines += [f"  {name.ljust(width)}  {bench.help}" for name, bench in BENCHES.items()]
    end = f"`{PROG} NAME --help` lists a bench's options; all take --json."
    return "\n".join([*lines, "", end]) + "\n"


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(f"{PROG}: {sentence}; `{PROG} --help` says what each measures\n")
    raise SystemExit(BAD_INPUT)
