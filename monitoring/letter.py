"""The e-mail to on-call: the verdict in the subject, the table as text and as HTML, Evidently's report zipped beside it.

Zipped because the page is 4 MB of script: a quarter of that travels, and mail programs open a zip where many refuse HTML.
"""

from __future__ import annotations

import hashlib
import io
import textwrap
import zipfile
from email.message import EmailMessage
from email.utils import formatdate, getaddresses
from pathlib import Path
from typing import Any

from monitoring.findings import GROUPS, by_reason
from monitoring.page import page
from monitoring.summary import Summary, shown
from segue.errors import SegueError
from segue.settings import Settings
from segue.stage import table

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_WIDTH = 120
"""Columns that sentences keep to; tables are as wide as what they tell."""


def compose(summary: Summary, folder: Path, settings: Settings) -> EmailMessage:
    """The message. Its Message-ID comes from the report alone, so that a server can tell a repeat.

    Raises:
        SegueError: an address in the settings is not one.
    """
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, ", ".join(recipients(settings))
    message["Subject"], message["Date"] = summary.subject, formatdate()
    message["Message-ID"] = f"<{content_hash(summary, settings)[:32]}@segue>"
    message["Auto-Submitted"] = "auto-generated"
    links = links_to(folder, settings)
    message.set_content(text(summary) + "\n" + "\n".join(f"{name}: {address}" for name, address in links.items()) + "\n")
    message.add_alternative(page(summary, links=links), subtype="html")
    name = f"segue-drift-report-{summary.as_of}"
    message.add_attachment(_zipped(folder, name), maintype="application", subtype="zip", filename=f"{name}.zip")
    return message


def recipients(settings: Settings) -> list[str]:
    """The addresses of `mail_to`, which are separated by commas."""
    found = [address for _, address in getaddresses([settings.mail_to]) if "@" in address]
    if not found:
        raise SegueError(
            expected="SEGUE_MAIL_TO with e-mail addresses, separated by commas",
            received=repr(settings.mail_to),
            mend="set it to who is on call",
        )
    return found


def content_hash(summary: Summary, settings: Settings) -> str:
    """What makes a report new to its reader: the summary, and who reads it."""
    return hashlib.sha256(f"{settings.mail_to}\n{summary.model_dump_json()}".encode()).hexdigest()


def links_to(folder: Path, settings: Settings) -> dict[str, str]:
    links = {"Full report": (folder / "report.html").as_uri(), "This page": (folder / "summary.html").as_uri()}
    return links | ({"Service": settings.service_url} if settings.service_url else {})


def text(summary: Summary) -> str:
    """The report as plain text: the verdict, then one table per group, worst first."""
    release = f"release {summary.release} of {summary.release_as_of}" if summary.release else "no live release"
    lines = [
        f"Verdict: {summary.verdict}. {summary.reason}.",
        f"A retraining is {'asked for' if summary.retrain else 'not asked for'}.",
        f"Last week {summary.recent} beside {release}, training window {summary.training or 'none'}.",
    ]
    for group in GROUPS:
        rows = [_line(f) for f in summary.of_group(group) if not (group == "features" and f["state"] in ("note", "filling"))]
        if rows:
            lines += ["", group.upper(), table(["", "check", "now", "before", "distance", "limit", ""], rows)]
    if summary.left_out:
        lines += ["", *textwrap.wrap(f"Not compared: {', '.join(summary.left_out)}.", _WIDTH)]
    filling = [f for f in summary.of_group("features") if f["state"] == "filling"]
    for (_, reason), names in by_reason(filling).items():
        lines += ["", *textwrap.wrap(f"Still filling and not compared, as each {reason}: {', '.join(names)}.", _WIDTH)]
    return "\n".join(lines) + "\n"


def _line(finding: dict[str, Any]) -> list[Any]:
    distances = [f"{finding[name]:.3f}" if finding[name] is not None else "-" for name in ("distance", "limit")]
    return [finding["state"], finding["name"], shown(finding, "now"), shown(finding, "before"), *distances, finding["says"]]


def _zipped(folder: Path, name: str) -> bytes:
    """The folder's pages as one zip whose bytes depend on theirs alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in ("report.html", "summary.html", "summary.json"):
            entry = zipfile.ZipInfo(f"{name}/{file}", _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (folder / file).read_bytes())
    return packed.getvalue()
