"""The feature store as a cause: an online store that does not answer, or whose files are damaged, raises what its client
library raises, from anywhere. A command tells that in a sentence, as it is nothing that a traceback could explain."""

from __future__ import annotations

import sqlite3

from segue.errors import SegueError
from segue.settings import get_settings

_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_READONLY"}


def store_trouble(problem: BaseException) -> SegueError | None:
    """The sentence for a failure of the feature store; None for any other, which keeps its traceback.

    By the name of its class, because a library that is not loaded raised nothing. What Redis says of itself is left out: an
    address may hold a password.
    """
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(problem).__mro__}
    if "redis.exceptions.RedisError" in kinds:
        return SegueError(
            expected="an answer from the online store, Redis at SEGUE_REDIS_URL",
            received=type(problem).__name__,
            mend="see that it runs and that the address is right, then run this again",
        )
    if isinstance(problem, sqlite3.Error) and getattr(problem, "sqlite_errorname", None) in _DAMAGED:
        return SegueError(
            expected=f"an SQLite file that can be read and written in {get_settings().home}",
            received=str(problem),
            mend="look at the disk; without a damaged feast/online.db `segue features` and `segue playlists` fill a new one",
        )
    if "google.protobuf.message.DecodeError" in kinds:
        return SegueError(
            expected=f"Feast's registry in {get_settings().home / 'feast'}",
            received="a file that cannot be read as one",
            mend="put registry.db back from a copy, or remove it and run `segue features` again",
        )
    return None
