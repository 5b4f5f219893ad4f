"""What every stage gives back and shows: an outcome, and progress on the terminal.

Progress goes to standard error so that the last line of standard output can be the JSON summary.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Args:
        summary: JSON-able facts, printed as one line with `--json`.
        text: what a person reads: aligned tables, where things are.
        exit_code: non-zero for a verdict that is not an error (a refused gate, an alarm).
    """

    summary: dict[str, Any]
    text: str = ""
    exit_code: int = 0


@dataclass
class Progress:
    """Announces steps with their seconds on standard error. `before_step` is called before each: what it raises keeps the
    step from beginning."""

    stage: str
    seconds: dict[str, float] = field(default_factory=dict)
    before_step: Callable[[], object] = field(default=lambda: None, repr=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step; the seconds land in `self.seconds[name]` whether or not it fails."""
        self.before_step()
        self.say(f"{name} ...")
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - started, 2)
        self.say(f"{name} done in {self.seconds[name]:.1f} s")

    def say(self, message: str) -> None:
        sys.stderr.write(f"{self.stage}: {message}\n")
        sys.stderr.flush()


def table(headers: list[str], rows: list[list[Any]]) -> str:
    """Rows as aligned text; numbers right, words left, floats with four places."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [headers, *cells]) for i in range(len(headers))]
    numeric = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(headers))]

    def line(row: list[str]) -> str:
        parts = [v.rjust(w) if n else v.ljust(w) for v, w, n in zip(row, widths, numeric, strict=True)]
        return "  ".join(parts).rstrip()

    return "\n".join([line(headers), "  ".join("-" * w for w in widths), *map(line, cells)])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
