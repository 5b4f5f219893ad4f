"""What a process follows behind the back of its requests: it looks again and again, and requests read what was seen last."""

from __future__ import annotations

import threading
from collections.abc import Callable

EVERY_SECONDS = 1.0


class Watch:
    """Calls `look`, which raises nothing, in a thread of its own: once at the start, then every `EVERY_SECONDS`."""

    def __init__(self, name: str, look: Callable[[], object]) -> None:
        self._look, self._stop = look, threading.Event()
        self._thread = threading.Thread(target=self._go_on, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _go_on(self) -> None:
        while not self._stop.is_set():
            self._look()
            self._stop.wait(EVERY_SECONDS)
