"""A program of ours runs in the home it is given, and how it failed is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.errors import SegueError
from segue.own_process import python_in


def test_it_sees_the_home_and_the_repository(tmp_path: Path) -> None:
    done = python_in(tmp_path, "-c", "import segue, os; print(os.environ['SEGUE_HOME'])")
    assert done.stdout.split() == [str(tmp_path)]


def test_an_ending_that_was_not_expected_is_told_with_the_last_thing_it_said(tmp_path: Path) -> None:
    bad = "import sys; print('out', file=sys.stderr); print('of milk', file=sys.stderr); raise SystemExit(3)"
    with pytest.raises(SegueError, match="received of milk"):
        python_in(tmp_path, "-c", bad)
    assert python_in(tmp_path, "-c", bad, endings=(0, 3)).returncode == 3
