"""Sends the e-mail over SMTP, once per report: what was sent is remembered by its content, beside the reports.

A run killed between the server's answer and the note of it sends again; the Message-ID is the same, so the reader's server
can drop the repeat. Nothing is lost the other way round.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from monitoring.letter import compose, content_hash, recipients
from monitoring.summary import Summary
from segue.atomic import write_json
from segue.errors import SegueError
from segue.home import get_home
from segue.release import read_json
from segue.settings import Settings, get_settings

TIMEOUT_S = 20


def deliver(summary: Summary, folder: Path) -> Literal["sent", "already sent"]:
    """Mail the report in `folder` unless this content already went to these readers.

    Raises:
        SegueError: the server is down or refuses; the report stays where it is.
    """
    settings = get_settings()
    note = get_home().reports / "sent" / f"{summary.as_of}.json"
    content = content_hash(summary, settings)
    if (read_json(note) or {}).get("content") == content:
        return "already sent"
    message = compose(summary, folder, settings)
    _send(message, settings, folder)
    write_json(note, {"content": content, "message_id": message["Message-ID"], "to": recipients(settings)})
    return "sent"


def _send(message: EmailMessage, settings: Settings, folder: Path) -> None:
    _check_login(settings)
    try:
        with _connect(settings) as client:
            if settings.smtp_user and settings.smtp_password:
                client.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            client.send_message(message, to_addrs=recipients(settings))
    except (OSError, smtplib.SMTPException) as problem:
        raise SegueError(
            expected=f"the mail server {settings.smtp_host}:{settings.smtp_port} to take the report",
            received=f"{type(problem).__name__}: {problem}",
            mend=f"start it or mend SEGUE_SMTP_*, and run again to send it; the report is kept in {folder}",
        ) from problem


def _connect(settings: Settings) -> smtplib.SMTP:
    """A connection; TLS verifies the server's certificate and name against the system's authorities (or SSL_CERT_FILE)."""
    place = (settings.smtp_host, settings.smtp_port)
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(*place, timeout=TIMEOUT_S, context=ssl.create_default_context())
    client = smtplib.SMTP(*place, timeout=TIMEOUT_S)
    if settings.smtp_security == "starttls":
        client.starttls(context=ssl.create_default_context())
    return client


def _check_login(settings: Settings) -> None:
    """A user needs a password, and a password is never sent in the clear."""
    if bool(settings.smtp_user) != bool(settings.smtp_password):
        raise SegueError(
            expected="SEGUE_SMTP_USER and SEGUE_SMTP_PASSWORD together", received="one of them", mend="set both or neither"
        )
    if settings.smtp_user and settings.smtp_security == "none":
        raise SegueError(
            expected="SEGUE_SMTP_SECURITY starttls or tls with a password",
            received="none",
            mend="choose what the mail server offers: a password is not sent in the clear",
        )
