"""What each stage last did: one small record per command under `runs/`, for `segue status`.

A record is written when a command begins and again when it ends. In between the command holds a lock, which the system
lets go however a process ends: a record without an end and without a holder is a run that was killed. What was refused
before it began is no run: it is kept beside the last one, of which it says nothing.
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

from segue.atomic import write_text
from segue.errors import NotBegunError, SegueError
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
        path = _record(folder, command)
        before = _written(path)
        _write(path, run)
        try:
            yield run
        except BaseException as problem:
            run.exit_code, run.sentence = _ending(problem)
            if isinstance(problem, NotBegunError):
                _put_back(path, before, run)
                path = _record(folder, command, refused=True)
            raise
        finally:
            run.seconds = round(time.monotonic() - started, 1)
            _write(path, run)


def last_run(home: Home, command: str) -> tuple[Run, bool] | None:
    """The last run of `command` and whether it is still at work; None when it has never run in this home.

    Raises:
        ValueError, TypeError, KeyError: the record is not one.
    """
    run = _read(_record(home.runs, command))
    return (run, run.exit_code is None and _is_held(_lock(home.runs, command))) if run else None


def last_refusal(home: Home, command: str) -> Run | None:
    """The last time `command` was refused before it began, if that was after its last run did.

    Raises:
        ValueError, TypeError, KeyError: a record is not one.
    """
    refused, run = _read(_record(home.runs, command, refused=True)), _read(_record(home.runs, command))
    return refused if refused and (run is None or run.began <= refused.began) else None


def _record(folder: Path, command: str, *, refused: bool = False) -> Path:
    return folder / f"{command}{'.refused' if refused else ''}.json"


def _read(path: Path) -> Run | None:
    if not path.exists():
        return None
    known: dict[str, Any] = json.loads(path.read_bytes())
    return Run(**known | {"began": datetime.fromisoformat(known["began"])})


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


def _written(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _put_back(path: Path, before: str | None, refused: Run) -> None:
    """Let the record be what it was before `refused` began, unless another run wrote its own meanwhile."""
    with suppress(OSError):
        if _written(path) != _text(Run(refused.command, refused.began)):
            return
        if before is None:
            path.unlink()
        else:
            write_text(path, before)


def _text(run: Run) -> str:
    return json.dumps(asdict(run) | {"began": run.began.isoformat(timespec="microseconds")}, indent=2, sort_keys=True) + "\n"


def _write(path: Path, run: Run) -> None:
    with suppress(OSError):
        write_text(path, _text(run))


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
