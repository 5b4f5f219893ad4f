"""How each stage ran last: when it began, how long it took, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from infra.status.row import UNREADABLE, Row, moment
from segue.commands import COMMANDS
from segue.exit_codes import GATE_REFUSED
from segue.home import get_home
from segue.runs import Run, last_refusal, last_run
from segue.stage import table

REFUSED_BY_THE_GATE = ("promote", GATE_REFUSED)
"""A candidate that stays out is a result: the live release is as good as it was."""


def last_runs() -> list[Row]:
    """The last run of each stage that ever ran in this home, in the order of `segue --help`."""
    rows = [_row(command.name) for command in COMMANDS if command.stage]
    return [row for row in rows if row is not None]


def as_table(rows: list[Row]) -> str:
    """The rows of `last_runs` as text; nothing when there is none."""
    lines = [[row.what, moment(row.written), _took(row.facts.get("seconds")), row.about] for row in rows]
    return table(["last run of", "began (UTC)", "took", "result"], lines) if rows else ""


def _row(command: str) -> Row | None:
    try:
        found, refusal = last_run(get_home(), command), last_refusal(get_home(), command)
    except (OSError, ValueError, KeyError, TypeError):
        return Row(command, UNREADABLE, "its record cannot be read", wrong=UNREADABLE)
    row = _told(*found) if found else Row(command, "never ran", "never ran") if refusal else None
    return _with_refusal(row, refusal) if row and refusal else row


def _told(run: Run, at_work: bool) -> Row:
    value, wrong = _result(run, at_work=at_work)
    about = f"{value}: {run.sentence}" if run.sentence else value
    facts = {"began": run.began, "seconds": run.seconds, "exit_code": run.exit_code, "sentence": run.sentence}
    return Row(run.command, value, about, run.began, facts, wrong)


def _with_refusal(row: Row, refused: Run) -> Row:
    """What was refused before it began is told, and makes nothing unhealthy: all is as the last run left it."""
    facts = row.facts | {"refused": {"began": refused.began, "sentence": refused.sentence}}
    return replace(row, about=f"{row.about} (refused {moment(refused.began)}: {refused.sentence})", facts=facts)


def _result(run: Run, *, at_work: bool) -> tuple[str, str | None]:
    """In a word or two how a run went, and the same if that is wrong."""
    if at_work:
        return "at work", None
    if run.exit_code is None:
        return "did not end", "did not end"
    if run.exit_code == 0:
        return "done", None
    if (run.command, run.exit_code) == REFUSED_BY_THE_GATE:
        return "refused", None
    return f"exit {run.exit_code}", f"exit {run.exit_code}"


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
