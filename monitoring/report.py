"""Puts a report in its place: `reports/day=YYYY-MM-DD/` with `report.html`, `report.json`, `summary.json`, `summary.html`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitoring.drift import Measured
from monitoring.letter import links_to
from monitoring.page import page
from monitoring.summary import Summary
from segue.atomic import new_folder, write_json
from segue.home import get_home
from segue.lock import locked
from segue.settings import get_settings


@contextmanager
def alone() -> Iterator[None]:
    """Hold the reports for this process; a second `segue monitor` waits. The kernel lets go when a process is killed."""
    with locked(get_home().reports / ".lock", what="`segue monitor`", wait=True):
        yield


def write(summary: Summary, measured: Measured) -> Path:
    """Write the day's folder in `tmp/reports/` and rename it into place; an older one of the same day moves out first.

    Call it within `alone`. A kill between the two renames leaves no report of the day until the command is run again, which
    then makes it anew.
    """
    home = get_home()
    target, workshop = home.reports / f"day={summary.as_of}", home.tmp / "reports"
    shutil.rmtree(workshop, ignore_errors=True)  # the rest of a killed run
    with new_folder(target, within=workshop) as folder:
        _fill(folder, summary, measured, target)
        if target.exists():
            target.rename(workshop / "replaced")
    shutil.rmtree(workshop, ignore_errors=True)
    return target


def _fill(folder: Path, summary: Summary, measured: Measured, target: Path) -> None:
    small = page(summary, links=links_to(target, get_settings()))
    (folder / "report.html").write_text(measured.html or small, encoding="utf-8")
    (folder / "summary.html").write_text(small, encoding="utf-8")
    write_json(folder / "report.json", measured.json)
    write_json(folder / "summary.json", summary.model_dump(mode="json"))
