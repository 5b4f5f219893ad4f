"""Our own programs in a process and a home of their own: how a bench runs stages without warming anything for the next."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from segue.errors import SegueError

_ROOT = Path(__file__).resolve().parents[1]


def python_in(home: Path, *arguments: str, endings: Collection[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run `python *arguments` from the repository with `home` as its SEGUE_HOME, and wait for it.

    Raises:
        SegueError: it ended with another exit code than `endings`; the last line it said is in the message.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "SEGUE_HOME": str(home)},
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in endings:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise SegueError(expected=f"{' '.join(arguments)} to end well", received=last, mend="run it by hand to see more")
    return done
