"""`segue bench NAME`: finds the bench by its name; each room keeps its own."""

from __future__ import annotations

import importlib

from segue.commands import BENCHES
from segue.errors import SegueError
from segue.stage import Outcome


def run(*, name: str, scale: float) -> Outcome:
    """Run one bench of `segue.commands.BENCHES` at `scale` times its default size.

    Raises:
        SegueError: no such bench, or a size that is none.
    """
    if name not in BENCHES:
        raise SegueError(expected=f"a bench: {', '.join(BENCHES)}", received=repr(name), mend="name one of these")
    if scale <= 0:
        raise SegueError(expected="a scale above 0", received=str(scale), mend="give --scale 1 for the default size")
    module, _, function = BENCHES[name].partition(":")
    outcome: Outcome = getattr(importlib.import_module(module), function)(scale=scale)
    return outcome
