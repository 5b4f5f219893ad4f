"""What a release keeps of radio answers as the models it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

from segue.errors import SegueError
from trainers.interactions import NOTHING
from trainers.sessions import next_blend
from trainers.sessions.config import SessionConfig
from trainers.sessions.next_blend import Lists, asked, learned_order, places_of, taught
from trainers.sessions.next_order import NextOrder, OrderConfig, about_tracks
from trainers.sessions.next_track import NO_PLACE
from trainers.sessions.radio import models_of
from trainers.sessions.radio_network import RadioNetwork, Table
from trainers.sessions.session_lists import Sessions
from trainers.sessions.shared_sessions import SharedSessions

TRACKS = 15
CONFIG = SessionConfig(dimensions=8, sampled=8, uniform=8, passes=1)
PREFIXES = Sessions.of([[3], [3, 4], [5, 6, 5, 6, 2], [14, 0, 0], list(range(15)) * 2, []])


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    rng = np.random.default_rng(17)
    steps = (rng.integers(1, 3, size=rng.integers(2, 8)).cumsum() for _ in range(150))
    return Sessions.of([((int(rng.integers(TRACKS)) + walk) % TRACKS).tolist() for walk in steps])


def test_the_saved_network_orders_as_the_models_it_was_made_of(sessions: Sessions, tmp_path: Path) -> None:
    models, shared = models_of(sessions, TRACKS, CONFIG, seed=17), SharedSessions().fit(sessions, TRACKS)
    prefixes, answers = sessions.some(100, 150).prefixes()
    config = OrderConfig(candidates=6)
    order = learned_order(models, sessions, prefixes, answers, TRACKS, config, seed=17).order
    RadioNetwork(models, shared, order).save(tmp_path / "sessions")
    short = Sessions.of([row[row > NOTHING].tolist() for row in PREFIXES.padded(config.length)])
    ((_, some),) = asked(models, shared, short, config.length)
    loaded = tf.saved_model.load(str(tmp_path / "sessions"))
    found = loaded.next(tf.constant(some.tracks)).numpy()
    np.testing.assert_allclose(found[:-1], order(*some.tensors()).numpy()[:-1], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found[:-1].sum(axis=1), 1.0, rtol=1e-4)
    assert not found[-1].any(), "nothing is known of an empty session"


def test_rows_of_a_table_are_summed_by_their_weights() -> None:
    table = Table(sp.csr_matrix(np.array([[1, 0, 2], [0, 0, 0], [0, 3, 0]], np.float32)))
    found = table.summed(tf.constant([[0, 2], [1, -1]], tf.int64), tf.constant([[2.0, 1.0], [1.0, 0.0]])).numpy()
    assert found.tolist() == [[2, 3, 4], [0, 0, 0]]


def test_an_order_that_nothing_taught_is_the_weighted_sum(sessions: Sessions) -> None:
    models, shared = models_of(sessions, TRACKS, CONFIG, seed=17), SharedSessions().fit(sessions, TRACKS)
    order = NextOrder(OrderConfig(candidates=TRACKS), about_tracks(sessions, TRACKS))
    ((_, some),) = asked(models, shared, Sessions.of([[3, 4]]), order.config.length)
    weighted = sum(weight * of[0] for weight, of in zip(order.config.weights, some.scores, strict=True))
    assert order(*some.tensors()).numpy()[0].argsort()[::-1].tolist() == weighted.argsort()[::-1].tolist()


def test_an_order_learns_whom_to_believe() -> None:
    """One model is right and weighs nothing in the sum the order begins at; the others know nothing."""
    rng = np.random.default_rng(17)
    answers = rng.integers(0, TRACKS, 600)
    prefixes = Sessions.of([[int(track)] for track in (answers - 1) % TRACKS])

    class Right:
        config: object = None

        def fit(self, sessions: Sessions, n_tracks: int) -> Self:
            return self

        def scores(self, prefixes: Sessions) -> np.ndarray:
            return np.eye(TRACKS, dtype=np.float32)[(prefixes.tracks + 1) % TRACKS] * 0.5 + np.float32(0.5 / TRACKS)

    class Wrong(Right):
        def scores(self, prefixes: Sessions) -> np.ndarray:
            found = np.random.default_rng(int(prefixes.tracks[0])).random((len(prefixes), TRACKS)).astype(np.float32)
            return found / found.sum(axis=1, keepdims=True)

    config = OrderConfig(candidates=TRACKS, weights=(1.0, 0.0))
    learned = learned_order({"wrong": Wrong(), "right": Right()}, prefixes, prefixes, answers, TRACKS, config, seed=17)
    assert np.mean(learned.by_model["wrong"] == 1) < 0.2
    assert np.mean(learned.together == 1) > 0.9


ABOUT = np.zeros((TRACKS, 4), np.float32)


def made_up_lists(order: NextOrder, count: int = 6) -> Lists:
    """Five candidates of each prefix, the third of which is the answer."""
    rng = np.random.default_rng(17)
    numbers = rng.normal(size=(count, 5, len(order.mean.numpy()))).astype(np.float32)
    return Lists(np.ones((count, 5), bool), numbers, rng.normal(size=(count, 5)).astype(np.float32), np.full(count, 2))


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -float("inf")])
def test_an_order_whose_only_step_breaks_it_is_refused(rate: float) -> None:
    """The loss of the step is of the weights before it, so it tells nothing."""
    config = OrderConfig(rate=rate, passes=1)
    with pytest.raises(SegueError, match="weights that are not finite"):
        taught(config, ABOUT, made_up_lists(NextOrder(config, ABOUT)), seed=17)


def test_an_order_whose_loss_grows_beyond_numbers_is_refused() -> None:
    config = OrderConfig(rate=1e30, passes=8)
    with pytest.raises(SegueError, match="stay finite"):
        taught(config, ABOUT, made_up_lists(NextOrder(config, ABOUT)), seed=17)


def test_an_order_whose_loss_is_no_number_is_refused_whatever_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_blend, "_step", lambda *_: lambda *_: float("nan"))
    with pytest.raises(SegueError, match="a loss of nan in the last step and weights that are finite"):
        taught(OrderConfig(passes=1), ABOUT, made_up_lists(NextOrder(OrderConfig(), ABOUT)), seed=17)


def test_an_order_that_learned_as_it_should_is_not_refused() -> None:
    config = OrderConfig(passes=2)
    lists = made_up_lists(NextOrder(config, ABOUT))
    assert places_of(taught(config, ABOUT, lists, seed=17), lists).max() <= 5


def test_an_answer_whose_value_is_no_number_has_no_place() -> None:
    order = NextOrder(OrderConfig(), ABOUT)
    lists = made_up_lists(order, 3)
    lists.start[0] = np.nan  # of every candidate
    lists.start[1] = [4.0, np.nan, 3.0, np.nan, 2.0]  # of two of those that are not the answer
    lists.start[2] = [4.0, 5.0, 3.0, 6.0, 2.0]
    assert places_of(order, lists).tolist() == [NO_PLACE, 4, 4]


def test_a_radio_that_answers_with_no_number_is_refused(sessions: Sessions) -> None:
    models, shared = models_of(sessions, TRACKS, CONFIG, seed=17), SharedSessions().fit(sessions, TRACKS)
    network = RadioNetwork(models, shared, NextOrder(OrderConfig(candidates=6), about_tracks(sessions, TRACKS)))
    network.require_finite(PREFIXES)
    network.order.layers[-1].bias.assign([float("nan")])
    with pytest.raises(SegueError, match="5 of 6 answers"):  # the empty session has none to give
        network.require_finite(PREFIXES)
