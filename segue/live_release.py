"""Which release is live: one small file, swapped with one rename."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from segue.atomic import write_json
from segue.errors import SegueError
from segue.home import get_home
from segue.release import Manifest, verify
from segue.stored import read_stored


class Pointer(BaseModel):
    """Which release is live, and which were before it, newest last."""

    version: str
    promoted_at: datetime
    previous: list[str] = []


def read_pointer() -> Pointer | None:
    """The live release, or None before the first promotion.

    Raises:
        SegueError: the pointer cannot be read.
    """
    mend = "put it back from a copy, or remove it, then `segue evaluate VERSION` and `segue promote VERSION`"
    return read_stored(_pointer_path(), Pointer.model_validate_json, what="the pointer to the live release", mend=mend)


def point_to(version: str, *, at: datetime | None = None) -> Pointer:
    """Make `version` live with one rename; a version already live is left as it is."""
    before = read_pointer()
    if before is not None and before.version == version:
        return before
    previous = [*before.previous, before.version] if before else []
    after = Pointer(version=version, promoted_at=at or datetime.now(UTC), previous=previous)
    write_json(_pointer_path(), after.model_dump(mode="json"))
    return after


def point_back(fits: Callable[[Manifest], None]) -> Pointer:
    """Make the release before the live one live again, after its bytes are verified and `fits` let its manifest pass.

    Raises:
        SegueError: there is none, its files are not what its manifest says, or what `fits` raises. Then nothing moved.
    """
    before = read_pointer()
    if before is None or not before.previous:
        raise SegueError(
            expected="a release before the live one", received="none", mend="promote one with `segue promote VERSION`"
        )
    after = Pointer(version=before.previous[-1], promoted_at=datetime.now(UTC), previous=before.previous[:-1])
    fits(verify(after.version))
    write_json(_pointer_path(), after.model_dump(mode="json"))
    return after


def _pointer_path() -> Path:
    return get_home().releases / "current.json"
