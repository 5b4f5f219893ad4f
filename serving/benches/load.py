"""A load of requests at a fixed rate, whatever the answers do: each is due at its own moment and its latency counts from it.

Clients that wait for an answer before they ask again leave out just the requests that a stall would have hit (Tene, "How NOT
to Measure Latency", 2015). Here a request that finds every connection busy waits with its clock running. Goes to the loopback
alone: a load is no thing to send elsewhere.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HOST = "127.0.0.1"
CONNECTIONS = 64
MOST_PER_SECOND = 2_000
MOST_REQUESTS = 200_000
GIVE_UP_SECONDS = 10.0

Due = tuple[float, bytes]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Answers:
    """What a load met: the milliseconds (n,) from when each request was due to its answer, or to when it was given up, in the
    order in which they ended; `failed` counts those that did not end in a 200 with what was expected in the body."""

    latencies: npt.NDArray[np.float64]
    failed: int
    per_second: float


class _Load:
    def __init__(self, port: int, expected: bytes) -> None:
        self.port, self.expected = port, expected
        self.waiting: asyncio.Queue[Due | None] = asyncio.Queue()
        self.latencies: list[float] = []
        self.failed = 0

    async def send(self, paths: Sequence[str], rate: float) -> float:
        """Make every request due at its moment; the seconds from the first to the last answer."""
        loop = asyncio.get_running_loop()
        workers = [asyncio.create_task(self._work()) for _ in range(min(CONNECTIONS, len(paths)))]
        began = loop.time() + 0.2
        for number, path in enumerate(paths):
            due = began + number / rate
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            self.waiting.put_nowait((due, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()))
        for _ in workers:
            self.waiting.put_nowait(None)
        await asyncio.gather(*workers)
        return loop.time() - began

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        connection: Connection | None = None  # opened by the request that needs it: one that cannot be has failed
        while (task := await self.waiting.get()) is not None:
            due, request = task
            try:
                connection = connection or await asyncio.open_connection(HOST, self.port)
                good = await asyncio.wait_for(_ask(*connection, request, self.expected), GIVE_UP_SECONDS)
            except (OSError, EOFError, ValueError, TimeoutError):  # the answer that was waited for must not reach the next one
                _close(connection)
                good, connection = False, None
            self.latencies.append(1_000 * (loop.time() - due))
            self.failed += not good
        _close(connection)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, expected: bytes) -> bool:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, length = head.partition(b"content-length:")
    body = await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
    return head.startswith(b"http/1.1 200") and expected in body


def _close(connection: Connection | None) -> None:
    if connection is not None:
        connection[1].close()


def open_loop(port: int, paths: Sequence[str], *, rate: float, expected: bytes) -> Answers:
    """Ask for `paths` on this machine's `port`, `rate` a second, and wait for every answer; a good body has `expected`."""
    if not 0 < rate <= MOST_PER_SECOND or not 0 < len(paths) <= MOST_REQUESTS:
        raise ValueError(f"{len(paths)} requests at {rate} a second are out of bounds")
    load = _Load(port, expected)
    # select(2) waits to the microsecond; epoll would send up to a millisecond late, and that would count as latency.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        seconds = loop.run_until_complete(load.send(paths, rate))
    finally:
        loop.close()
    return Answers(np.array(load.latencies), load.failed, len(paths) / seconds)


def interval(ordered: npt.NDArray[np.float64], share: float) -> tuple[float, float]:
    """95 % interval of a quantile from the ranks around it, whatever the distribution (Conover, 1999, section 3.2)."""
    n = len(ordered)
    middle, reach = (n - 1) * share, 1.96 * np.sqrt(n * share * (1 - share))
    low, high = (int(np.clip(rank, 0, n - 1)) for rank in (np.floor(middle - reach), np.ceil(middle + reach)))
    return round(float(ordered[low]), 2), round(float(ordered[high]), 2)
