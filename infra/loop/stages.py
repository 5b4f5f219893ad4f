"""Segue's week on a home of its own: every stage as the command a DAG would run, then the lists as a reader finds them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from infra.world.memory import NO_TRACK
from infra.world.space import Ints
from segue.errors import SegueError
from segue.exit_codes import AUDIT_FAILED, GATE_REFUSED
from segue.own_process import python_in
from segue.stage import Progress


class Stages:
    """Runs the platform on the home `root`."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self._root, self._progress = root, progress

    def week(self, week: date) -> tuple[dict[str, list[str]], dict[str, Any]]:
        """Learn from everything before `week` and give everybody their playlist: tracks by user, and which release made
        them. A release that the gate refuses leaves the one before it live.

        Raises:
            SegueError: a stage failed; what it said last is in the message.
        """
        as_of = (week - timedelta(days=1)).isoformat()
        self._segue("features", "--as-of", as_of)
        version = str(self._segue("train", "--as-of", as_of)["version"])
        self._segue("evaluate", version)
        self._segue("promote", version)
        made = self._segue("playlists", "--week", week.isoformat())
        lists = json.loads(self._python("-m", "infra.loop.shown", week.isoformat()))
        return lists, {"trained": version, "release": made["release"], "promoted": made["release"] == version}

    def _segue(self, stage: str, *arguments: str) -> dict[str, Any]:
        with self._progress.step(f"{stage} {arguments[-1]}"):
            summary: dict[str, Any] = json.loads(self._python("-m", "segue", stage, *arguments, "--json").splitlines()[-1])
        return summary

    def _python(self, *arguments: str) -> str:
        done = python_in(self._root, *arguments, endings=(0, GATE_REFUSED, AUDIT_FAILED))
        if done.returncode and "promote" not in arguments:
            said = (done.stdout.strip() or "no message").splitlines()[0]
            raise SegueError(expected=f"{' '.join(arguments)} to pass", received=said, mend="see the audit of the week")
        return done.stdout


def as_rows(lists: dict[str, list[str]], otherwise: Ints) -> Ints:
    """The lists by the numbers of the world (users, 30), `NO_TRACK` where one ends; `otherwise` those of who has none yet."""
    rows = otherwise.copy()
    for user, tracks in lists.items():
        rows[int(user[1:])] = NO_TRACK
        rows[int(user[1:]), : len(tracks)] = [int(track[1:]) for track in tracks]
    return rows
