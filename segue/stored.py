"""Reading the small files that Segue writes itself. They are written whole, so one that cannot be read was damaged since: by a
disk, a half-made copy, an editor. That is no defect, and whoever meets it gets a sentence with the path and the way on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from segue.errors import SegueError

Read = TypeVar("Read")
MADE_AGAIN = "put it back from a copy, or remove it and run what writes it again"


def read_stored(path: Path, read: Callable[[bytes], Read], *, what: str, mend: str = MADE_AGAIN) -> Read | None:
    """What `read` makes of the bytes of the file at `path`; None where there is no such file.

    Args:
        read: raises ValueError (Pydantic's and JSON's are), TypeError or KeyError for bytes that are not `what`.

    Raises:
        SegueError: the file is there and cannot be read as `what`; the sentence says how to `mend` it.
    """
    try:
        return read(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise SegueError(
            expected=f"{what} at {path}", received=f"a file that cannot be read as one ({type(problem).__name__})", mend=mend
        ) from problem


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object that `content` is; ValueError of anything else."""
    found = json.loads(content)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
