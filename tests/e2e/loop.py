"""The weekly loop on a small world, stage by stage as commands, for tests that need it whole.

A `Loop` owns one home and one SMTP server. Each stage is the real command in a process of its own, so that it can be
killed where it is in its work, which its progress lines tell; `STAGES` is the order in which a DAG would run them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

AS_OF = "2026-10-11"
WEEK = "2026-10-12"
WORLD = ["--start", "2026-09-21", "--days", "21", "--users", "120", "--tracks", "600", "--seed", "5"]
STAGES = ("world", "features", "embed", "train", "evaluate", "promote", "playlists", "monitor")
STAGE_TIMEOUT_S = 600


@dataclass
class Loop:
    """One home, and what its stages said."""

    home: Path
    smtp_port: int
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    progress: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "SEGUE_HOME": str(self.home),
            "SEGUE_SMTP_PORT": str(self.smtp_port),
            "SEGUE_HOLDOUT_DAYS": "4",
            "SEGUE_RANKER": "network",  # trees beside it are trained as it is, and take their time
            "TF_USE_LEGACY_KERAS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }

    def arguments(self, stage: str) -> list[str]:
        version = self.summaries.get("train", {}).get("version", "")
        return {
            "world": ["world", *WORLD],
            "features": ["features", "--as-of", AS_OF],
            "embed": ["embed", "--as-of", AS_OF],
            "train": ["train", "--as-of", AS_OF],
            "evaluate": ["evaluate", version],
            "promote": ["promote", version],
            "playlists": ["playlists", "--week", WEEK],
            "monitor": ["monitor", "--as-of", AS_OF],
        }[stage]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "segue", *arguments, "--json"],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, stage: str) -> dict[str, Any]:
        """Run one stage to its end; its JSON summary. A stage that fails fails the test with what it said."""
        process = self.start(*self.arguments(stage))
        lines: list[tuple[float, str]] = []
        reader = Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        out = process.stdout.read()
        process.wait(timeout=STAGE_TIMEOUT_S)
        reader.join()
        said = "\n".join(line for _, line in lines)
        allowed = (0, 3) if stage in ("promote", "monitor") else (0,)  # 3: a verdict, not an error
        assert process.returncode in allowed, f"segue {stage} exited {process.returncode}\n{out[-2000:]}\n{said[-4000:]}"
        self.progress[stage] = [(at, _shape(line)) for at, line in lines if line.startswith(f"{stage}: ")]
        self.summaries[stage] = json.loads(out.strip().splitlines()[-1])
        return self.summaries[stage]

    def kill_at(self, stage: str, line: str, then_s: float) -> bool:
        """`kill -9` the stage's whole process group `then_s` after it says `line`, or sooner where it was done by then;
        False when it never was there to be killed."""
        return any(self._kill_at(stage, line, wait_s) for wait_s in (then_s, then_s / 4, 0.0))

    def _kill_at(self, stage: str, line: str, then_s: float) -> bool:
        process = self.start(*self.arguments(stage))
        lines: list[tuple[float, str]] = []
        Thread(target=_read, args=(process, lines), daemon=True).start()
        while process.poll() is None and line not in [_shape(said) for _, said in lines]:
            time.sleep(0.01)
        try:
            process.wait(timeout=then_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        return False


def moments(progress: list[tuple[float, str]], *shares: float) -> list[tuple[str, float]]:
    """Points of a stage's work: a progress line, and some seconds into what it was doing after it."""
    found = []
    for share in shares:
        at = min(int(share * len(progress)), len(progress) - 2)
        found.append((progress[at][1], 0.2 * (progress[at + 1][0] - progress[at][0])))
    return found


def _read(process: subprocess.Popen[str], lines: list[tuple[float, str]]) -> None:
    for line in process.stderr:
        lines.append((time.monotonic(), line.rstrip()))  # noqa: PERF401 - another thread reads the list as it grows


def _shape(line: str) -> str:
    """A progress line without its numbers, which differ between runs; names and days keep theirs."""
    return re.sub(r"done in [\d.]+ s", "done", line)
