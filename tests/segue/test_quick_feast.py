"""Feast without its run-time checks is the same Feast, and nothing else loses its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from segue.quick_feast import import_feast
import_feast()
import typeguard
from feast import Entity

@typeguard.typechecked
def ours(number: int) -> int:
    return number

for call in (lambda: Entity(name="user", description=1), lambda: ours("one")):
    try:
        call()
        print("taken")
    except typeguard.TypeCheckError:
        print("refused")
"""


def test_only_feast_goes_without_checks(tmp_path: Path) -> None:
    script = tmp_path / "program.py"  # typeguard reads the source of what it checks
    script.write_text(PROGRAM)
    done = subprocess.run([sys.executable, "-W", "ignore", str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["taken", "refused"]
