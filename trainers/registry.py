"""The commands about releases that train nothing: `segue releases` and `segue rollback`."""

from __future__ import annotations

from segue.release import point_back
from segue.stage import Outcome


def list_releases() -> Outcome:
    """Every sealed release, oldest first."""
    raise NotImplementedError


def rollback() -> Outcome:
    """Make the release before the live one live again."""
    pointer = point_back()
    return Outcome({"live": pointer.version}, f"{pointer.version} is live again")
