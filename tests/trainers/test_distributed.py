"""Two workers on this machine, over the loopback, reach what one reaches."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.errors import SegueError
from trainers.retriever.workers import workers

HERE = Path(__file__).parent
PATIENCE = 600
TOLERANCE = 2e-4
"""Of a loss, which float32 adds up in another order."""


def free_addresses(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{made.getsockname()[1]}" for made in sockets]
    for made in sockets:
        made.close()
    return addresses


def start(out: Path, place: dict[str, Any] | None) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")])
    quiet = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": paths}
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"} | quiet
    if place is not None:
        environment["TF_CONFIG"] = json.dumps(place)
    command = [sys.executable, str(HERE / "one_worker.py"), str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(process: subprocess.Popen[bytes], out: Path) -> dict[str, np.ndarray]:
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said.decode()[-3_000:]
    with np.load(out) as found:
        return dict(found)


def test_two_workers_reach_the_loss_and_the_vectors_of_one(tmp_path: Path) -> None:
    cluster = {"worker": free_addresses(2)}
    places = [None, *({"cluster": cluster, "task": {"type": "worker", "index": n}} for n in range(2))]
    files = [tmp_path / f"{n}.npz" for n in range(3)]
    processes = [start(out, place) for out, place in zip(files, places, strict=True)]
    try:
        alone, first, second = (finished(process, out) for process, out in zip(processes, files, strict=True))
    finally:
        for process in processes:
            process.kill()
    np.testing.assert_array_equal(first["losses"], second["losses"])
    np.testing.assert_array_equal(first["users"], second["users"])
    np.testing.assert_array_equal(first["start"], alone["start"])
    assert alone["losses"][-1] < alone["losses"][0]
    np.testing.assert_allclose(first["losses"], alone["losses"], rtol=TOLERANCE)
    for name in ("users", "tracks"):
        assert (first[name] * alone[name]).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("text", ["{", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "[]"])
def test_a_tf_config_that_names_no_worker_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    workers.cache_clear()
    with pytest.raises(SegueError, match="TF_CONFIG like"):
        workers()
    monkeypatch.delenv("TF_CONFIG")
    workers.cache_clear()
    assert workers().num_replicas_in_sync == 1
