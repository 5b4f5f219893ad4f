"""How a command ends: the codes that a shell, a DAG and a person tell apart.

3 is a verdict: the command did its work, the answer is no, and asking again would change nothing. Four commands give one,
each of its own kind; who runs a command knows which it is.
"""

from __future__ import annotations

DEFECT = 1
"""Something escaped that is no SegueError: its traceback is shown."""
BAD_INPUT = 2
"""A SegueError: one sentence says what was expected, what came, and what to do."""
GATE_REFUSED = 3
"""`segue promote`: the candidate did not earn it; the live release stays."""
AUDIT_FAILED = 3
"""`segue playlists`: lists of the week break a promise; the week that is visible stays."""
ALARM = 3
"""`segue monitor`: something is broken or missing; its e-mail is out by then."""
NOT_HEALTHY = 3
"""`segue status --check`: something that it shows is wrong."""
PARTLY_REFUSED = 4
"""`segue land`: some files were refused and the others landed."""
INTERRUPTED = 130
"""Ctrl-C, as shells have it: 128 + SIGINT."""
