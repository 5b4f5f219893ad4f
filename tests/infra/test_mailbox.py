"""The mailbox keeps what real SMTP clients send, stops cleanly, and refuses what is too large or not local."""

from __future__ import annotations

import signal
import smtplib
import socket
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from infra import mailbox
from segue.errors import SegueError


def letter(subject: str = "[segue] ok: as of 2026-11-15", size: int = 10) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "segue@localhost", "on-call@localhost", subject
    message.set_content("Nothing moved.\n")
    message.add_attachment(b"x" * size, maintype="application", subtype="zip", filename="report.zip")
    return message


def send(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP(mailbox.LOOPBACK, port, timeout=10) as client:
        client.send_message(message)


def test_sent_messages_are_kept_in_order_and_read_back(tmp_path: Path) -> None:
    with mailbox.running(tmp_path) as port:
        for number in range(3):
            send(port, letter(f"number {number}"))
    assert [m["Subject"] for m in mailbox.messages(tmp_path)] == ["number 0", "number 1", "number 2"]
    assert mailbox.count(tmp_path) == 3


def test_a_folder_that_is_not_there_is_an_empty_mailbox(tmp_path: Path) -> None:
    assert mailbox.messages(tmp_path / "none") == []


def test_a_half_written_message_is_not_a_message(tmp_path: Path) -> None:
    (tmp_path / ".20261115T000000.eml.0123abcd").write_bytes(b"Subject: half")
    (tmp_path / ".hidden.eml").write_bytes(b"Subject: half")
    assert mailbox.count(tmp_path) == 0


def test_a_message_over_the_limit_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAX_MESSAGE_BYTES", 10_000)
    with mailbox.running(tmp_path) as port:
        with pytest.raises(smtplib.SMTPException):
            send(port, letter(size=20_000))
        send(port, letter(size=10))
    assert mailbox.count(tmp_path) == 1


def test_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    outside = [a[4][0] for a in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    with mailbox.running(tmp_path) as port:
        socket.create_connection((mailbox.LOOPBACK, port), timeout=5).close()
        for address in {*outside, "127.0.0.2"} - {mailbox.LOOPBACK}:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, port), timeout=5)


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with mailbox.running(tmp_path) as port:
        second = mailbox.running(tmp_path, port)
        with pytest.raises(SegueError, match=f"port {port} free"):
            second.__enter__()


def test_rendering_shows_headers_text_and_attachments() -> None:
    shown = mailbox.render(letter(size=1_500_000))
    for expected in (
        "To:      on-call@localhost",
        "[segue] ok: as of 2026-11-15",
        "Nothing moved.",
        "report.zip (application/zip, 1.50 MB)",
    ):
        assert expected in shown
    assert len({len(line) for line in shown.splitlines()}) == 1


def test_the_command_keeps_mail_and_stops_cleanly_when_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.mailbox", "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        send(int(told.split("127.0.0.1:")[1].split(",")[0]), letter())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
    assert mailbox.count(tmp_path) == 1
