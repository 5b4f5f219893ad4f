"""The load at a fixed rate, against a server that stalls once: every request the stall would have hit counts as late."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from serving.benches.load import open_loop

STALL, RATE, REQUESTS = 0.5, 100, 100


@contextlib.contextmanager
def server(*, stall_at: int | None = None, status: int = 200) -> Iterator[int]:
    """A port that answers at once, but for the request number `stall_at`, which holds up all others for half a second."""
    loop, ports, number = asyncio.new_event_loop(), list[int](), [0]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                number[0] += 1
                if number[0] == stall_at:
                    threading.Event().wait(STALL)
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 4\r\n\r\ngood".encode())

    async def start() -> None:
        opened = await asyncio.start_server(answer, "127.0.0.1", 0)
        ports.append(opened.sockets[0].getsockname()[1])
        ready.set()

    ready = threading.Event()
    thread = threading.Thread(target=lambda: (loop.run_until_complete(start()), loop.run_forever()))
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def test_a_stall_counts_for_every_request_that_was_due_in_it() -> None:
    with server(stall_at=30) as port:
        answers = open_loop(port, ["/"] * REQUESTS, rate=RATE, expected=b"good")
    late = np.sort(answers.latencies)[::-1][: int(RATE * STALL * 0.8)]
    assert (len(answers.latencies), answers.failed) == (REQUESTS, 0)
    assert late[0] >= 450
    assert late.min() >= 75, "a client that waits for its answer would have met one late answer"


@pytest.mark.parametrize(("status", "expected"), [(503, b"good"), (200, b"another body")])
def test_an_answer_that_is_not_what_was_asked_for_has_failed(status: int, expected: bytes) -> None:
    with server(status=status) as port:
        assert open_loop(port, ["/"] * 5, rate=RATE, expected=expected).failed == 5


def test_a_server_that_went_away_fails_every_request_and_the_load_ends() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answers = open_loop(port, ["/"] * 5, rate=RATE, expected=b"good")
    assert (answers.failed, len(answers.latencies)) == (5, 5)


@pytest.mark.parametrize(("rate", "requests"), [(0, 1), (1e9, 1), (1, 0), (1, 10**6)])
def test_a_load_without_bounds_is_refused(rate: float, requests: int) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        open_loop(1, ["/"] * requests, rate=rate, expected=b"")
