"""The peak memory of the demo: the resident sizes of its process tree, added up once a second.

Pages that processes share are counted once for each, so the figure is an upper bound.
"""

from __future__ import annotations

from threading import Event, Thread

import psutil  # type: ignore[import-untyped]


class MemoryWatch:
    """Samples in the background between `start` and `stop`; `peak` is in bytes."""

    def __init__(self, every_seconds: float = 1.0) -> None:
        self.every_seconds, self.peak = every_seconds, 0
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="memory", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def _watch(self) -> None:
        while not self._ended.wait(self.every_seconds):
            self.peak = max(self.peak, tree_bytes())


def tree_bytes() -> int:
    """Resident bytes of this process and everything below it."""
    root = psutil.Process()
    return sum(_resident(process) for process in [root, *root.children(recursive=True)])


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
