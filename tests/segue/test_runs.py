"""Each stage leaves how its last run went, also when it was killed, and never fails for its record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from segue.cli import main
from segue.errors import NotBegunError, SegueError
from segue.home import Home
from segue.runs import Run, last_refusal, last_run, recording


def ran(home: Home, command: str) -> Run:
    found = last_run(home, command)
    assert found is not None
    run, at_work = found
    assert not at_work
    return run


def test_a_stage_that_never_ran_has_no_record(home: Home) -> None:
    assert last_run(home, "train") is None


def test_a_run_leaves_when_it_began_how_long_it_took_and_how_it_ended(home: Home) -> None:
    with recording("train") as run:
        run.exit_code, run.sentence = 3, "refused"
    left = ran(home, "train")
    assert (left.exit_code, left.sentence) == (3, "refused")
    assert datetime.now(UTC) - left.began < timedelta(minutes=1)
    assert left.seconds is not None
    assert 0 <= left.seconds < 60


@pytest.mark.parametrize(
    ("problem", "code", "sentence"),
    [
        (SegueError(expected="listens", received="none", mend="land some"), 2, "Expected listens, received none: land some."),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_run_that_raised_leaves_its_sentence(home: Home, problem: BaseException, code: int, sentence: str) -> None:
    with pytest.raises(type(problem)), recording("train"):
        raise problem
    assert (ran(home, "train").exit_code, ran(home, "train").sentence) == (code, sentence)


def test_a_defect_leaves_its_type_and_place_and_nothing_it_says_of_a_listener(home: Home) -> None:
    with pytest.raises(KeyError, match="listener-7"), recording("train"):
        {}["listener-7"]
    assert ran(home, "train").exit_code == 1
    sentence = ran(home, "train").sentence or ""
    assert sentence.startswith("KeyError in test_a_defect_leaves_its_type_and_place")
    assert "(segue/test_runs.py:" in sentence
    assert "listener-7" not in (home.runs / "train.json").read_text()


def test_a_run_at_work_is_told_from_one_that_was_killed(home: Home) -> None:
    held = "from segue.runs import recording\nwith recording('train'):\n    print('up', flush=True)\n    input()"
    process = subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        found = last_run(home, "train")
        assert found is not None
        assert found[1] is True
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert ran(home, "train").exit_code is None


def test_two_runs_of_a_stage_at_once_do_not_wait_for_one_another(home: Home) -> None:
    with recording("train"), recording("train") as second:
        second.exit_code = 0
    assert ran(home, "train").command == "train"


def test_a_home_that_takes_no_record_does_not_stop_a_stage(home: Home) -> None:
    home.root.parent.mkdir(exist_ok=True)
    home.root.write_text("a file, not a folder")
    with recording("train") as run:
        run.exit_code = 0
    assert home.root.read_text() == "a file, not a folder"


def refuse(received: str) -> None:
    with pytest.raises(NotBegunError), recording("train"):
        raise NotBegunError(expected="a day with listens", received=received, mend="choose another")


def test_what_was_refused_before_it_began_leaves_the_last_run_as_it_was_and_is_kept_beside_it(home: Home) -> None:
    with recording("train") as run:
        run.exit_code = 0
    before = (home.runs / "train.json").read_bytes()
    refuse("a typo")
    assert (home.runs / "train.json").read_bytes() == before
    refusal = last_refusal(home, "train")
    assert refusal is not None
    assert (refusal.exit_code, refusal.sentence) == (2, "Expected a day with listens, received a typo: choose another.")
    with recording("train") as run:
        run.exit_code = 0
    assert last_refusal(home, "train") is None


def test_a_failure_at_work_is_a_run_and_no_refusal(home: Home) -> None:
    with recording("train") as run:
        run.exit_code = 0
    with pytest.raises(SegueError), recording("train"):
        raise SegueError(expected="a dbt build without a failure", received="one", mend="read the log")
    assert ran(home, "train").exit_code == 2
    assert last_refusal(home, "train") is None


def test_a_refusal_where_nothing_ever_ran_leaves_no_run(home: Home) -> None:
    refuse("a typo")
    assert last_run(home, "train") is None
    assert last_refusal(home, "train") is not None


def test_a_refusal_does_not_take_back_what_another_run_wrote_meanwhile(home: Home) -> None:
    def other_ends() -> None:
        with recording("train") as other:
            other.exit_code = 3
        raise NotBegunError(expected="one at a time", received="another at work", mend="wait")

    with pytest.raises(NotBegunError), recording("train"):
        other_ends()
    assert ran(home, "train").exit_code == 3


@pytest.mark.parametrize(
    "argv",
    [
        ["promote", "foo"],
        ["promote", "../../etc"],
        ["evaluate", "../../etc"],
        ["train", "--as-of", "2020-01-01"],
        ["embed", "--as-of", "2020-01-01"],
        ["monitor", "--as-of", "2020-01-01"],
        ["features", "--as-of", "2020-01-01"],
        ["land", "--source", "events", "--path", "/nonexistent"],
        ["world", "--users", "0"],
    ],
)
def test_a_typo_of_the_command_line_leaves_the_home_healthy(home: Home, argv: list[str]) -> None:
    with recording(argv[0]) as run:
        run.exit_code = 0
    assert main(argv) == 2
    assert ran(home, argv[0]).exit_code == 0
    assert last_refusal(home, argv[0]) is not None


def test_playlists_that_lack_what_they_are_made_of_are_a_failed_run(home: Home) -> None:
    with recording("playlists") as run:
        run.exit_code = 0
    assert main(["playlists", "--week", "2026-11-16"]) == 2
    assert ran(home, "playlists").exit_code == 2
    assert str(ran(home, "playlists").sentence).startswith("Expected a live release, received none")


def test_the_command_line_records_stages_and_nothing_else(home: Home, tmp_path: Path) -> None:
    main(["status"])
    main(["releases"])
    assert not home.runs.exists()
    assert main(["land", "--source", "events", "--path", str(tmp_path / "nowhere")]) == 2
    (record,) = home.runs.glob("*.json")
    assert json.loads(record.read_text())["sentence"].startswith("Expected a file or folder, received")


def test_a_verdict_leaves_its_reason(home: Home, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("this is no listening log\n")
    assert main(["land", "--source", "events", "--path", str(tmp_path / "in.jsonl")]) == 2
    assert ran(home, "land").sentence == "1 of 1 files refused"
