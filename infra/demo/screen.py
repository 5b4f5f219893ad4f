"""What the demo shows while it works: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

HEARTBEAT_SECONDS = 30


class Screen:
    """Writes to standard output; `begun` is when the demo began, by the monotonic clock."""

    def __init__(self) -> None:
        self.live, self.begun = sys.stdout.isatty(), time.monotonic()
        self._shown, self._shown_at = "", 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        self._write(f"{self.elapsed():>7}  {text}\n")
        self._shown = ""

    def block(self, title: str, text: str) -> None:
        """A titled part of the final summary."""
        self._clear()
        self._write(f"\n{title}\n{'─' * len(title)}\n{text.rstrip()}\n")

    def status(self, text: str) -> None:
        """What is going on now: replaces itself on a terminal; elsewhere a line when it changes, and a sign of life."""
        now = time.monotonic()
        if self.live:
            self._write(f"\r\x1b[2K{self.elapsed():>7}  {text}")
        elif text != self._shown or now - self._shown_at > HEARTBEAT_SECONDS:
            self._write(f"{self.elapsed():>7}  {text}\n")
            self._shown_at = now
        self._shown = text

    def elapsed(self) -> str:
        seconds = int(time.monotonic() - self.begun)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def _clear(self) -> None:
        if self.live:
            self._write("\r\x1b[2K")

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
