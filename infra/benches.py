"""`segue bench NAME`: finds the bench by its name; each room keeps its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from segue.benches import BENCHES
from segue.errors import SegueError
from segue.stage import Outcome


def run(*, name: str, **options: Any) -> Outcome:
    """Run one bench of `segue.benches` with its options; those that are None were not given.

    Raises:
        SegueError: a size that is none, or what the bench raises.
    """
    if (scale := options.get("scale")) is not None and not scale > 0:
        raise SegueError(expected="a scale above 0", received=str(scale), mend="give --scale 1 for the default size")
    module, _, function = BENCHES[name].target.partition(":")
    bench: Callable[..., Outcome] = getattr(importlib.import_module(module), function)
    return bench(**{option: value for option, value in options.items() if value is not None})
