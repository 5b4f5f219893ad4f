"""Pseudonyms for user ids in logs: a keyed hash, so that a log alone names nobody and cannot be reversed by guessing ids.

The key is 32 random bytes made at first use under `secrets/`, readable by its owner only; whoever deletes it cuts the
link between logs and users for good.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import lru_cache
from pathlib import Path

from segue.home import get_home

KEY_BYTES = 32


def pseudonym(user_id: str) -> str:
    """A stable 16-digit hexadecimal stand-in for `user_id` (BLAKE2b, keyed; RFC 7693)."""
    return hashlib.blake2b(user_id.encode(), key=_key(get_home().secrets), digest_size=8).hexdigest()


@lru_cache(maxsize=8)
def _key(folder: Path) -> bytes:
    path = folder / "pseudonym.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = folder / f".key.{secrets.token_hex(8)}"
        temporary.touch(mode=0o600)
        temporary.write_bytes(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(temporary, path)  # fails when another process was first: its key is the key
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()
