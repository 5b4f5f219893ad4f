"""The weekly loop on a small world, stage by stage as commands, for tests that need it whole.

A `Loop` owns one home and one SMTP server. Each stage is the real command in a process of its own, so that it can be
killed; `STAGES` is the order in which a DAG would run them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AS_OF = "2026-10-11"
WEEK = "2026-10-12"
WORLD = ["--start", "2026-09-21", "--days", "21", "--users", "120", "--tracks", "600", "--seed", "5"]
STAGES = ("world", "features", "train", "evaluate", "promote", "playlists", "monitor")
STAGE_TIMEOUT_S = 600


@dataclass
class Loop:
    """One home, and what its stages said."""

    home: Path
    smtp_port: int
    seconds: dict[str, float] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "SEGUE_HOME": str(self.home),
            "SEGUE_SMTP_PORT": str(self.smtp_port),
            "SEGUE_HOLDOUT_DAYS": "4",
            "TF_USE_LEGACY_KERAS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }

    def arguments(self, stage: str) -> list[str]:
        version = self.summaries.get("train", {}).get("version", "")
        return {
            "world": ["world", *WORLD],
            "features": ["features", "--as-of", AS_OF],
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
        started = time.monotonic()
        process = self.start(*self.arguments(stage))
        out, err = process.communicate(timeout=STAGE_TIMEOUT_S)
        allowed = (0, 3) if stage in ("promote", "monitor") else (0,)  # 3: a verdict, not an error
        assert process.returncode in allowed, f"segue {stage} exited {process.returncode}\n{out[-2000:]}\n{err[-4000:]}"
        self.seconds[stage] = time.monotonic() - started
        self.summaries[stage] = json.loads(out.strip().splitlines()[-1])
        return self.summaries[stage]

    def kill_after(self, stage: str, seconds: float) -> bool:
        """Start a stage and `kill -9` its whole process group after `seconds`; False when it had already ended."""
        process = self.start(*self.arguments(stage))
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        return False
