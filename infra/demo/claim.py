"""One demo at a time on a home, and the same demo again: other data in the same tables would mix two worlds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from infra.demo.plan import Plan
from segue.atomic import write_json
from segue.errors import SegueError
from segue.home import Home
from segue.lock import locked
from segue.release import read_json


@contextmanager
def claim_home(home: Home, plan: Plan) -> Iterator[None]:
    """Hold `home` for `plan` while the block lasts.

    Raises:
        SegueError: another demo is running there, or other events than the plan's are landed there.
    """
    with locked(home.root / "demo.lock", what="demo"):
        _remember(home, plan)
        yield


def _remember(home: Home, plan: Plan) -> None:
    path, wanted = home.root / "demo.json", plan.identity()
    there = read_json(path)
    if there is not None and there != wanted:
        raise SegueError(
            expected=f"the demo that {home.root} was made by",
            received="another source, size or seed",
            mend=f"remove {home.root}, or set SEGUE_HOME to another folder",
        )
    write_json(path, wanted)
