"""`segue bench next` on a circle of items, and on files there is little to say about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import benches
from segue.errors import SegueError
from trainers.benches import next_radio
from trainers.benches.given_settings import with_settings
from trainers.benches.next_track import NextConfig
from trainers.sessions.gru import SessionModel
from trainers.sessions.next_track import NO_PLACE
from trainers.sessions.session_lists import Sessions

FEW = '{"dimensions": 16, "plays": 100, "sampled": 16, "uniform": 16, "passes": 3, "rate": 0.01, "table_rate": 0.02}'
ITEMS = 12


def circle(folder: Path, count: int = 120) -> Path:
    """Sessions around a circle of items 0, 10, 20, ...; an item may be any number."""
    rng = np.random.default_rng(17)
    walks = [(at + np.arange(rng.integers(2, 9))) % ITEMS * 10 for at in rng.integers(0, ITEMS, count)]
    path = folder / "sessions.txt"
    path.write_text("".join(" ".join(map(str, walk)) + "\n" for walk in walks))
    return path


def run(folder: Path, train: Path, **options: Any) -> tuple[dict[str, Any], list[list[int]]]:
    out = folder / "recs.txt"
    outcome = benches.run(name="next", train=train, out=out, **({"k": 3, "config": FEW} | options))
    return outcome.summary, [[int(item) for item in line.split()] for line in out.read_text().splitlines()]


def test_a_carve_out_is_answered(tmp_path: Path) -> None:
    folder = tmp_path / "held"
    summary, lists = run(tmp_path, circle(tmp_path), carve_out=folder)
    answers = [int(line.rpartition("\t")[2]) for line in (folder / "prefixes.tsv").read_text().splitlines()]
    assert len(lists) == len(answers)
    assert all(len(set(items)) == 3 for items in lists)
    assert len((tmp_path / "recs.session-kNN.txt").read_text().splitlines()) == len(answers)
    assert np.mean([items[0] == answer for items, answer in zip(lists, answers, strict=True)]) > 0.7
    assert all(row["mrr_low"] <= row["mrr"] <= row["mrr_high"] for row in summary["valid"])
    assert Path(summary["chart"]).read_bytes().startswith(b"\x89PNG")
    assert [row["model"] for row in summary["valid"]] == [
        "session model",
        "session-kNN",
        "item-kNN",
        "sequential rules",
        "blend",
    ]


def test_an_answer_after_the_tab_is_not_read_and_unknown_items_get_the_popular(tmp_path: Path) -> None:
    train, asked = tmp_path / "train.txt", tmp_path / "prefixes.tsv"
    train.write_text("5 6 7 6 6\n")
    asked.write_text("5 6\t7\n5 6\t6\n5 6\n999 998\t5\n\t5\n")
    _, lists = run(tmp_path, train, prefixes=asked)
    assert lists[0] == lists[1] == lists[2]
    assert lists[3] == lists[4] == [6, 5, 7]


def test_one_item_played_again_and_again_is_all_there_is_to_answer(tmp_path: Path) -> None:
    train, asked = tmp_path / "train.txt", tmp_path / "prefixes.tsv"
    train.write_text("7 7\n")
    asked.write_text("7\n8 9\n")
    assert run(tmp_path, train, prefixes=asked)[1] == [[7], [7]]


def test_a_bench_without_prefixes_or_with_both_says_what_it_takes(tmp_path: Path) -> None:
    train = circle(tmp_path)
    with pytest.raises(SegueError, match="neither"):
        run(tmp_path, train)
    with pytest.raises(SegueError, match="both"):
        run(tmp_path, train, prefixes=train, carve_out=tmp_path)


def test_a_word_among_the_prefixes_is_named_with_its_line(tmp_path: Path) -> None:
    asked = tmp_path / "prefixes.tsv"
    asked.write_text("0 10\nzero\n")
    with pytest.raises(SegueError, match="line 2 of prefixes"):
        run(tmp_path, circle(tmp_path), prefixes=asked)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ('{"passes": 0}', "passes 0 .*greater than or equal to 1"),
        ('{"passes": 2.5}', "passes 2.5"),
        ('{"dropout": 1.5}', "dropout 1.5 .*less than 1"),
        ('{"dropout": 1}', "dropout 1 .*less than 1"),
        ('{"dropout": NaN}', "dropout nan"),
        ('{"length": 0}', "length 0"),
        ('{"rate": -5}', "rate -5 .*greater than 0"),
        ('{"table_rate": Infinity}', "table_rate inf"),
        ('{"sampled": 0}', "sampled 0"),
        ('{"uniform": -1}', "uniform -1"),
        ('{"plays": 0}', "plays 0"),
        ('{"dimensions": true}', "dimensions True"),
        ('{"spectral": 1}', "spectral 1"),
        ('{"epochs": 3}', "no setting epochs"),
    ],
)
def test_settings_out_of_their_bounds_are_refused_before_a_file_is_read(tmp_path: Path, config: str, sentence: str) -> None:
    with pytest.raises(SegueError, match="--config as a JSON object") as refused:
        run(tmp_path, tmp_path / "gone.txt", prefixes=tmp_path / "gone.txt", config=config)
    assert re.search(sentence, str(refused.value))


def test_the_least_that_may_be_set_still_trains() -> None:
    least = (
        '{"dimensions": 1, "length": 1, "dropout": 0, "plays": 1, "fewest_steps": 1, "sampled": 1, "uniform": 0, "passes": 1}'
    )
    sessions = Sessions.of([[0, 1, 2], [1, 2], [2, 0, 1]])
    model = SessionModel(with_settings(NextConfig(), least)).fit(sessions, 3)
    np.testing.assert_allclose(model.scores(Sessions.of([[0], [1, 2]])).sum(axis=1), 1.0, rtol=1e-5)


def test_radio_of_a_release_is_asked_beside_the_bench_when_it_is_wanted(tmp_path: Path) -> None:
    """With its own settings, whatever `--config` says of the bench's model; lists and a row of the table."""
    folder = tmp_path / "held"
    summary, _ = run(tmp_path, circle(tmp_path), carve_out=folder, released=True)
    assert [row["model"] for row in summary["valid"]][-2:] == ["radio of a release", "blend"]
    answers = [int(line.rpartition("\t")[2]) for line in (folder / "prefixes.tsv").read_text().splitlines()]
    lists = [list(map(int, line.split())) for line in (tmp_path / "recs.radio-of-a-release.txt").read_text().splitlines()]
    assert np.mean([items[0] == answer for items, answer in zip(lists, answers, strict=True)]) > 0.7


def test_without_being_asked_for_it_no_radio_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_radio, "radio_of", lambda *_, **__: pytest.fail("nobody asked for the radio of a release"))
    summary, _ = run(tmp_path, circle(tmp_path), carve_out=tmp_path / "held")
    assert "radio of a release" not in {row["model"] for row in summary["valid"]}
    assert not (tmp_path / "recs.radio-of-a-release.txt").exists()


def test_a_release_without_a_session_of_two_plays_answers_with_the_popular() -> None:
    radio = next_radio.ReleasedRadio(Sessions.of([[0], [1], [1]]), 2, seed=17)
    asked = Sessions.of([[0]])
    assert radio.likeliest(asked, np.array([1.0, 2.0], np.float32), 2)[0].tolist() == [1, 0]
    assert radio.places(asked, np.array([1])) == [NO_PLACE]
