"""Files of our own that were damaged since are told in a sentence with the path and the way on, by every command."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from infra.airflow import configuration
from infra.demo import claim
from infra.demo.plan import World, world_plan
from infra.landing.receipts import Arrival
from infra.mart import export
from infra.world.command import run as simulate
from segue import cli
from segue.atomic import write_text
from segue.cli import main
from segue.errors import SegueError
from segue.feature_store import last_materialised
from segue.home import Home
from segue.live_release import read_pointer
from segue.playlists import read_visible_week
from segue.release import evaluation_path, read_json
from segue.store_trouble import store_trouble
from segue.stored import json_object, read_stored
from segue.stored_weeks import stored_weeks


def demo(home: Home) -> None:
    with claim.claim_home(home, world_plan(World(date(2026, 9, 21), 7, 20, 40, 1))):
        raise AssertionError("it began")


READERS: dict[str, Callable[[Home], Any]] = {
    "releases/current.json": lambda _: read_pointer(),
    "playlists/visible.json": lambda _: read_visible_week(),
    "playlists/stored/2026-11-16/r1@abc/complete.json": lambda _: stored_weeks(),
    "feast/materialised.json": lambda _: last_materialised(),
    f"features/{export.STAMP}": lambda home: export._exported_run(home),
    "landing/events/receipts/abc.json": lambda home: Arrival(home, "events", Path("x"), "abc").landed(),
    "world/world.json": lambda _: simulate(start=date(2026, 9, 21), days=7, users=20, tracks=40, seed=1),
    "demo.json": demo,
    "secrets/airflow-password.json": configuration.password,
    "releases/evaluations/r1.json": lambda _: read_json(evaluation_path("r1")),
}


@pytest.mark.parametrize("content", ["{", "garbage", "[]", '"text"', "\x00\x01"])
@pytest.mark.parametrize("path", READERS)
def test_a_damaged_file_of_ours_is_told_with_its_path(home: Home, path: str, content: str) -> None:
    write_text(home.root / path, content)
    with pytest.raises(SegueError, match="cannot be read as one") as told:
        READERS[path](home)
    assert str(home.root / path) in str(told.value)
    assert "remove it" in told.value.mend


def test_a_file_that_is_not_there_is_nothing_and_one_that_is_whole_is_read(tmp_path: Path) -> None:
    assert read_stored(tmp_path / "a.json", json_object, what="a note") is None
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_stored(tmp_path / "a.json", json_object, what="a note") == {"a": 1}


def test_a_folder_in_its_place_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(SegueError, match="IsADirectoryError"):
        read_stored(tmp_path / "a.json", json_object, what="a note")


@pytest.mark.parametrize(
    ("file", "argv"),
    [
        ("playlists/visible.json", ["playlist", "u1"]),
        ("releases/current.json", ["releases"]),
        ("releases/current.json", ["rollback"]),
        ("releases/current.json", ["playlists", "--week", "2026-11-16"]),
    ],
)
def test_a_command_that_meets_one_says_a_sentence_and_fails(
    home: Home, file: str, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(home.root / file, "garbage")
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"segue {argv[0]}: Expected the pointer to the ")
    assert said.count("\n") == 1


def failing(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def run(**_: Any) -> None:
        raise problem

    monkeypatch.setattr(cli, "_load", lambda _: run)


def not_a_database(tmp_path: Path) -> sqlite3.Error:
    (tmp_path / "online.db").write_text("garbage " * 1_000)
    with pytest.raises(sqlite3.DatabaseError) as raised:
        sqlite3.connect(tmp_path / "online.db").execute("select * from a")
    return raised.value


def test_a_store_that_does_not_answer_is_a_sentence_of_any_command_and_of_its_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from google.protobuf.message import DecodeError
    from redis.exceptions import ConnectionError as NoRedis

    for problem in (NoRedis("refused :secret@host"), not_a_database(tmp_path), DecodeError("x")):
        failing(monkeypatch, problem)
        assert main(["features", "--as-of", "2026-11-15"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("segue features: Expected ")
        assert "secret" not in said
        record = json.loads((home.runs / "features.json").read_text())
        assert (record["exit_code"], f"segue features: {record['sentence']}\n") == (2, said)


@pytest.mark.usefixtures("home")
def test_any_other_failure_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for problem in (ConnectionError("ours"), sqlite3.OperationalError("no such column: a"), KeyError("a")):
        assert store_trouble(problem) is None
        failing(monkeypatch, problem)
        with pytest.raises(type(problem)):
            main(["releases"])
