"""`segue land` killed with SIGKILL among its files and run again lands what an undisturbed landing lands."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from loop import Loop

pytestmark = pytest.mark.e2e
FIRST_DAY = 1_397_952_000  # 20 April 2014
DAYS = 40


@pytest.fixture
def plays(tmp_path: Path) -> Path:
    """Three files in the format of 30Music, forty days of listens each."""
    folder = tmp_path / "plays"
    folder.mkdir()
    for part in range(3):
        rows = (
            f"{n % 97}\t{n // 8}\t{n % 4001}\t{FIRST_DAY + n * DAYS * 86_400 // 120_000}\t{n % 401}"
            for n in range(part, 120_000, 3)
        )
        (folder / f"plays-{part}.tsv").write_text("UserId\tSessionId\tItemId\tTime\tArtistId\n" + "\n".join(rows) + "\n")
    return folder


def test_landing_killed_among_its_files_and_run_again_equals_an_undisturbed_landing(plays: Path, tmp_path: Path) -> None:
    whole, killed = (Loop(tmp_path / name, smtp_port=1) for name in ("whole", "killed"))
    _land(whole, plays)
    expected = _landed(whole.home)
    assert _kill_when(killed, plays, files=len(expected) // 3), "landing ended before it could be killed"
    assert _landed(killed.home) != expected
    _land(killed, plays)
    assert _landed(killed.home) == expected


def _land(loop: Loop, plays: Path) -> None:
    process = loop.start("land", "--source", "30music", "--path", str(plays))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def _kill_when(loop: Loop, plays: Path, *, files: int) -> bool:
    process: subprocess.Popen[str] = loop.start("land", "--source", "30music", "--path", str(plays))
    while process.poll() is None and len(_landed(loop.home)) < files:
        time.sleep(0.002)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return True


def _landed(home: Path) -> dict[str, str]:
    found = [p for p in home.glob("landing/30music/events/day=*/*") if not p.name.startswith(".")]
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
