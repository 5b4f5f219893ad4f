"""`segue bench serving`: requests a second and latencies of a service on this machine, bounded in time.

It starts a service for the time of the bench, in a home of its own: thousands of answers that nobody asked for must not
stand in the prediction log, where monitoring would take them for listening. A running service is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt

from segue.charts import Bar, Bars, draw_page
from segue.errors import SegueError
from segue.home import get_home
from segue.names import Table
from segue.stage import Outcome, Progress, table
from serving.gold import read_table

HOST = "127.0.0.1"
SECONDS = 10.0
CLIENTS = 4
START_SECONDS = 120.0
MOST_SECONDS = 120.0
READ = ("features", "feast", "playlists", "secrets", "releases/current.json", "releases/bentoml/models")
"""What a service reads of a home. BentoML writes beside its models, and empties that folder when it starts."""

Ask = Callable[[httpx.Client, str], httpx.Response]

ASKED: dict[str, Ask] = {
    "GET weekly": lambda client, user: client.get(f"/v1/users/{user}/weekly"),
    "POST recommend": lambda client, user: client.post("/v1/recommend", json={"user_id": user}),
}


@dataclass(frozen=True)
class Measured:
    """Answers a second and latencies in milliseconds of one route, each with its 95 % interval; `failed` counts what was not
    200."""

    route: str
    clients: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    p50_interval: tuple[float, float]
    p99_interval: tuple[float, float]


def bench_serving(*, scale: float) -> Outcome:
    """Measure both routes with one client and with four, `10 * scale` seconds each.

    Raises:
        SegueError: no service could be started.
    """
    seconds = min(SECONDS * scale, MOST_SECONDS)
    users = sorted(read_table(Table.USERS)["user_id"])
    progress = Progress("bench serving")
    measured = []
    with _service(progress) as url:
        for route, ask in ASKED.items():
            for clients in (1, CLIENTS):
                with progress.step(f"{route}, {clients} client(s)"):
                    measured.append(_measure(url, route, ask, users, clients, seconds))
    rows = [[m.route, m.clients, m.per_second, m.p50_ms, m.p99_ms, m.failed] for m in measured]
    text = table(["route", "clients", "answers/s", "p50 ms", "p99 ms", "failed"], rows)
    path = _draw(get_home().chart("serving"), measured, seconds)
    found = {"measured": [m.__dict__ for m in measured], "seconds_each": seconds, "chart": str(path)}
    return Outcome(found, f"{text}\n\nThe chart is {path}", int(any(m.failed for m in measured)))


def _draw(path: Path, measured: list[Measured], seconds: float) -> Path:
    names = [f"{m.route}, {m.clients} client{'s' if m.clients > 1 else ''}" for m in measured]
    rates = [Bar(name, m.per_second, ours=True) for name, m in zip(names, measured, strict=True)]
    panels = [Bars("answers a second", "more is better", rates, form=",.1f")]
    for title, values in (
        ("median latency", [(m.p50_ms, *m.p50_interval) for m in measured]),
        ("99th percentile of latency", [(m.p99_ms, *m.p99_interval) for m in measured]),
    ):
        bars = [Bar(name, *ends, ours=True) for name, ends in zip(names, values, strict=True)]
        panels.append(Bars(title, "milliseconds; less is better", bars, form=".2f"))
    note = f"{seconds:.0f} s for each row. Black lines are 95 % intervals of the percentile."
    return draw_page(path, "The service on this machine", panels, note=note)


def _measure(url: str, route: str, ask: Ask, users: list[str], clients: int, seconds: float) -> Measured:
    latencies: list[list[float]] = [[] for _ in range(clients)]
    failed = [0] * clients

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        with httpx.Client(base_url=url, timeout=30) as client:
            ask(client, users[0])  # the connection
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                answer = ask(client, users[int(rng.integers(len(users)))])
                latencies[number].append(time.perf_counter() - began)
                failed[number] += answer.status_code != 200

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = 1_000 * np.sort([latency for one in latencies for latency in one])
    p50, p99 = (round(float(np.percentile(every, q)), 2) for q in (50, 99))
    rate = round(len(every) / seconds, 1)
    return Measured(route, clients, rate, p50, p99, sum(failed), _interval(every, 0.5), _interval(every, 0.99))


def _interval(ordered: npt.NDArray[np.float64], share: float) -> tuple[float, float]:
    """95 % interval of a quantile from the ranks around it, whatever the distribution (Conover, 1999, section 3.2)."""
    n = len(ordered)
    middle, reach = (n - 1) * share, 1.96 * np.sqrt(n * share * (1 - share))
    low, high = (int(np.clip(rank, 0, n - 1)) for rank in (np.floor(middle - reach), np.ceil(middle + reach)))
    return round(float(ordered[low]), 2), round(float(ordered[high]), 2)


@contextlib.contextmanager
def _service(progress: Progress) -> Iterator[str]:
    """The address of a service that lives as long as the bench."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    url, command = f"http://{HOST}:{port}", [sys.executable, "-m", "segue", "serve"]
    with _borrowed_home() as home:
        environment = os.environ | {"SEGUE_HOME": str(home), "SEGUE_SERVE_HOST": HOST, "SEGUE_SERVE_PORT": str(port)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                with progress.step(f"start a service at {url}"):
                    _wait(url, server)
                yield url
            finally:
                server.terminate()


@contextlib.contextmanager
def _borrowed_home() -> Iterator[Path]:
    """A home with links to what a service reads in ours; what it writes, its log above all, stays there and goes with it."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        for name in READ:
            ours, link = get_home().root.resolve() / name, Path(folder) / name
            if ours.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(ours)
        yield Path(folder)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        if _ready(url):
            return
        time.sleep(0.5)
    raise SegueError(
        expected=f"a ready service at {url}",
        received="none",
        mend="run `segue serve` and read what it says; a live release is needed",
    )


def _ready(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/readyz", timeout=2).json()["ready"])
    except (httpx.HTTPError, json.JSONDecodeError, KeyError, TypeError):
        return False
