"""`segue bench training`, small: what it measures is there, and it compares what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from infra import benches
from segue.errors import SegueError
from segue.home import Home
from trainers.benches.quickstart import Quickstart, feature_batches, id_batches
from trainers.benches.synthetic_log import synthetic_examples, zipf_tracks
from trainers.benches.training import BenchConfig, bench_training

TINY = BenchConfig(examples=3_000, heard=3, spells=2, steps=1, warm_up=1)


def test_the_table_names_everything_that_took_its_turn_and_the_chart_is_drawn(tmp_path: Path) -> None:
    outcome = bench_training(users=60, tracks=50, out=tmp_path / "cost.png", config=TINY)
    rows = {row["what"]: row for row in outcome.summary["rows"]}
    assert next(iter(rows)) == "segue"
    assert {"quickstart as documented", "quickstart, ids only, no metrics", "quickstart, our towers"} < set(rows)
    assert rows["segue"]["segue_is_times"] == 1.0
    assert all(row["segue_between"][0] <= row["segue_is_times"] <= row["segue_between"][1] for row in rows.values())
    assert {what for what, row in rows.items() if "ids_alone_is_times" in row} == {
        "segue, ids only",
        "quickstart, ids only, no metrics",
        "quickstart as documented",
    }
    peaks = list(outcome.summary["peak_gib"].values())
    assert peaks == sorted(peaks)
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
    assert outcome.summary["chart"] == str(tmp_path / "cost.png")


def test_the_chart_goes_where_those_of_other_benches_are_unless_told_otherwise(home: Home) -> None:
    outcome = bench_training(users=60, tracks=50, config=TINY)
    assert home.chart("training").read_bytes().startswith(b"\x89PNG")
    assert str(home.chart("training")) in outcome.text


def test_a_log_of_nobody_is_refused() -> None:
    with pytest.raises(SegueError, match="at least 10"):
        benches.run(name="training", users=1)


def test_popular_tracks_are_drawn_more_often_and_the_same_seed_draws_the_same() -> None:
    drawn = [zipf_tracks(np.random.default_rng(1), 10_000, 100) for _ in range(2)]
    counts = np.bincount(drawn[0], minlength=100)
    assert counts[0] > 5 * counts[50:].mean()
    np.testing.assert_array_equal(*drawn)


def test_both_sides_are_given_the_same_listens() -> None:
    examples = synthetic_examples(20, 30, 64, seed=1)
    ids, features = next(iter(id_batches(examples, 64))), next(iter(feature_batches(examples, 64)))
    assert ids["user_id"].numpy().tolist() == features["users"]["user_id"].numpy().tolist()
    assert ids["track_id"].numpy().tolist() == features["tracks"]["track_id"].numpy().tolist()


def test_the_quickstart_learns_which_is_why_it_is_a_measure() -> None:
    users = [f"u{n}" for n in range(8)]
    model = Quickstart(users, users, 8, metrics=False)
    ids = tf.data.Dataset.from_tensors({"user_id": tf.constant(users), "track_id": tf.constant(users)})
    losses = model.fit(ids.repeat(30), verbose=0, epochs=2).history["loss"]
    assert losses[1] < losses[0]
