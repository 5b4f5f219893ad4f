"""Nothing half written: write to a temporary place on the same file system, flush, then rename."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success flush it to disk and rename it over `target`.

    A killed writer leaves a dot-file that readers do not match (`*.parquet`, `day=*`), never a short `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(target: Path, *, within: Path) -> Iterator[Path]:
    """Yield an empty temporary folder inside `within`; on success rename it to `target`, which must not exist.

    `within` and `target` must be on one file system. A killed writer leaves rubbish in `within` only.
    """
    temporary = within / f"{target.name}.{uuid.uuid4().hex}"
    temporary.mkdir(parents=True)
    try:
        yield temporary
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Replace `target` with `text`, all or nothing."""
    with replacing_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Replace `target` with `value` as indented JSON, all or nothing."""
    write_text(target, json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")
