"""The layers saved in the models: nothing that comes in as missing or unknown comes out as NaN or as somebody else."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from segue.ranker.crosses import WIDTH
from trainers.layers.crosses import crosses, share_of
from trainers.layers.heard import HeardPairs
from trainers.layers.numbers import LARGEST, Numbers, NumberSpec
from trainers.layers.ridge import ridge
from trainers.layers.vocabulary import Vocabulary


def test_a_vocabulary_tells_missing_from_unknown_from_known() -> None:
    vocabulary = Vocabulary(["rock", "jazz", "", None, "rock"])
    assert vocabulary(tf.constant([["", "polka"], ["jazz", "rock"]])).numpy().tolist() == [[0, 1], [2, 3]]
    assert vocabulary.size == 4


def test_an_empty_vocabulary_knows_nothing_and_does_not_fail() -> None:
    assert Vocabulary([])(tf.constant(["", "rock"])).numpy().tolist() == [0, 1]


def test_numbers_are_normalised_over_the_rows_they_were_adapted_to() -> None:
    layer = Numbers([NumberSpec("tempo"), NumberSpec("plays", log=True)])
    rows = np.array([[100.0, 0.0], [120.0, np.e - 1], [140.0, np.e**2 - 1]], np.float32)
    layer.adapt(rows)
    out = layer(tf.constant(rows)).numpy()
    np.testing.assert_allclose(out[:, :2].mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(out[:, 0], out[:, 1], atol=1e-5)


def test_a_missing_number_is_the_mean_beside_an_indicator() -> None:
    layer = Numbers([NumberSpec("tempo")])
    layer.adapt(np.array([[100.0], [140.0]], np.float32))
    assert layer(tf.constant([[np.nan]])).numpy().tolist() == [[0.0, 1.0]]


def test_a_column_without_any_value_gives_zero_whatever_arrives_later() -> None:
    layer = Numbers([NumberSpec("tempo"), NumberSpec("energy")])
    layer.adapt(np.array([[np.nan, 0.5], [np.nan, 0.5]], np.float32))
    out = layer(tf.constant([[123.0, 9.0], [np.inf, np.nan]])).numpy()
    assert np.isfinite(out).all()
    assert (out[:, :2] == 0).all()


def test_an_absurd_number_is_cut() -> None:
    layer = Numbers([NumberSpec("tempo")])
    layer.adapt(np.array([[100.0], [140.0]], np.float32))
    assert layer(tf.constant([[1e30]])).numpy()[0, 0] == LARGEST


def _pairs(n_users: int, n_tracks: int) -> HeardPairs:
    return HeardPairs(np.array([2, 5], np.int32), np.array([3, 9], np.int32), n_users, n_tracks)


def test_heard_pairs_are_told_from_all_others() -> None:
    heard = _pairs(8, 10)(tf.range(8), tf.range(10)).numpy()
    assert np.argwhere(heard).tolist() == [[2, 3], [5, 9]]


def test_heard_pairs_are_exact_on_a_huge_platform_and_where_a_batch_repeats_itself() -> None:
    pairs = _pairs(1_000_000, 10_000_000)
    heard = pairs(tf.constant([2, 5, 6, 2]), tf.constant([9, 3, 9])).numpy()
    assert heard.tolist() == [[False, True, False], [True, False, True], [False] * 3, [False, True, False]]


def test_heard_pairs_of_nobody_are_none() -> None:
    none = np.empty(0, np.int32)
    assert not HeardPairs(none, none, 4, 5)(tf.range(4), tf.range(5)).numpy().any()


def test_a_share_counts_known_names_only() -> None:
    names, shares = tf.constant([[2, 3, 0, 1]]), tf.constant([[0.5, 0.25, 0.9, 0.9]])
    np.testing.assert_allclose(share_of(tf.constant([[2, 3, 4, 0, 1]]), names, shares).numpy(), [[0.5, 0.25, 0, 0, 0]])


def test_crosses_of_nothing_known_are_zero() -> None:
    user = {
        "artists": tf.zeros((1, 20), tf.int32),
        "artist_shares": tf.zeros((1, 20)),
        "genres": tf.zeros((1, 8), tf.int32),
        "genre_shares": tf.zeros((1, 8)),
        "recent_artists": tf.zeros((1, 50), tf.int32),
        "audio": tf.constant([[0.0, 0.0, 1.0, 1.0]]),
        "factor": tf.zeros((1, 8)),
        "liking": tf.zeros((1, 8)),
    }
    nothing = {"artist": tf.zeros((1, 3), tf.int32), "genre": tf.zeros((1, 3), tf.int32), "audio": tf.zeros((1, 3, 4))}
    none = tf.zeros((1, 3))
    track = nothing | {"artist_tracks": none, "factor": tf.zeros((1, 3, 8)), "length": none + 1.0, "received": none}
    out = crosses(user, track, tf.fill((1, 3, 2), np.nan)).numpy()
    assert out.shape == (1, 3, WIDTH)
    assert (out == 0).all()


def test_ridge_gives_the_weights_that_numpy_finds_and_leaves_out_what_does_not_count() -> None:
    rng = np.random.default_rng(5)
    rows, answers = rng.normal(size=(2, 6, 3)).astype(np.float32), rng.normal(size=(2, 6)).astype(np.float32)
    counts = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]], np.float32)
    found = ridge(tf.constant(rows), tf.constant(answers), tf.constant(counts), 2.0).numpy()
    for n, used in enumerate((6, 2)):
        x, y = rows[n, :used], answers[n, :used]
        np.testing.assert_allclose(found[n], np.linalg.solve(x.T @ x + 2 * np.eye(3), x.T @ y), atol=1e-5)


def test_ridge_of_no_answers_is_nothing() -> None:
    assert not ridge(tf.ones((1, 4, 3)), tf.ones((1, 4)), tf.zeros((1, 4)), 1.0).numpy().any()
