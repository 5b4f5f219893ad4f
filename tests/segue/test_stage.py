"""What a stage shows: aligned tables, steps with their seconds, errors in a sentence."""

from __future__ import annotations

import pytest

from segue.errors import SegueError
from segue.stage import Progress, table


def test_numbers_go_right_words_left_and_nothing_is_a_dash() -> None:
    shown = table(["model", "ndcg", "users"], [["two-tower", 0.25, 1200], ["popular", None, 7]])
    assert shown.splitlines() == [
        "model        ndcg  users",
        "---------  ------  -----",
        "two-tower  0.2500   1200",
        "popular         -      7",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(["a", "long"], []) == "a  long\n-  ----"


def test_a_step_tells_when_it_begins_and_ends_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("train")
    with progress.step("index"):
        pass
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[0] == "train: index ..."
    assert shown.err.splitlines()[1].startswith("train: index done in ")
    assert progress.seconds["index"] >= 0


def test_a_failed_step_is_timed_but_not_called_done(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("train")
    with pytest.raises(ZeroDivisionError), progress.step("index"):
        raise ZeroDivisionError
    assert "index" in progress.seconds
    assert "done" not in capsys.readouterr().err


def test_what_is_asked_before_a_step_keeps_it_from_beginning() -> None:
    progress, begun = Progress("train"), []
    asked = iter([None, SegueError(expected="milk", received="none", mend="fetch some")])

    def ask() -> None:
        if (problem := next(asked)) is not None:
            raise problem

    progress.before_step = ask
    with progress.step("first"):
        begun.append("first")
    with pytest.raises(SegueError, match="milk"), progress.step("second"):
        begun.append("second")
    assert begun == [*progress.seconds] == ["first"]


def test_an_error_is_one_sentence_of_three_parts() -> None:
    problem = SegueError(expected="a day with events", received="an empty day", mend="land the day first")
    assert str(problem) == "Expected a day with events, received an empty day: land the day first."
    assert (problem.expected, problem.received, problem.mend) == ("a day with events", "an empty day", "land the day first")
