"""`kill -9` at every rename of the report and the e-mail: running again gives what an undisturbed run gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from monitored_home import summary_of

from infra import mailbox
from monitoring import post, report
from monitoring.drift import Measured
from monitoring.findings import Verdict
from segue.home import Home
from segue.settings import get_settings

FILES = ["report.html", "report.json", "summary.html", "summary.json"]
MEASURED = Measured([], "<html>report</html>", {"metrics": []})
MOST_RENAMES = 12

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
left = int(sys.argv[1])

def counted(original):
    def move(self, target):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, target)
    return move

Path.rename, Path.replace = counted(Path.rename), counted(Path.replace)
from monitored_home import summary_of
from monitoring import post, report
from monitoring.drift import Measured
from monitoring.findings import Verdict
with report.alone():
    summary = summary_of(Verdict.DRIFT)
    post.deliver(summary, report.write(summary, Measured([], "<html>report</html>", {"metrics": []})))
"""


def finish(home: Home) -> dict[str, bytes]:
    with report.alone():
        summary = summary_of(Verdict.DRIFT)
        folder = report.write(summary, MEASURED)
        post.deliver(summary, folder)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert list((home.tmp / "reports").glob("*")) == []
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_kill_at_any_rename_leaves_nothing_a_second_run_does_not_mend(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    here = [str(Path(__file__).parent), *[path for path in sys.path if path]]
    with mailbox.running(home.mail) as port:
        monkeypatch.setenv("SEGUE_SMTP_PORT", str(port))
        get_settings.cache_clear()
        undisturbed, killed = finish(home), 0
        for renames in range(MOST_RENAMES):
            (home.reports / "sent" / "2026-11-15.json").unlink()
            code = subprocess.run([sys.executable, "-c", KILLED, str(renames), *here], check=False, capture_output=True)
            half = [path for path in home.reports.glob("day=*") if sorted(f.name for f in path.iterdir()) != FILES]
            assert half == [], "a half-written report was visible"
            assert finish(home) == undisturbed
            if code.returncode == 0:
                break
            assert code.returncode == -9, code.stderr.decode()
            killed += 1
    assert killed >= 4
    assert len({message["Message-ID"] for message in mailbox.messages(home.mail)}) == 1
