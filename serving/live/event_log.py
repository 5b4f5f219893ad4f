"""Appends events that arrived over HTTP to landing, durably: when `append` returns, they survive a crash of the machine."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segue.events import Event
from segue.home import get_home
from segue.names import Source

FILES = "http-*.jsonl"
"""The files of all processes, in the folder of a day."""


class EventLog:
    """One file per process and arrival day; a new process has a new file, so it never appends to a half-written line."""

    def __init__(self, instance: str) -> None:
        self._name = FILES.replace("*", instance)
        self._lock = threading.Lock()

    def append(self, events: Sequence[Event], received_at: datetime) -> Path:
        """Write `events` as JSON lines stamped with `received_at`, and flush them to the disk.

        Raises:
            OSError: they could not be written; then none of them is.
        """
        lines = "".join(json.dumps(_row(event, received_at), ensure_ascii=False) + "\n" for event in events)
        path = get_home().landing_day(Source.EVENTS, "events", received_at.date()) / self._name
        with self._lock:
            _append(path, lines.encode())
        return path


def _row(event: Event, received_at: datetime) -> dict[str, Any]:
    row = event.model_dump(mode="json", exclude_none=True)
    return row | {"occurred_at": _utc(event.occurred_at), "received_at": _utc(received_at)}


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _append(path: Path, data: bytes) -> None:
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        before = os.fstat(handle).st_size
        try:
            _write_all(handle, data)
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)  # never half a line, and nothing the caller was not told is kept
            raise
    finally:
        os.close(handle)
    if new:
        _sync_folder(path.parent)


def _write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _sync_folder(folder: Path) -> None:
    """A new file is durable once its folder is; and a new folder once its own is."""
    for place in (folder, folder.parent, folder.parent.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
