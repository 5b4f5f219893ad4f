"""A session model whose process the system kills, in a file that a new process imports at once."""

from __future__ import annotations

import os
import signal


def killed(*_: object, **__: object) -> None:
    """Stands for `train_sessions`."""
    os.kill(os.getpid(), signal.SIGKILL)
