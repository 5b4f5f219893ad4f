"""Which contents have landed: one small file per content and source, written last, so that landing twice changes nothing.

A receipt counts only while every file it names is there; a landing that was killed has none and starts again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from segue.atomic import write_json
from segue.home import Home
from segue.stored import json_object, read_stored

_HASH_LETTERS = 12


@dataclass(frozen=True)
class Arrival:
    """One file on its way into landing: its content's SHA-256 and the name its parts get."""

    home: Home
    source: str
    path: Path
    content: str

    @property
    def stem(self) -> str:
        """File name and content, safe as a file name, never hidden."""
        plain = re.sub(r"[^A-Za-z0-9-]+", "-", self.path.stem).strip("-")[:60] or "file"
        return f"{plain}-{self.content[:_HASH_LETTERS]}"

    def numbered(self, kind: str) -> str:
        """Name of a catalogue or accounts file, led by its place in the order of landing, so that names sort by it."""
        there = (self.home.landing / self.source / kind).glob("day=*/*")
        numbers = {file: int(found[1]) for file in there if (found := re.match(rf"{kind}-(\d+)-", file.name))}
        mine = [number for file, number in numbers.items() if self.is_part(file)]
        return f"{kind}-{min(mine, default=max(numbers.values(), default=0) + 1):04d}-{self.content[:_HASH_LETTERS]}"

    def is_part(self, file: Path) -> bool:
        """Whether a landed file holds this content."""
        return file.stem.endswith(f"-{self.content[:_HASH_LETTERS]}")

    @property
    def receipt(self) -> Path:
        return self.home.landing / self.source / "receipts" / f"{self.content}.json"

    def landed(self) -> dict[str, Any] | None:
        """The receipt, if this content has landed and all its files are there."""
        noted = read_stored(self.receipt, json_object, what="the receipt of a landed file")
        if noted is None:
            return None
        return noted if all((self.home.landing / name).is_file() for name in noted["files"]) else None

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """An empty folder for half-written parts; what a killed landing of the same content left is removed first."""
        folder = self.home.tmp / f"land-{self.source}-{self.content[:_HASH_LETTERS]}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, kind: str, parts: dict[date, Path], suffix: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Move the parts to their days, then write the receipt; parts of the same content under another name go."""
        stem = self.stem if kind == "events" else self.numbered(kind)
        targets = {self.home.landing_day(self.source, kind, day) / f"{stem}{suffix}": part for day, part in parts.items()}
        for target, part in sorted(targets.items()):
            _flush(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            part.replace(target)
        for other in (self.home.landing / self.source).glob(f"*/day=*/*-{self.content[:_HASH_LETTERS]}.*"):
            if other not in targets:
                other.unlink()
        files = sorted(str(target.relative_to(self.home.landing)) for target in targets)
        noted = {"received": self.path.name, "kind": kind, "files": files, **facts}
        write_json(self.receipt, noted)
        return noted


def content_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _flush(part: Path) -> None:
    with part.open("rb") as written:
        os.fsync(written.fileno())
