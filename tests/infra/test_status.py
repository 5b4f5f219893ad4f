"""`segue status` tells what is stored and what answers, in an empty home as in a full one, and survives a broken file."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from infra.status import command as status
from segue.atomic import write_json, write_text
from segue.cli import main
from segue.errors import NotBegunError
from segue.home import Home
from segue.live_release import point_to
from segue.playlists import VisibleWeek, show_week
from segue.release import MANIFEST, Manifest, evaluation_path, release_path, verdict_path
from segue.runs import recording
from segue.settings import get_settings


@pytest.fixture(autouse=True)
def _nothing_runs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEGUE_SERVE_PORT", "SEGUE_AIRFLOW_PORT"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            monkeypatch.setenv(name, str(free.getsockname()[1]))
    get_settings.cache_clear()


@pytest.fixture
def lived_in(home: Home) -> Home:
    """A home in which every stage ran once, as far as stored files tell."""
    manifest = Manifest(
        version="2026-11-15-abc",
        created_at=datetime(2026, 11, 16, 1, tzinfo=UTC),
        as_of=date(2026, 11, 15),
        trained_through=datetime(2026, 11, 9, tzinfo=UTC),
        feature_fingerprint="f",
        hyperparameters={},
        policy={},
        metrics={},
        libraries={},
        inputs={},
        tracks=10_000,
        dimensions=64,
        files={},
    )
    write_text(release_path(manifest.version) / MANIFEST, manifest.model_dump_json())
    write_json(
        evaluation_path(manifest.version), {"models": [{"model": "popular", "ndcg": 0.1}, {"model": "funnel", "ndcg": 0.21}]}
    )
    write_json(
        verdict_path(manifest.version), {"passed": True, "checks": [{"passed": True, "reason": "better than popularity"}]}
    )
    point_to(manifest.version, at=datetime(2026, 11, 16, 2, tzinfo=UTC))
    shown = {"week": date(2026, 11, 16), "release": manifest.version, "users": 2_000}
    show_week(VisibleWeek(published_at=datetime(2026, 11, 16, 3, tzinfo=UTC), **shown))  # type: ignore[arg-type]
    write_text(home.table("user_features") / "day=2026-11-15" / "data.parquet", "x")
    write_text(home.landing / "events" / "events" / "day=2026-11-15" / "a.jsonl", "x")
    write_text(home.mail / "1.eml", "Subject: x\n\n")
    write_json(home.feast / "materialised.json", {"as_of": "2026-11-15"})
    write_text(home.feast / "registry.db", "x")
    report = {"as_of": "2026-11-15", "verdict": "drift", "reason": "4 of 21 features moved", "retrain": True}
    write_json(home.reports / "day=2026-11-15" / "summary.json", report)
    return home


def told() -> dict[str, Any]:
    return status.run().summary


def test_an_empty_home_says_what_to_run_first(home: Home) -> None:
    outcome = status.run()
    assert outcome.text.startswith("Nothing yet in ")
    assert "segue world" in outcome.text
    assert outcome.exit_code == 0
    assert (outcome.summary["live_release"]["value"], outcome.summary["empty"]) == ("none", True)
    assert (outcome.summary["healthy"], outcome.summary["last_runs"]) == (True, {})
    assert not home.root.exists()


def test_a_home_that_was_lived_in_is_told_in_one_table(lived_in: Home) -> None:
    outcome = status.run()
    for expected in ("2026-11-15-abc", "NDCG@30 0.2100", "2,000 users", "4 of 21 features moved; asks for a retraining"):
        assert expected in outcome.text
    facts = outcome.summary
    assert facts["live_release"]["ndcg"] == pytest.approx(0.21)
    values = {
        name: facts[name]["value"] for name in ("visible_week", "features", "feature_store", "last_report", "mail_kept_here")
    }
    assert list(values.values()) == ["2026-11-16", "2026-11-15", "2026-11-15", "drift", "1"]
    assert facts["disk_bytes"]["landing"] == 1


@pytest.mark.parametrize("broken", ["releases/current.json", "playlists/visible.json", "reports/day=2026-11-15/summary.json"])
def test_a_file_that_cannot_be_read_spoils_its_own_row_only(lived_in: Home, broken: str) -> None:
    (lived_in.root / broken).write_text("{")
    values = [row["value"] for row in told().values() if isinstance(row, dict) and "value" in row]
    assert values.count("unreadable") == 1
    assert told()["healthy"] is False


def test_a_live_release_whose_folder_is_gone_is_said_so(lived_in: Home) -> None:
    (release_path("2026-11-15-abc") / MANIFEST).unlink()
    assert told()["live_release"]["value"] == "unreadable"
    assert "a release manifest" in status.run().text


def test_a_service_that_answers_is_ready_and_one_that_refuses_is_not(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told()["service"]["value"] == "not running"
    for code, expected in ((200, "ready"), (503, "not ready")):
        with answering("/readyz", code, {}) as port:
            monkeypatch.setenv("SEGUE_SERVE_PORT", str(port))
            get_settings.cache_clear()
            assert told()["service"]["value"] == expected


def test_the_service_says_which_release_it_serves_and_which_it_refuses(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    served = {"ready": True, "error": None, "release": "v1", "refused": None, "reason": None}
    refusing = served | {"refused": "v2", "reason": "Expected the bytes of the manifest, received others: promote v1"}
    for body, healthy in ((served, True), (refusing, False)):
        with answering("/readyz", 200, body) as port:
            monkeypatch.setenv("SEGUE_SERVE_PORT", str(port))
            get_settings.cache_clear()
            outcome = status.run()
        facts = outcome.summary["service"]
        assert (facts["value"], facts["release"], facts["refused"]) == ("ready", "v1", body["refused"])
        assert "release v1" in outcome.text
        assert outcome.summary["healthy"] is healthy
    assert "refuses v2: Expected the bytes of the manifest" in outcome.text
    assert "Not healthy: service refuses v2" in outcome.text


@pytest.mark.parametrize(
    ("exit_code", "value", "healthy"), [(0, "done", True), (2, "exit 2", False), (3, "exit 3", False), (4, "exit 4", False)]
)
def test_the_last_runs_are_told_and_a_failed_one_is_not_healthy(home: Home, exit_code: int, value: str, healthy: bool) -> None:
    with recording("land") as run:
        run.exit_code, run.sentence = exit_code, "1 of 3 files refused" if exit_code else None
    outcome = status.run()
    assert outcome.summary["last_runs"]["land"]["value"] == value
    assert outcome.summary["healthy"] is healthy
    assert ("1 of 3 files refused" in outcome.text) is not healthy
    assert re.search(rf"^land +\d{{4}}-\d\d-\d\d \d\d:\d\d +\d+ s +{value}", outcome.text, flags=re.MULTILINE)


def test_a_refusal_is_told_beside_the_last_run_and_is_healthy(home: Home) -> None:
    with recording("train") as run:
        run.exit_code = 0
    for command in ("train", "promote"):
        with pytest.raises(NotBegunError), recording(command):
            raise NotBegunError(expected="a version", received="foo", mend="choose one")
    outcome = status.run()
    assert outcome.summary["healthy"] is True
    rows = outcome.summary["last_runs"]
    assert (rows["train"]["value"], rows["promote"]["value"]) == ("done", "never ran")
    assert rows["train"]["refused"]["sentence"] == "Expected a version, received foo: choose one."
    assert outcome.text.count("Expected a version, received foo: choose one.") == 2


def test_with_check_the_exit_code_says_whether_all_is_well(home: Home) -> None:
    assert main(["status", "--check"]) == 0
    with recording("land") as run:
        run.exit_code = 4
    assert main(["status", "--check"]) == 3
    assert main(["status"]) == 0


def test_a_candidate_that_the_gate_refused_is_a_result_and_healthy(home: Home) -> None:
    with recording("promote") as run:
        run.exit_code, run.sentence = 3, "not better than popularity"
    assert told()["healthy"] is True
    assert told()["last_runs"]["promote"]["value"] == "refused"


def test_a_run_at_work_is_told_and_healthy(home: Home) -> None:
    with recording("train"):
        assert told()["last_runs"]["train"]["value"] == "at work"
        assert told()["healthy"] is True


def test_a_record_that_cannot_be_read_spoils_its_own_line_only(home: Home) -> None:
    for command in ("land", "train"):
        with recording(command) as run:
            run.exit_code = 0
    (home.runs / "train.json").write_text('{"command": "train"}')
    runs = told()["last_runs"]
    assert (runs["land"]["value"], runs["train"]["value"]) == ("done", "unreadable")
    assert told()["wrong"] == ["train unreadable"]


def test_airflow_with_an_unhealthy_part_is_not_healthy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, expected in (("healthy", "healthy"), ("unhealthy", "not healthy")):
        health = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": part}}
        with answering("/api/v2/monitor/health", 200, health) as port:
            monkeypatch.setenv("SEGUE_AIRFLOW_PORT", str(port))
            get_settings.cache_clear()
            facts = told()
            assert (facts["Airflow"]["value"], facts["healthy"]) == (expected, part == "healthy")


def test_the_command_prints_the_summary_as_json(lived_in: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts["live_release"]["value"] == "2026-11-15-abc"


@contextmanager
def answering(path: str, code: int, body: dict[str, Any]) -> Iterator[int]:
    """An HTTP server on a free port that answers `path` with `code`, and 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code if self.path == path else 404)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
