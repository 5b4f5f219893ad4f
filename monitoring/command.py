"""`segue monitor`: checks one day, keeps the report, tells on-call.

Exit status: 0 for `ok` and for `drift` (whose summary says `"retrain": true` when a retraining can help), 3 for `alarm`,
after the e-mail went out, so that the task turns red with its reason already in the inbox. 2, with one sentence, when the day
cannot be judged at all or the mail server does not take the e-mail; the report is kept and running again sends it.
"""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

from monitoring import letter, post, report
from monitoring.assess import assess
from monitoring.findings import Verdict
from monitoring.rules import Rules
from monitoring.summary import Summary
from segue.exit_codes import ALARM
from segue.stage import Outcome, Progress


def run(*, as_of: date) -> Outcome:
    """Judge `as_of`, write `reports/day=<as_of>/` and mail it; a re-run replaces the report and mails only what is new.

    Raises:
        SegueError: no gold tables, an as-of before the first listen, or a mail server that does not take the e-mail.
    """
    progress = Progress("monitor")
    with report.alone(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Feast's and Evidently's own, nothing a reader could mend
        summary, measured = assess(as_of, Rules(), progress)
        with progress.step("report"):
            folder = report.write(summary, measured)
        with progress.step("e-mail"):
            mail = post.deliver(summary, folder)
    return Outcome(_facts(summary, folder, mail), _text(summary, folder, mail), _exit_code(summary))


def _exit_code(summary: Summary) -> int:
    return ALARM if summary.verdict is Verdict.ALARM else 0


def _facts(summary: Summary, folder: Path, mail: str) -> dict[str, object]:
    facts = summary.model_dump(mode="json", exclude={"findings", "surfaces"})
    return facts | {"subject": summary.subject, "report": str(folder), "mail": mail}


def _text(summary: Summary, folder: Path, mail: str) -> str:
    return f"{letter.text(summary)}\nReport: {folder}/report.html\nE-mail: {mail}, {summary.subject}\n"
