"""`segue bench serving`: requests a second and latencies of a service on this machine, bounded in time.

It starts a service for the time of the bench, in a home of its own: thousands of answers that nobody asked for must not
stand in the prediction log, where monitoring would take them for listening. A running service is left alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from segue.charts import draw_page
from segue.errors import SegueError
from segue.home import get_home
from segue.names import Table
from segue.panels import Bar, Bars
from segue.stage import Outcome, Progress, table
from serving.benches.load import HOST, MOST_PER_SECOND, MOST_REQUESTS, interval
from serving.benches.own_redis import redis_program
from serving.benches.own_service import borrowed_home, service, workers
from serving.benches.stored_weekly import MOST_USERS, STORES, Weekly, measure_weekly
from serving.tracks.gold import read_table

SECONDS = 10.0
LOAD_SECONDS = 30.0
CLIENTS = 4
MOST_SECONDS = 120.0

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


def bench_serving(*, scale: float, users: int = 10_000, rate: int = 300, store: str | None = None) -> Outcome:
    """Measure both routes with one client and with four, `10 * scale` seconds each, and then the weekly GET at `rate` a second
    for `30 * scale` seconds with the playlists of `users` listeners in SQLite, and in Redis where there is one.

    Raises:
        SegueError: no service could be started, or what is asked for is out of bounds.
    """
    _require_bounds(scale, users, rate)
    progress, stores = Progress("bench serving"), (store,) if store else STORES if redis_program() else STORES[:1]
    measured = _closed(min(SECONDS * scale, MOST_SECONDS), progress)
    load_seconds = min(LOAD_SECONDS * scale, MOST_SECONDS)
    weekly = [measure_weekly(kind, users=users, rate=rate, seconds=load_seconds, progress=progress) for kind in stores]
    rows = [[m.route, m.clients, m.per_second, m.p50_ms, m.p99_ms, m.failed] for m in measured]
    text = table(["route", "clients", "answers/s", "p50 ms", "p99 ms", "failed"], rows)
    path = _draw(get_home().chart("serving"), measured, weekly, rate)
    found: dict[str, Any] = {
        "workers": workers(),
        "measured": [m.__dict__ for m in measured],
        "weekly": [w.__dict__ for w in weekly],
        "chart": str(path),
    }
    found |= {f"weekly_p99_ms_{w.store}": w.p99_ms for w in weekly}
    failed = any(m.failed for m in measured) or any(w.failed for w in weekly)
    return Outcome(
        found, f"{workers()} worker(s):\n{text}\n\n{_weekly_table(weekly, rate)}\n\nThe chart is {path}", int(failed)
    )


def _require_bounds(scale: float, users: int, rate: int) -> None:
    """Said before anything is measured: the load comes after minutes of other work."""
    requests = int(rate * min(LOAD_SECONDS * scale, MOST_SECONDS)) if scale > 0 else 0
    if not 0 < rate <= MOST_PER_SECOND or not 0 < users <= MOST_USERS or not 0 < requests <= MOST_REQUESTS:
        raise SegueError(
            expected=f"1 to {MOST_USERS} users, 1 to {MOST_PER_SECOND} requests a second, {MOST_REQUESTS} at most",
            received=f"{users} users, {rate} requests a second, {requests} of them",
            mend="give another --users, --rate or --scale",
        )


def _closed(seconds: float, progress: Progress) -> list[Measured]:
    users = sorted(read_table(Table.USERS)["user_id"])
    measured = []
    with borrowed_home() as home, service(home, {}, progress) as port:
        for route, ask in ASKED.items():
            for clients in (1, CLIENTS):
                with progress.step(f"{route}, {clients} client(s)"):
                    measured.append(_measure(f"http://{HOST}:{port}", route, ask, users, clients, seconds))
    return measured


def _weekly_table(weekly: list[Weekly], rate: int) -> str:
    heads = ["store", "playlists", "written/s", "size MB", "answers/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "failed"]
    rows = [
        [w.store, w.users, w.written_per_second, round(w.bytes / 1e6, 1), w.per_second, *_latencies(w), w.failed]
        for w in weekly
    ]
    return f"GET weekly, {rate} due a second whatever the answers do:\n{table(heads, rows)}"


def _latencies(weekly: Weekly) -> list[float]:
    return [weekly.p50_ms, weekly.p95_ms, weekly.p99_ms, weekly.max_ms]


def _draw(path: Path, measured: list[Measured], weekly: list[Weekly], rate: int) -> Path:
    names = [f"{m.route}, {m.clients} client{'s' if m.clients > 1 else ''}" for m in measured]
    rates = [Bar(name, m.per_second, ours=True) for name, m in zip(names, measured, strict=True)]
    panels = [Bars("answers a second", "more is better", rates, form=",.1f")]
    for title, values in (
        ("median latency", [(m.p50_ms, *m.p50_interval) for m in measured]),
        ("99th percentile of latency", [(m.p99_ms, *m.p99_interval) for m in measured]),
    ):
        bars = [Bar(name, *ends, ours=True) for name, ends in zip(names, values, strict=True)]
        panels.append(Bars(title, "milliseconds; less is better", bars, form=".2f"))
    loaded = [
        Bar(f"{w.store}, {which}", *ends, ours=which == "p99")
        for w in weekly
        for which, ends in (("p50", (w.p50_ms, *w.p50_interval)), ("p99", (w.p99_ms, *w.p99_interval)))
    ]
    title = f"GET weekly at {rate} a second, {weekly[0].users:,} playlists"
    panels.append(Bars(title, "milliseconds; less is better; dashed: the bar of 10 ms", loaded, form=".2f", mark=10.0))
    note = "Black lines are 95 % intervals of the percentile. At a fixed rate a latency counts from when its request was due."
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
    return Measured(route, clients, rate, p50, p99, sum(failed), interval(every, 0.5), interval(every, 0.99))
