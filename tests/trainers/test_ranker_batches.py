"""A pass over drawn tracks keeps what was played and shown, and on average says what all tracks say."""

from __future__ import annotations

import numpy as np
from ranker_suite import TRACKS, USERS, catalogue, inputs, lists

from trainers.ranker.batches import Batches, drawn
from trainers.ranker.rows import rows, starts


def test_what_was_played_or_shown_is_always_looked_at_and_counts_once() -> None:
    played, place = np.zeros((USERS, TRACKS), bool), np.zeros((USERS, TRACKS), np.int32)
    played[:, 3], place[:, 7] = True, 1
    draw = drawn(lists(played=played, place=place), 6, np.random.default_rng(3))
    assert draw.columns.shape == (USERS, 6)
    for column in (3, 7):
        at = draw.columns == column
        assert at.any(axis=1).all()
        assert (draw.weight[at] == 1).all()


def test_the_tracks_that_were_drawn_weigh_as_much_as_all_they_stand_for() -> None:
    played = np.zeros((USERS, TRACKS), bool)
    played[:, 3] = True
    retrieved = np.ones((USERS, TRACKS), bool)
    retrieved[0, 10:] = False  # padding, which is never looked at as long as there is another track
    made = lists(played=played, retrieved=retrieved)
    draw = drawn(made, 6, np.random.default_rng(3))
    np.testing.assert_allclose(draw.weight.sum(axis=1), retrieved.sum(axis=1), rtol=1e-6)
    assert np.take_along_axis(retrieved, draw.columns, axis=1).all()


def test_every_track_is_drawn_as_often_and_passes_differ() -> None:
    made, rng = lists(played=np.zeros((USERS, TRACKS), bool)), np.random.default_rng(3)
    draws = [drawn(made, 5, rng).columns for _ in range(40)]
    counts = np.bincount(np.concatenate(draws).ravel(), minlength=TRACKS)
    np.testing.assert_allclose(counts / counts.mean(), 1.0, atol=0.15)
    assert (draws[0] != draws[1]).any()


def test_a_list_that_fits_is_looked_at_whole() -> None:
    draw = drawn(lists(), TRACKS, np.random.default_rng(3))
    assert (draw.weight == 1).all()
    assert (draw.columns == np.arange(TRACKS)).all()


def test_what_was_computed_once_is_what_the_trees_and_the_start_are_made_of() -> None:
    begun, made = inputs(), lists()
    begun.begin_at(2.0, np.linspace(-1, 1, begun.common_start.shape[0]), np.ones(begun.track_start.shape[0]))
    batches, every = Batches(begun, made, catalogue()), np.concatenate(list(rows(begun, made, catalogue())))
    np.testing.assert_allclose(batches.start, starts(begun, made, catalogue()), atol=1e-5)
    np.testing.assert_allclose(batches.common, every[:, :, 1 : 1 + batches.common.shape[2]], atol=1e-6)
