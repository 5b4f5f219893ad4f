"""`segue bench NAME`: finds the bench by its name; each room keeps its own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from segue.commands import BENCHES
from segue.errors import SegueError
from segue.stage import Outcome


def run(*, name: str, **options: Any) -> Outcome:
    """Run one bench of `segue.commands.BENCHES` with the options that were given; None and False were not.

    Raises:
        SegueError: no such bench, an option it does not take or lacks, or a size that is none.
    """
    if name not in BENCHES:
        raise SegueError(expected=f"a bench: {', '.join(BENCHES)}", received=repr(name), mend="name one of these")
    module, _, function = BENCHES[name].partition(":")
    bench: Callable[..., Outcome] = getattr(importlib.import_module(module), function)
    given = {option: value for option, value in options.items() if value is not None and value is not False}
    takes = inspect.signature(bench).parameters
    if "scale" in takes:
        given.setdefault("scale", 1.0)
        if given["scale"] <= 0:
            raise SegueError(
                expected="a scale above 0", received=str(given["scale"]), mend="give --scale 1 for the default size"
            )
    lacking = [option for option, value in takes.items() if value.default is value.empty and option not in given]
    foreign = [option for option in given if option not in takes]
    if lacking or foreign:
        raise SegueError(
            expected=f"`segue bench {name}` with " + " ".join(f"--{option}" for option in takes),
            received=f"no --{lacking[0]}" if lacking else f"--{foreign[0]}",
            mend="`segue bench --help` says what each is",
        )
    return bench(**given)
