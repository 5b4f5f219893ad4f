"""Files of sessions, the carve-out, and the running sessions within a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segue.errors import SegueError
from trainers.interactions import NOTHING
from trainers.sessions.session_lists import Sessions, hold_back, read_prefixes, read_sessions


def lists(sessions: Sessions) -> list[list[int]]:
    return [sessions.tracks[a:b].tolist() for a, b in zip(sessions.starts[:-1], sessions.starts[1:], strict=True)]


def test_every_prefix_of_a_session_asks_for_its_next_track() -> None:
    prefixes, answers = Sessions.of([[4, 5, 6], [7], [8, 8]]).prefixes()
    assert lists(prefixes) == [[4], [4, 5], [8]]
    assert answers.tolist() == [5, 6, 8]


def test_the_last_tracks_stand_at_the_left_of_a_padded_row() -> None:
    padded = Sessions.of([[1, 2, 3], [], [4]]).padded(2)
    assert padded.tolist() == [[2, 3], [NOTHING, NOTHING], [4, NOTHING]]


def test_long_sessions_are_cut_into_pieces_that_share_an_end() -> None:
    assert lists(Sessions.of([[1, 2, 3, 4, 5], [6], [7, 8]]).pieces(2)) == [[1, 2, 3], [3, 4, 5], [7, 8]]


def test_sessions_can_be_taken_out_and_tracks_left_out() -> None:
    sessions = Sessions.of([[1, NOTHING, 3], [NOTHING], [4, 5]])
    assert lists(sessions.without()) == [[1, 3], [], [4, 5]]
    assert lists(sessions.chosen(np.array([2, 0]))) == [[4, 5], [1, NOTHING, 3]]
    assert lists(sessions.some(1, 9)) == [[NOTHING], [4, 5]]


def test_the_carve_out_is_the_last_tenth_and_its_answers_are_in_no_prefix(tmp_path: Path) -> None:
    path = tmp_path / "sessions.txt"
    path.write_text("".join(f"{n} {n + 100} {n + 200}\n" for n in range(20)))
    train, truth = hold_back(path, tmp_path / "out")
    assert len(read_sessions(train)) == 18
    assert truth.read_text().splitlines() == ["18\t118", "18 118\t218", "19\t119", "19 119\t219"]
    assert lists(read_prefixes(truth)) == [[18], [18, 118], [19], [19, 119]]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "0 sessions"), ("1\n2\n", "none as long"), ("1 2\n3 x\n", "line 2"), ("1 -2\n", "line 1"), ("1 2.5\n", "2.5")],
    ids=["empty", "single plays", "a word", "a negative number", "a fraction"],
)
def test_a_file_without_sessions_is_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sessions.txt"
    path.write_text(text)
    with pytest.raises(SegueError, match=said):
        read_sessions(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SegueError, match=r"gone\.txt"):
        read_prefixes(tmp_path / "gone.txt")


def test_too_few_sessions_to_hold_one_back_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sessions.txt"
    path.write_text("1 2\n3 4\n")
    with pytest.raises(SegueError, match="last tenth"):
        hold_back(path, tmp_path / "out")


def test_a_carve_out_given_again_writes_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "sessions.txt"
    path.write_text("".join(f"{n} {n + 100} {n + 200}\n" for n in range(20)))
    first = [part.read_bytes() for part in hold_back(path, tmp_path / "out")]
    (tmp_path / "out" / "notes.txt").write_text("of whoever measures")
    assert [part.read_bytes() for part in hold_back(path, tmp_path / "out")] == first


def test_a_carve_out_never_writes_over_the_file_it_is_of(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("".join(f"{n} {n + 100} {n + 200}\n" for n in range(20)))
    before = path.read_bytes()
    with pytest.raises(SegueError, match="another folder"):
        hold_back(path, tmp_path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("name", ["train.txt", "prefixes.tsv"])
@pytest.mark.parametrize(
    "change", [lambda text: text + "7 8\n", lambda text: text[:-4], lambda text: "", lambda text: "1 2\n"]
)
def test_a_carve_out_leaves_a_file_of_something_else_where_it_is(
    tmp_path: Path, name: str, change: Callable[[str], str]
) -> None:
    path, folder = tmp_path / "sessions.txt", tmp_path / "out"
    path.write_text("".join(f"{n} {n + 100} {n + 200}\n" for n in range(20)))
    hold_back(path, folder)
    theirs = change((folder / name).read_text())
    (folder / name).write_text(theirs)
    with pytest.raises(SegueError, match=f"{name}, which holds something else"):
        hold_back(path, folder)
    assert (folder / name).read_text() == theirs


def test_a_folder_that_has_the_name_of_a_carve_out_is_refused(tmp_path: Path) -> None:
    path, folder = tmp_path / "sessions.txt", tmp_path / "out"
    path.write_text("".join(f"{n} {n + 100} {n + 200}\n" for n in range(20)))
    (folder / "prefixes.tsv").mkdir(parents=True)
    with pytest.raises(SegueError, match=r"prefixes\.tsv, which holds something else"):
        hold_back(path, folder)
    assert not (folder / "train.txt").exists()
