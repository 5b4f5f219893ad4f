"""Co-listening factors and a listener folded in among them, worked out by hand; with next to nothing, still numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from plain_examples import rows
from ranker_suite import catalogue, inputs

from trainers.inputs import RANKER_TRACKS, arrays, constants
from trainers.layers.crosses import count_of
from trainers.layers.fold_in import FoldIn
from trainers.ranker.companions import CompanionConfig, track_factors
from trainers.ranker.reception import Reception

CUTOFF = datetime(2026, 11, 2, tzinfo=UTC)
SMALL = CompanionConfig(factors=4)


def _listens(*pairs: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["user_id", "track_id"])
    return frame.assign(event_timestamp=pd.Timestamp("2026-11-01", tz="UTC"), weight=1.0)


def test_a_listener_is_folded_in_where_least_squares_puts_them() -> None:
    fold_in = FoldIn(3, 1, confidence=1.0, regularization=1.0)
    fold_in.assign(tf.constant([[0.0], [0.0], [2.0]]))
    placed = fold_in(tf.constant([[2, 0], [0, 0]]), tf.constant([[1.0, 0.0], [0.0, 0.0]])).numpy()
    np.testing.assert_allclose(placed[:, 0], [(1 + 1) * 2 / (2 * 2 + 1 + 2 * 2), 0.0], atol=1e-6)


def test_tracks_with_the_same_listeners_lie_together() -> None:
    pairs = [(f"u{n}", track) for n in range(12) for track in (("a", "b") if n % 2 else ("c", "d"))]
    factors = track_factors(_listens(*pairs), np.array(list("abcd"), object), CUTOFF, SMALL, seed=17)
    likeness = factors @ factors.T
    assert likeness[0, 1] > 10 * abs(likeness[0, 2])
    assert likeness[2, 3] > 10 * abs(likeness[1, 3])


@pytest.mark.parametrize("pairs", [[], [("u", "a")], [("u", "a"), ("u", "a")], [("u", "unlisted")]])
def test_one_listener_one_track_or_none_at_all_give_numbers(pairs: list[tuple[str, str]]) -> None:
    factors = track_factors(_listens(*pairs), np.array(["a", "never"], object), CUTOFF, SMALL, seed=17)
    assert factors.shape == (2, 4)
    assert np.isfinite(factors).all()
    assert not factors[1].any()


def test_a_track_nobody_played_or_knows_lies_where_its_artist_does() -> None:
    made, frame = inputs(), catalogue().frame
    factors = np.zeros((len(frame), 4), np.float32)
    factors[[0, 2]] = [[1, 0, 0, 0], [0, 1, 0, 0]]
    plays = np.where(np.arange(len(frame)) == 4, np.nan, 6.0).astype(np.float32)
    made.know_tracks(factors, plays, Reception(1.0, np.zeros(len(frame), np.float32)))
    unknown = rows(RANKER_TRACKS, 1, track_id=["new"], artist_id=["a0"])
    read = made.read_tracks(constants(arrays(pd.concat([frame, unknown], ignore_index=True), RANKER_TRACKS)))
    np.testing.assert_allclose(read["factor"].numpy()[[0, 4, -1]], [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]])
    assert read["artist_tracks"].numpy()[[0, 1, -1]].tolist() == [9.0, 10.0, 9.0]
    assert not read["factor"].numpy()[1].any()


def test_an_artist_is_counted_among_recent_ones_and_an_unknown_one_never() -> None:
    recent = tf.sort(tf.constant([[5, 0, 3, 5, 1]]), axis=1)
    assert count_of(tf.constant([[5, 3, 4, 0, 1]]), recent).numpy().tolist() == [[2.0, 1.0, 0.0, 0.0, 0.0]]
