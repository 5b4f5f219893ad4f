"""One real `segue serve`: BentoML's processes, sockets and signals, which no test client has."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from serving_platform import Platform

from segue.home import Home
from serving.benches import own_service as bench_home
from serving.benches import serving as bench

EVENT = {
    "event_id": "survivor",
    "event_type": "save",
    "user_id": "u00001",
    "track_id": "t00001",
    "occurred_at": "2026-11-16T10:00:00Z",
}
READY_SECONDS = 300


class Served:
    def __init__(self, platform: Platform, output: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self.output = f"http://127.0.0.1:{self.port}", output
        environment = os.environ | {"SEGUE_HOME": str(platform.home.root), "SEGUE_SERVE_PORT": str(self.port)}
        with output.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "segue", "serve"], env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.3)
        pytest.fail(self.output.read_text())

    def everyone(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@pytest.fixture
def served(platform: Platform, tmp_path: Path) -> Iterator[Served]:
    served = Served(platform, tmp_path / "serve.log")
    served.wait_until_ready()
    family = served.everyone()
    yield served
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    served.process.wait(10)


def test_a_served_platform_keeps_its_promises_when_killed_and_when_stopped(served: Served, platform: Platform) -> None:
    """One start, many questions: starting takes longer than all of them."""
    client = httpx.Client(base_url=served.url, timeout=30)
    assert client.post("/v1/recommend", json={"user_id": "u00001"}).json()["fallback"] is None
    assert client.get("/v1/users/u00001/weekly").status_code == 200
    assert client.get("/v1/users/AC%2FDC/weekly").json()["user_id"] == "AC/DC"
    assert client.get("/livez").json() == {"alive": True}
    for unknown in ("/", "/docs.json", "/schema.json", "/static_content/main.css", "/v1/users/u00001"):
        assert (client.get(unknown).status_code, list(client.get(unknown).json())) == (404, ["error"])
    assert client.post("/v1/events", content=(b" " * 100_000 for _ in range(11))).status_code == 413
    metrics = client.get("/metrics").text
    assert 'segue_requests_total{fallback="",route="/v1/recommend",status="200"} 1.0' in metrics
    assert "u00001" not in metrics
    _listens_on_loopback_only(served)
    _events_survive_the_death_of_their_worker(client, served, platform)
    _a_stop_leaves_no_process(served)
    assert len(next(platform.home.predictions.rglob("http-*.jsonl")).read_text().splitlines()) == 3
    assert "u00001" not in served.output.read_text()


def _events_survive_the_death_of_their_worker(client: httpx.Client, served: Served, platform: Platform) -> None:
    (worker,) = (process for process in served.everyone() if "_bentoml_impl.worker.service" in process.cmdline())
    assert client.post("/v1/events", json={"events": [EVENT]}).status_code == 202
    worker.send_signal(signal.SIGKILL)
    (file,) = platform.home.landing.rglob("http-*.jsonl")
    assert json.loads(file.read_text().splitlines()[-1])["event_id"] == "survivor"


def _a_stop_leaves_no_process(served: Served) -> None:
    family = served.everyone()
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def _listens_on_loopback_only(served: Served) -> None:
    ours = [c for p in served.everyone() for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.ip for c in ours} == {"127.0.0.1"}
    assert served.port in {c.laddr.port for c in ours}


def test_a_bench_measures_answers_and_leaves_none_in_the_prediction_log(platform: Platform) -> None:
    before = set(platform.home.root.rglob("*"))
    outcome = bench.bench_serving(scale=0.05, users=300, rate=40, store="sqlite")
    assert (outcome.exit_code, len(outcome.summary["measured"])) == (0, 4), outcome.text
    assert {m["failed"] for m in outcome.summary["measured"]} == {0}
    assert min(m["per_second"] for m in outcome.summary["measured"]) > 0
    assert not platform.home.predictions.exists()
    chart = platform.home.chart("serving")
    assert set(platform.home.root.rglob("*")) - before <= {chart, *chart.parents}
    assert chart.read_bytes().startswith(b"\x89PNG")
    (weekly,) = outcome.summary["weekly"]
    assert (weekly["users"], weekly["failed"], weekly["store"]) == (300, 0, "sqlite")
    for found in (*outcome.summary["measured"], weekly):
        assert found["p99_interval"][0] <= found["p99_ms"] <= found["p99_interval"][1]
    assert weekly["p50_ms"] <= weekly["p95_ms"] <= weekly["p99_ms"] <= weekly["max_ms"]
    assert outcome.summary["weekly_p99_ms_sqlite"] == weekly["p99_ms"]


def test_the_home_of_a_bench_reads_ours_and_keeps_what_is_written(platform: Platform) -> None:
    with bench_home.borrowed_home() as folder:
        borrowed = Home(folder)
        assert (borrowed.releases / "current.json").read_bytes() == (platform.home.releases / "current.json").read_bytes()
        (borrowed.predictions / "day=2026-11-16").mkdir(parents=True)
        assert not platform.home.predictions.exists()
    assert not folder.exists()
    assert (platform.home.releases / "current.json").exists()


def test_a_taken_port_is_one_sentence(platform: Platform) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = os.environ | {"SEGUE_HOME": str(platform.home.root), "SEGUE_SERVE_PORT": str(taken.getsockname()[1])}
        command = [sys.executable, "-m", "segue", "serve"]
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "Expected the free address" in refused.stderr
