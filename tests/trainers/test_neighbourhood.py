"""Smoothing over who heard what: the sums a hand would make, and what they are good for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from plain_examples import SMALL, fit, new_retriever

from trainers.interactions import Interactions
from trainers.layers.neighbourhood import Neighbourhood, pairs_matrix, spectral_start
from trainers.retriever.model import Retriever

USERS = np.array([0, 0, 1, 1], np.int32)  # user 0 heard tracks 0 and 1, user 1 track 1, twice
TRACKS = np.array([0, 1, 1, 1], np.int32)


def test_one_round_is_the_weighted_sum_of_the_neighbours() -> None:
    graph = Neighbourhood(USERS, TRACKS, 2, 3, rounds=1, receiver=0.5, sender=0.25)
    users, tracks = graph(tf.constant([[1.0], [10.0]]), tf.constant([[100.0], [1000.0], [7.0]]))
    from_tracks = 2**-0.5 * (100.0 * 1 + 1000.0 * 2**-0.25), 1000.0 * 2**-0.25
    np.testing.assert_allclose(users[:, 0], [(1 + from_tracks[0]) / 2, (10 + from_tracks[1]) / 2], rtol=1e-6)
    from_users = 1.0 * 2**-0.25, 2**-0.5 * (1.0 * 2**-0.25 + 10.0)
    np.testing.assert_allclose(tracks[:, 0], [(100 + from_users[0]) / 2, (1000 + from_users[1]) / 2, 3.5], rtol=1e-6)


def test_the_gradient_is_the_transposed_sum() -> None:
    """Smoothing S is linear, so the gradient of <w, S x> is what pairs with every y as w does with S y."""
    graph = Neighbourhood(USERS, TRACKS, 2, 3, rounds=2, receiver=0.5, sender=0.25)
    rng = np.random.default_rng(17)
    w, x, y = ([tf.constant(rng.normal(size=(n, 4)), tf.float32) for n in (2, 3)] for _ in range(3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        paired = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(w, graph(*x), strict=True)])
    gradient = tape.gradient(paired, x)
    back = sum(float(tf.reduce_sum(a * b)) for a, b in zip(gradient, y, strict=True))
    forth = sum(float(tf.reduce_sum(a * b)) for a, b in zip(w, graph(*y), strict=True))
    assert back == pytest.approx(forth, rel=1e-5)


def test_no_round_changes_nothing() -> None:
    users, tracks = Neighbourhood(USERS, TRACKS, 2, 2, rounds=0, receiver=0.5, sender=0.3)(
        tf.ones((2, 3)), 2 * tf.ones((2, 3))
    )
    assert users.numpy().tolist() == [[1.0] * 3] * 2
    assert tracks.numpy().tolist() == [[2.0] * 3] * 2


def test_the_spectral_start_tells_two_circles_apart_and_is_the_same_each_time() -> None:
    small, large = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[2, 2], [2, 3], [3, 2], [3, 3], [4, 2], [4, 3]])
    heard = pairs_matrix(*np.concatenate([small, large]).T, 5, 5)
    users, tracks = spectral_start(heard, 2, seed=17)
    scores = users @ tracks.T
    assert (scores[:2, :2] > 0.3).all()
    assert (scores[2:, 2:4] > 0.3).all()
    np.testing.assert_allclose(scores[:2, 2:4], 0, atol=1e-6)
    np.testing.assert_allclose(tracks[4], 0)  # heard by nobody
    np.testing.assert_array_equal(tracks, spectral_start(heard, 2, seed=17)[1])


def test_more_dimensions_than_there_are_are_left_at_zero() -> None:
    _, tracks = spectral_start(pairs_matrix(USERS, TRACKS, 2, 3), 8, seed=17)
    assert tracks.shape == (3, 8)
    assert np.isfinite(tracks).all()


def _circles() -> Interactions:
    """Two circles of listeners; each user heard a third of the circle's tracks."""
    rng = np.random.default_rng(17)
    users = np.repeat(np.arange(60), 5)
    tracks = np.concatenate([rng.choice(np.arange(user % 2, 30, 2), 5, replace=False) for user in range(60)])
    return Interactions(users, tracks, np.ones(len(users), np.float32), 60, 30)


def _circle_share(retriever: Retriever) -> float:
    users, tracks = (table.numpy()[2:] for table in (retriever.query_tower.user_table, retriever.track_tower.track_table))
    best = np.argsort(-(users @ tracks.T), axis=1)[:, :10]
    return float(np.mean(best % 2 == np.arange(60)[:, None] % 2))


def test_the_served_tables_are_smoothed_and_training_goes_on_from_the_raw_ones() -> None:
    config = replace(SMALL, smoothing_rounds=2, spectral_start=True, table_optimizer="adam", table_rate=1e-3, fewest_steps=20)
    retriever = new_retriever(60, 30, config)
    fit(retriever, _circles())
    assert _circle_share(retriever) > 0.95
    served = retriever.track_tower.track_table.numpy()
    np.testing.assert_array_equal(retriever.id_tables.used()[1], served)  # nothing is smoothed twice
    retriever.id_tables.resume()
    assert not np.allclose(retriever.track_tower.track_table, served)
    np.testing.assert_allclose(retriever.id_tables.used()[1], served, rtol=1e-6)
    fit(retriever, _circles())
    assert _circle_share(retriever) > 0.95


def test_several_batches_a_step_learn_the_circles_too() -> None:
    config = replace(
        SMALL, smoothing_rounds=2, table_optimizer="adam", table_rate=1e-2, fewest_steps=20, batch=64, batches_per_step=3
    )
    retriever = new_retriever(60, 30, config)
    fit(retriever, _circles())
    assert _circle_share(retriever) > 0.9


@pytest.mark.parametrize("rounds", [0, 2])
def test_a_neighbourhood_is_met_only_when_asked_for(rounds: int) -> None:
    retriever = new_retriever(60, 30, replace(SMALL, smoothing_rounds=rounds, fewest_steps=5))
    fit(retriever, _circles())
    assert (retriever.id_tables.neighbourhood is not None) is bool(rounds)
