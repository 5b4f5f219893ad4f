"""`segue bench retrieval` on data with a known answer, and on data there is little to say about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import benches
from segue.errors import SegueError
from trainers.benches.ids_only_settings import FEW as FEW_PAIRS
from trainers.benches.ids_only_settings import MANY, MANY_PAIRS, measured_for
from trainers.benches.item_lists import Numbers, read_item_lists

FEW = '{"dimensions": 8, "hidden": 8, "batch": 64, "passes": 4}'
USERS, ITEMS = 40, 30


def two_circles(folder: Path, *, hidden: int = 2) -> tuple[Path, Path]:
    """Even users know even items, odd users odd ones: train and valid files, `hidden` items of each user in the latter."""
    rng = np.random.default_rng(17)
    train, valid = folder / "train.txt", folder / "valid.txt"
    kept, held = [], []
    for user in range(USERS):
        items = rng.permutation(np.arange(user % 2, ITEMS, 2))[: 8 + hidden]
        kept.append(" ".join(map(str, [user, *items[hidden:]])))
        held.append(" ".join(map(str, [user, *items[:hidden]])))
    train.write_text("\n".join(kept) + "\n")
    valid.write_text("\n".join(held) + "\n")
    return train, valid


def run(folder: Path, train: Path, **options: Any) -> tuple[dict[str, Any], dict[int, list[int]]]:
    out = folder / "recs.tsv"
    outcome = benches.run(name="retrieval", train=train, out=out, **({"k": 5, "config": FEW} | options))
    lines = [line.split("\t") for line in out.read_text().splitlines()]
    return outcome.summary, {int(user): [int(item) for item in items.split()] for user, items in lines}


def test_users_get_unseen_items_of_their_own_circle(tmp_path: Path) -> None:
    train, valid = two_circles(tmp_path)
    summary, lists = run(tmp_path, train, valid=valid)
    heard = read_item_lists(train)
    seen = set(zip(heard.users.tolist(), heard.items.tolist(), strict=True))
    assert sorted(lists) == list(range(USERS))
    assert all(len(set(items)) == 5 and not {(user, item) for item in items} & seen for user, items in lists.items())
    own = np.mean([item % 2 == user % 2 for user, items in lists.items() for item in items[:3]])
    assert own > 0.95
    ours, *others = summary["valid"]
    assert ours["ndcg"] > 0.3
    assert ours["ndcg_low"] <= ours["ndcg"] <= ours["ndcg_high"]
    assert ours["ours_better"] is None
    assert {row["ours_better"] for row in others} <= {"yes", "unsure", "no, worse"}
    assert summary["chart"] == str(tmp_path / "recs.tsv.png")
    assert (tmp_path / "recs.tsv.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_files_give_the_same_lists_and_refit_learns_the_validation_part_too(tmp_path: Path) -> None:
    train, valid = two_circles(tmp_path)
    _, first = run(tmp_path, train, valid=valid, refit=True)
    _, second = run(tmp_path, train, valid=valid, refit=True)
    assert first == second
    held = read_item_lists(valid)
    hidden = set(zip(held.users.tolist(), held.items.tolist(), strict=True))
    assert not {(user, item) for user, items in first.items() for item in items} & hidden


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("0 1 2 3\n", [0]),
        ("0 0\n1 0\n", [0, 1]),
        ("0 1\n1 1 2\n2 2 3 4\n", [0, 1, 2]),
        ("0 5 5 5\n3 5 6\n4\n", [0, 3]),
    ],
    ids=["one user", "one item", "a history of one track", "repetitions, gaps and a user without items"],
)
def test_little_data_gives_valid_lists(tmp_path: Path, text: str, users: list[int]) -> None:
    train = tmp_path / "train.txt"
    train.write_text(text)
    heard = read_item_lists(train)
    _, lists = run(tmp_path, train)
    assert sorted(lists) == users
    seen = set(zip(heard.users.tolist(), heard.items.tolist(), strict=True))
    assert not {(user, item) for user, items in lists.items() for item in items} & seen


@pytest.mark.parametrize(
    ("text", "held"),
    [("0 1 2 3\n", "0 1\n"), ("0 0\n1 0\n", "7 9\n"), ("0 1\n1 1 2\n2 2 3 4\n", "0 4\n1 9\n")],
    ids=["one user, nothing new", "one item, a user of their own", "a history of one track, an item never seen"],
)
def test_little_data_can_be_chosen_by_and_learned_again(tmp_path: Path, text: str, held: str) -> None:
    train, valid = tmp_path / "train.txt", tmp_path / "valid.txt"
    train.write_text(text)
    valid.write_text(held)
    summary, lists = run(tmp_path, train, valid=valid, refit=True)
    assert all(np.isfinite([row["ndcg"], row["recall"]]).all() for row in summary["valid"])
    known = read_item_lists(train) + read_item_lists(valid)
    seen = set(zip(known.users.tolist(), known.items.tolist(), strict=True))
    assert sorted(lists) == np.unique(known.users).tolist()
    assert not {(user, item) for user, items in lists.items() for item in items} & seen


def test_without_a_validation_part_the_settings_say_when_to_stop_and_two_files_may_be_one(tmp_path: Path) -> None:
    train, valid = two_circles(tmp_path)
    both = tmp_path / "both.txt"
    both.write_text(train.read_text() + valid.read_text())
    summary, lists = run(tmp_path, both, config=FEW.replace("}", ', "popularity_exponent": 0.07}'))
    assert (summary["passes"], summary["popularity_exponent"]) == (4, 0.07)
    assert summary["valid"] == []
    assert (tmp_path / "recs.tsv.png").read_bytes().startswith(b"\x89PNG")
    held = read_item_lists(valid)
    hidden = set(zip(held.users.tolist(), held.items.tolist(), strict=True))
    assert sorted(lists) == list(range(USERS))
    assert not {(user, item) for user, items in lists.items() for item in items} & hidden


@pytest.mark.parametrize("chosen", [True, False], ids=["with a validation part", "without one"])
def test_every_pass_is_in_the_table_with_its_loss_and_seconds(tmp_path: Path, *, chosen: bool) -> None:
    train, valid = two_circles(tmp_path)
    given = {"valid": valid} if chosen else {}
    outcome = benches.run(name="retrieval", train=train, out=tmp_path / "recs.tsv", k=5, config=FEW, **given)
    passes, told = outcome.summary["each_pass"], outcome.text.split("\n\n")[0].splitlines()
    assert [one["number"] for one in passes] == [int(line.split()[0]) for line in told[2:]] == [1, 2, 3, 4]
    assert passes[-1]["loss"] < passes[0]["loss"]
    assert f"{passes[-1]['loss']:.4f}" in told[-1]
    assert all(one["seconds"] >= 0 for one in passes)
    asked = [one["number"] for one in passes if one["ndcg"] is not None]  # every second pass is asked
    assert asked == ([2, 4] if chosen else [])
    assert ("NDCG@5" in told[0]) is chosen


def test_what_is_learned_again_with_the_validation_part_has_a_table_of_its_own(tmp_path: Path) -> None:
    train, valid = two_circles(tmp_path)
    outcome = benches.run(name="retrieval", train=train, valid=valid, out=tmp_path / "r.tsv", k=5, config=FEW, refit=True)
    again = next(part for part in outcome.text.split("\n\n") if part.startswith("again with the validation part"))
    assert len(again.splitlines()) == 2 + outcome.summary["passes"]


def test_an_item_only_the_validation_part_has_is_no_trouble(tmp_path: Path) -> None:
    train, valid = two_circles(tmp_path)
    valid.write_text(f"0 {ITEMS + 5}\n1 1\n")
    summary, lists = run(tmp_path, train, valid=valid)
    assert np.isfinite([row["ndcg"] for row in summary["valid"]]).all()
    assert len(lists) == USERS


def test_any_numbers_will_do_and_only_items_of_the_files_are_recommended(tmp_path: Path) -> None:
    """A user or an item may have any number, and what lies between two numbers is neither."""
    train, valid = two_circles(tmp_path)
    _, plain = run(tmp_path, train, valid=valid, refit=True)
    for path in (train, valid):
        lines = [[int(word) for word in line.split()] for line in path.read_text().splitlines()]
        path.write_text("".join(" ".join(map(str, _spread(line))) + "\n" for line in lines))
    _, lists = run(tmp_path, train, valid=valid, refit=True)
    assert lists == {_spread([user])[0]: _spread([user, *items])[1:] for user, items in plain.items()}


def _spread(line: list[int]) -> list[int]:
    user, *items = line
    return [10**17 + 7 * user, *(10**9 * item + 5 for item in items)]


def test_files_that_leave_no_number_out_keep_their_numbers(tmp_path: Path) -> None:
    """What was measured on a public split is measured again: no row has moved."""
    train, valid = two_circles(tmp_path)
    heard, every = read_item_lists(train), read_item_lists(train) + read_item_lists(valid)
    numbers = Numbers.of(every)
    assert numbers.users.tolist() == [*range(USERS)]
    assert numbers.items.tolist() == [*range(ITEMS)]
    found = numbers.interactions(heard)
    np.testing.assert_array_equal([found.users, found.tracks], [heard.users, heard.items])
    assert (found.n_users, found.n_tracks, found.users.dtype) == (USERS, ITEMS, np.int64)


def test_users_and_items_only_the_validation_part_has_keep_their_numbers(tmp_path: Path) -> None:
    train, valid = tmp_path / "train.txt", tmp_path / "valid.txt"
    train.write_text("5 10 20\n70 20 30\n")
    valid.write_text("900 10 4000\n5 30\n")
    _, before = run(tmp_path, train, valid=valid)
    assert sorted(before) == [5, 70]
    assert {item for items in before.values() for item in items} <= {10, 20, 30, 4000}
    _, after = run(tmp_path, train, valid=valid, refit=True)
    assert {user: sorted(items) for user, items in after.items()} == {5: [4000], 70: [10, 4000], 900: [20, 30]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 1\n1 x\n", "whole numbers `user item item ...` of at most 18 digits in line 2 of train.txt"),
        ("0 1\n0 99999999999999999999\n", "18 digits in line 2 of train.txt, received '0 99999999999999999999'"),
        ("9999999999999999999 1\n", "18 digits in line 1"),
        ("0 -1\n", "whole numbers"),
        ("", "a user with an item in train.txt"),
        ("7\n", "a user with an item"),
    ],
)
def test_a_file_of_another_shape_is_refused_and_nothing_written(tmp_path: Path, text: str, sentence: str) -> None:
    train = tmp_path / "train.txt"
    train.write_text(text)
    with pytest.raises(SegueError, match=sentence):
        run(tmp_path, train)
    assert not (tmp_path / "recs.tsv").exists()


def test_many_pairs_get_the_settings_of_the_larger_public_split() -> None:
    assert measured_for(MANY_PAIRS) is MANY
    assert measured_for(MANY_PAIRS - 1) is FEW_PAIRS


def test_a_training_that_diverges_stops_with_a_sentence_and_writes_nothing(tmp_path: Path) -> None:
    train, _ = two_circles(tmp_path)
    with pytest.raises(SegueError, match="stay finite"):
        run(tmp_path, train, config='{"dimensions": 8, "batch": 64, "passes": 4, "rate": 1e38, "table_rate": 1e38}')
    assert not (tmp_path / "recs.tsv").exists()
