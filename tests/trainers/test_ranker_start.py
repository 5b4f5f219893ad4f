"""A ranker begins at a sum that holds on lists apart, and what network and trees add counts as far as it holds there too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ranker_suite import TRACKS, USERS, catalogue, inputs, lists, users

from segue.errors import SegueError
from trainers.ranker import inputs as ranker_inputs
from trainers.ranker import rows as ranker_rows
from trainers.ranker.ranking import adapt, level
from trainers.ranker.rows import starts
from trainers.ranker.start import StartConfig, Told, fit_start, fitted, loss
from trainers.ranker.weights import WeightsConfig, believed, held_apart

CONFIG = StartConfig()


def _told(weight: float, n: int = 200, seed: int = 3) -> Told:
    """Lists of 20 whose one success is drawn by `weight` times the first of ten numbers; the others say nothing."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 20, 10)).astype(np.float32)
    drawn = np.argmax(weight * numbers[..., 0] + rng.gumbel(size=(n, 20)), axis=1)
    return Told(numbers, np.zeros((n, 20), np.float32), np.eye(20)[drawn], np.ones((n, 20), bool))


def test_the_start_finds_the_artist_a_user_knows() -> None:
    made, begun = lists(), inputs()
    fit_start(begun, made, catalogue(), CONFIG, seed=17)
    found = starts(begun, made, catalogue())
    assert found[made.played].min() > found[~made.played].max()


KIND = np.arange(TRACKS) % 4
RELEASE, MIDDLING = KIND == 0, KIND == 2


def _start_of_releases() -> np.ndarray:
    """Where each track (tracks,) begins where everybody plays all releases and nothing else. Every fourth track is one, and
    the others are played little, middling and a lot."""
    plays = np.expm1(np.select([RELEASE, KIND == 1, MIDDLING], [np.nan, 1.0, 2.0], 3.0))
    heard = dict.fromkeys(("track_plays_7d", "track_plays_30d", "users_30d"), plays)
    tracks, begun = replace(catalogue(), frame=catalogue().frame.assign(**heard)), inputs()
    adapt(begun, users(), tracks.frame)
    made = lists(played=np.tile(RELEASE, (USERS, 1)))
    fit_start(begun, made, tracks, CONFIG, seed=17)
    return starts(begun, made, tracks).mean(axis=0)


def test_the_start_tells_a_release_from_a_track_of_middling_plays() -> None:
    found = _start_of_releases()
    assert found[RELEASE].min() > found[~RELEASE].max() + 1


def test_a_start_that_is_told_plays_alone_takes_a_release_for_a_track_of_middling_plays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = ranker_inputs.STARTING[:-1]
    for module in (ranker_inputs, ranker_rows):
        monkeypatch.setattr(module, "STARTING", told)
    found = _start_of_releases()
    assert found[RELEASE].min() < found[MIDDLING].max()


def test_a_start_that_was_not_fitted_is_the_retrievers_order() -> None:
    rng = np.random.default_rng(17)
    made = lists()
    made.scores[:] = rng.random((USERS, TRACKS))
    np.testing.assert_array_equal(np.argsort(-starts(inputs(), made, catalogue())), np.argsort(-made.scores))


def test_lists_that_nobody_liked_leave_the_retrievers_order() -> None:
    begun = inputs()
    fit_start(begun, lists(played=np.zeros((USERS, TRACKS), bool)), catalogue(), CONFIG, seed=17)
    assert not begun.common_start.numpy().any()
    assert float(begun.trust) == 1.0


def test_a_number_that_is_none_stops_the_start_with_a_sentence() -> None:
    begun = inputs()
    begun.artist_numbers.assign(np.full(begun.artist_numbers.shape, np.nan, np.float32))
    with pytest.raises(SegueError, match="absurd values"):
        fit_start(begun, lists(), catalogue(), CONFIG, seed=17)


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    told, weights = _told(1.0, n=5), np.linspace(0.2, 1.0, 11)
    slope = [(loss(weights + step, told)[0] - loss(weights - step, told)[0]) / 2e-3 for step in 1e-3 * np.eye(11)]
    np.testing.assert_allclose(loss(weights, told)[1], slope, atol=1e-2)


def test_what_the_lists_were_drawn_by_is_found_again() -> None:
    weights = fitted(_told(1.5, n=2_000), 1.0, 100)
    assert weights[1] == pytest.approx(1.5, abs=0.15)
    assert np.abs(weights[2:]).max() < 0.15


def test_a_ridge_without_end_keeps_the_retriever() -> None:
    np.testing.assert_allclose(fitted(_told(1.5), 1e9, 100), np.eye(11)[0], atol=1e-4)


def _believed(adds: np.ndarray) -> float:
    """The weight of a model that adds `adds` to the lists of the suite, whatever it learns from."""
    begun = np.zeros((USERS, TRACKS), np.float32)
    apart = held_apart(lists(), WeightsConfig(), seed=17)
    return believed([[adds[some] for some in apart]], apart, begun, lists(), WeightsConfig(ridge=1.0))[0]


def test_what_orders_lists_apart_is_believed_and_what_does_not_is_not() -> None:
    right = lists().played.astype(np.float32)
    assert _believed(right) == pytest.approx(1.0)
    assert _believed(-right) == 0.0
    assert _believed(np.random.default_rng(5).normal(size=right.shape).astype(np.float32)) < 0.2


def test_nothing_is_believed_where_nobody_liked_anything() -> None:
    nothing = lists(played=np.zeros((USERS, TRACKS), bool))
    adds = np.ones((USERS, TRACKS), np.float32)
    assert held_apart(nothing, WeightsConfig(), seed=17) == []
    assert believed([[]], [], adds, nothing, WeightsConfig()) == [0.0]


def test_a_level_makes_the_mean_probability_the_share_of_successes() -> None:
    logits = np.random.default_rng(7).normal(size=1_000).astype(np.float32)
    assert np.mean(1 / (1 + np.exp(-logits - level(logits, 0.03)))) == pytest.approx(0.03, abs=1e-4)
