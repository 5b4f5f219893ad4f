"""The e-mail reaches a real SMTP server once per report; a server that is down costs nothing but a later run."""

from __future__ import annotations

import io
import socket
import ssl
import zipfile
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from monitored_home import summary_of

from infra import mailbox
from monitoring import post, report
from monitoring.drift import Measured
from monitoring.findings import Verdict
from monitoring.summary import Summary
from segue.errors import SegueError
from segue.home import Home
from segue.settings import get_settings

PAGE = "<html>" + "drift " * 10_000 + "</html>"


@pytest.fixture(autouse=True)
def _nobody_listens(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings(monkeypatch, smtp_port=free.getsockname()[1])


def settings(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"SEGUE_{name.upper()}", str(value))
    get_settings.cache_clear()


def deliver(summary: Summary) -> str:
    return post.deliver(summary, report.write(summary, Measured([], PAGE, {"metrics": []})))


def only_message(home: Home) -> EmailMessage:
    (message,) = mailbox.messages(home.mail)
    return message


def test_the_mail_has_the_verdict_the_tables_and_the_report(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port, mail_to="Ann <ann@example.org>, bo@example.org")
        assert deliver(summary_of(Verdict.DRIFT)) == "sent"
    message = only_message(home)
    assert message["Subject"] == "[segue] drift: 4 of 21 features moved, as of 2026-11-15"
    assert message["To"] == "ann@example.org, bo@example.org"
    text, page = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    for part in (text.get_content(), page.get_content()):
        assert "plays_7d" in part.replace("plays 7d", "plays_7d")
        assert (home.reports / "day=2026-11-15" / "report.html").as_uri() in part
    (attached,) = message.iter_attachments()
    with zipfile.ZipFile(io.BytesIO(attached.get_content())) as archive:
        assert archive.read("segue-drift-report-2026-11-15/report.html").decode() == PAGE


def test_the_same_report_is_not_mailed_twice(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port)
        assert [deliver(summary_of(Verdict.DRIFT)) for _ in range(2)] == ["sent", "already sent"]
    assert mailbox.count(home.mail) == 1


def test_a_changed_report_or_another_reader_is_mailed_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port)
        deliver(summary_of(Verdict.DRIFT))
        assert deliver(summary_of(Verdict.OK)) == "sent"
        settings(monkeypatch, mail_to="someone-else@example.org")
        assert deliver(summary_of(Verdict.OK)) == "sent"
    assert mailbox.count(home.mail) == 3


def test_a_server_that_is_down_is_one_sentence_and_the_report_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SegueError, match=r"Expected the mail server 127\.0\.0\.1:\d+ to take the report"):
        deliver(summary_of(Verdict.DRIFT))
    assert (home.reports / "day=2026-11-15" / "report.html").read_text() == PAGE
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port)
        assert deliver(summary_of(Verdict.DRIFT)) == "sent"


def test_a_message_the_server_refuses_counts_as_not_sent(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAX_MESSAGE_BYTES", 1_000)
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port)
        with pytest.raises(SegueError, match="mail server"):
            deliver(summary_of(Verdict.DRIFT))
    assert not (home.reports / "sent").exists()


def test_starttls_with_a_certificate_it_can_verify_sends(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with mailbox.running(home.mail, tls=own_certificate(tmp_path)) as port:
        settings(monkeypatch, smtp_port=port, smtp_security="starttls")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert deliver(summary_of(Verdict.DRIFT)) == "sent"
    assert mailbox.count(home.mail) == 1


def test_starttls_with_an_unknown_certificate_sends_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with mailbox.running(home.mail, tls=own_certificate(tmp_path)) as port:
        settings(monkeypatch, smtp_port=port, smtp_security="starttls")
        with pytest.raises(SegueError, match="CERTIFICATE_VERIFY_FAILED"):
            deliver(summary_of(Verdict.DRIFT))
    assert mailbox.count(home.mail) == 0


def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port, smtp_security="starttls")
        with pytest.raises(SegueError, match="STARTTLS"):
            deliver(summary_of(Verdict.DRIFT))
    assert mailbox.count(home.mail) == 0


def test_a_password_is_never_sent_in_the_clear(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox.running(home.mail) as port:
        settings(monkeypatch, smtp_port=port, smtp_user="segue", smtp_password="not-a-real-one")
        with pytest.raises(SegueError, match="not sent in the clear") as refused:
            deliver(summary_of(Verdict.DRIFT))
    assert "not-a-real-one" not in str(refused.value)
    assert mailbox.count(home.mail) == 0


def test_a_user_without_a_password_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, smtp_user="segue", smtp_security="starttls")
    with pytest.raises(SegueError, match="SEGUE_SMTP_PASSWORD"):
        deliver(summary_of(Verdict.DRIFT))


def test_nobody_to_write_to_is_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, mail_to="on-call")
    with pytest.raises(SegueError, match="SEGUE_MAIL_TO"):
        deliver(summary_of(Verdict.DRIFT))


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's TLS context with a certificate for 127.0.0.1, signed by itself and written to `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "segue test mailbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context
