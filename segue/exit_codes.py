"""How a command ends: the codes that a shell, a DAG and a person tell apart."""

from __future__ import annotations

DEFECT = 1
"""Something escaped that is no SegueError: its traceback is shown."""
BAD_INPUT = 2
"""A SegueError: one sentence says what was expected, what came, and what to do."""
GATE_REFUSED = 3
"""`segue promote`: the candidate did not earn it; the live release stays."""
PARTLY_REFUSED = 4
"""`segue land`: some files were refused and the others landed."""
INTERRUPTED = 130
"""Ctrl-C, as shells have it: 128 + SIGINT."""
