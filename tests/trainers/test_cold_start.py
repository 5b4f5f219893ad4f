"""What the track tower is shown of a track nobody has played, and how a release is told from the others in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from plain_examples import SMALL, new_retriever

from trainers.inputs import PLAYED_NUMBERS, TOWER_NUMBERS, TRACK, VECTOR_LENGTH, VECTORS, arrays, constants, matrix
from trainers.layers.vocabulary import UNKNOWN
from trainers.retriever.hiding import hide, weights_of, without_plays
from trainers.retriever.ids_only import rows, track_ids
from trainers.retriever.towers import Tensors, TrackTower

NAMES = [spec.name for spec in TOWER_NUMBERS]


def _encoded(*, of_age: bool = True) -> tuple[TrackTower, Tensors]:
    """Four tracks of which everything is known, but perhaps their age."""
    rng = np.random.default_rng(3)
    numbers = {name: rng.uniform(1, 9, 4) for name in NAMES}
    vectors = {name: list(rng.normal(size=(4, VECTOR_LENGTH)).astype(np.float32)) for name in VECTORS}
    frame = rows(TRACK, 4, track_id=track_ids(4), **numbers, **vectors)
    tower = new_retriever(4, 4).track_tower
    tower.numbers.adapt(matrix(frame, NAMES))
    return tower, tower.encode(constants(arrays(frame if of_age else frame.assign(age_days=np.nan), TRACK)))


def test_a_track_as_if_new_keeps_what_is_known_without_a_play_and_loses_the_rest() -> None:
    _, whole = _encoded()
    new = tf.constant([True, False, True, False])
    hidden = whole | without_plays(whole, new)
    missing = hidden["numbers"].numpy()[:, len(NAMES) :] > 0
    expected = np.array([name in PLAYED_NUMBERS for name in NAMES])
    np.testing.assert_array_equal(missing, [expected, 0 * expected, expected, 0 * expected])
    assert {"age_days", "tempo", "artist_plays"}.isdisjoint(PLAYED_NUMBERS)
    np.testing.assert_array_equal(hidden["known"].numpy()[0], [name != "track2vec" for name in VECTORS])
    assert hidden["track"].numpy()[0] == UNKNOWN
    for name in whole:
        np.testing.assert_array_equal(hidden[name].numpy()[1], whole[name].numpy()[1])


def test_a_hidden_track_has_the_vector_of_one_that_never_was_played() -> None:
    tower, whole = _encoded()
    everything = tf.fill([4], True)
    hidden = whole | without_plays(whole, everything)
    again = hidden | without_plays(hidden, everything)
    np.testing.assert_allclose(tower.embed(hidden).numpy(), tower.embed(again).numpy())
    assert not np.allclose(tower.embed(hidden).numpy(), tower.embed(whole).numpy())


@pytest.mark.parametrize(("of_age", "expected"), [(True, 1.0), (False, 2.0)])
def test_an_example_of_a_release_weighs_more_and_no_other_does(of_age: bool, expected: float) -> None:
    _, encoded = _encoded(of_age=of_age)
    np.testing.assert_allclose(weights_of(encoded, replace(SMALL, release_weight=2.0)).numpy(), 4 * [expected])


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_tracks_are_made_new_as_often_as_configured(share: float) -> None:
    _, encoded = _encoded()
    many = {name: tf.repeat(values, 1_000, axis=0) for name, values in encoded.items()}
    config = replace(SMALL, cold_dropout=share, id_dropout=0.0, vector_dropout=0.0)
    assert abs(float((hide(many, config)["track"].numpy() == UNKNOWN).mean()) - share) < 0.03
