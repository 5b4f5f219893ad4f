"""A real SMTP server that keeps every message as an `.eml` file: the mailbox of the demo, and of tests.

Any mail client opens the files. It listens on this machine only and delivers nothing onwards; elsewhere `SEGUE_SMTP_*`
names a server that does. Run it with `python -m infra.mailbox --port 1025 --folder DIR`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP

from segue.atomic import replacing_file
from segue.errors import SegueError

LOOPBACK = "127.0.0.1"
MAX_MESSAGE_BYTES = 20_000_000
MAX_RECIPIENTS = 100


@dataclass(frozen=True)
class Keeper:
    """The server's handler: one file per accepted message, named so that names sort by arrival."""

    folder: Path

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        """Accept a recipient, up to `MAX_RECIPIENTS` a message."""
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Answer 250 only once the message is on disk."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}.eml"
        with replacing_file(self.folder / name) as temporary:
            temporary.write_bytes(envelope.content)
        return "250 Message kept"


def _server(folder: Path, tls: ssl.SSLContext | None) -> SMTP:
    return SMTP(
        Keeper(folder),
        data_size_limit=MAX_MESSAGE_BYTES,
        enable_SMTPUTF8=True,
        hostname="segue-mailbox",
        ident="Segue mailbox",
        timeout=60,
        loop=asyncio.get_running_loop(),
        tls_context=tls,
        require_starttls=tls is not None,
    )


async def _listen(folder: Path, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return await asyncio.get_running_loop().create_server(partial(_server, folder, tls), LOOPBACK, port)
    except OSError as problem:
        raise SegueError(
            expected=f"port {port} free for the mailbox",
            received=str(problem.strerror or problem),
            mend="stop what listens there, or choose another with --port",
        ) from problem


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


async def serve(folder: Path, port: int) -> None:
    """Keep mail in `folder` until SIGINT or SIGTERM; port 0 takes a free one, told on standard error."""
    server = await _listen(folder, port)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    sys.stderr.write(f"mailbox: listening on {LOOPBACK}:{_port(server)}, keeping mail in {folder}\n")
    sys.stderr.flush()
    await stop.wait()
    server.close()
    await server.wait_closed()


@contextmanager
def running(folder: Path, port: int = 0, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A mailbox in a thread of this process while the block lasts; yields its port. With `tls` it asks for STARTTLS."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="mailbox", daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_listen(folder, port, tls), loop).result(timeout=10)
        yield _port(server)
        loop.call_soon_threadsafe(server.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)


def messages(folder: Path) -> list[EmailMessage]:
    """The kept messages, oldest first; an absent folder is an empty mailbox."""
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in _files(folder)]


def count(folder: Path) -> int:
    """How many messages are kept, without reading them."""
    return len(_files(folder))


def wait_for(folder: Path, number: int, *, seconds: float) -> list[EmailMessage]:
    """The messages once there are at least `number`; fewer when `seconds` went by."""
    deadline = time.monotonic() + seconds
    while count(folder) < number and time.monotonic() < deadline:
        time.sleep(0.1)
    return messages(folder)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.eml") if not path.name.startswith("."))


def render(message: EmailMessage, *, width: int = 100) -> str:
    """One message as a terminal shows it: from, to, date, subject, text body, attachments with their size."""
    headers = [f"{name + ':':<9}{message[name]}" for name in ("From", "To", "Date", "Subject") if message[name]]
    body = message.get_body(preferencelist=("plain",))
    text = body.get_content().rstrip() if body is not None else "(no text part)"
    attached = [_attachment_line(part) for part in message.iter_attachments()]
    blocks = [headers, text.splitlines(), *([attached] if attached else [])]
    inner = max([width - 4, *(len(line) for block in blocks for line in block)])
    rules = ["╭" + "─" * (inner + 2) + "╮", "├" + "─" * (inner + 2) + "┤", "╰" + "─" * (inner + 2) + "╯"]
    framed = [[f"│ {line.ljust(inner)} │" for line in block] for block in blocks]
    lines = [rules[0]]
    for number, block in enumerate(framed):
        lines += [rules[1], *block] if number else block
    return "\n".join([*lines, rules[2]])


def _attachment_line(part: Any) -> str:
    content = part.get_content()
    size = len(content if isinstance(content, bytes) else str(content).encode())
    return f"Attached: {part.get_filename() or 'unnamed'} ({part.get_content_type()}, {size / 1e6:.2f} MB)"


def main(argv: Sequence[str] | None = None) -> int:
    """The command `python -m infra.mailbox`."""
    parser = argparse.ArgumentParser(prog="python -m infra.mailbox", description="Keep mail as files, on this machine only.")
    parser.add_argument("--port", type=int, default=1025, help="0 takes a free one (default 1025)")
    parser.add_argument("--folder", type=Path, required=True, help="where the messages are kept")
    arguments = parser.parse_args(argv)
    try:
        asyncio.run(serve(arguments.folder.resolve(), arguments.port))
    except SegueError as problem:
        sys.stderr.write(f"mailbox: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
