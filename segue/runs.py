"""What each stage last did: one small record per command under `runs/`, for `segue status`.

A record is written when a command begins and again when it ends. In between the command holds a lock, which the system
lets go however a process ends: a record without an end and without a holder is a run that was killed.
"""

from __future__ import annotations

import fcntl
import json
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segue.atomic import write_json
from segue.errors import SegueError
from segue.exit_codes import BAD_INPUT, DEFECT, INTERRUPTED
from segue.home import Home, get_home


@dataclass
class Run:
    """One run of a command; `seconds` and `exit_code` are None until it ends, `sentence` says why it did not go well: of a
    defect its type and place."""

    command: str
    began: datetime
    seconds: float | None = None
    exit_code: int | None = None
    sentence: str | None = None


@contextmanager
def recording(command: str) -> Iterator[Run]:
    """Leave a record of `command` while the block lasts and after it; the block fills in how it ended, or raises.

    A disk that takes no record does not stop the command: it has better words for that itself.
    """
    folder, run, started = get_home().runs, Run(command, datetime.now(UTC)), time.monotonic()
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(_at_work(folder, command))
        _write(folder, run)
        try:
            yield run
        except BaseException as problem:
            run.exit_code, run.sentence = _ending(problem)
            raise
        finally:
            run.seconds = round(time.monotonic() - started, 1)
            _write(folder, run)


def last_run(home: Home, command: str) -> tuple[Run, bool] | None:
    """The last run of `command` and whether it is still at work; None when it has never run in this home.

    Raises:
        ValueError, TypeError, KeyError: the record is not one.
    """
    path = home.runs / f"{command}.json"
    if not path.exists():
        return None
    known: dict[str, Any] = json.loads(path.read_bytes())
    run = Run(**known | {"began": datetime.fromisoformat(known["began"])})
    return run, run.exit_code is None and _is_held(_lock(home.runs, command))


def _ending(problem: BaseException) -> tuple[int, str]:
    if isinstance(problem, SegueError):
        return BAD_INPUT, str(problem)
    if isinstance(problem, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    return DEFECT, f"{type(problem).__name__} in {_place(problem)}"


def _place(problem: BaseException) -> str:
    """Where a defect happened, without its message: that may hold a user id, and is in the traceback that was shown."""
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{frame.name} ({'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno})"


def _write(folder: Path, run: Run) -> None:
    with suppress(OSError):
        write_json(folder / f"{run.command}.json", asdict(run) | {"began": run.began.isoformat(timespec="seconds")})


def _lock(folder: Path, command: str) -> Path:
    return folder / f".{command}.lock"


@contextmanager
def _at_work(folder: Path, command: str) -> Iterator[None]:
    """Hold the command's lock beside others who do: whether two may run at once is the command's own business."""
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder, command).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
