"""What a release keeps of a ranker's track half is the half itself, in fewer tables."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainers.ranker.track_rows import TrackRows

TRACKS, TERRITORIES, WIDTH = 7, 3, 5
HALF = {
    "taste": tf.constant(np.arange(TRACKS * 2).reshape(TRACKS, 2), tf.float32),
    "factor": tf.constant(np.arange(TRACKS * WIDTH).reshape(TRACKS, WIDTH), tf.float32),
    "length": tf.constant(np.arange(TRACKS) + 0.5, tf.float32),
    "genre": tf.constant(np.arange(TRACKS) % 3, tf.int32),
    "artist": tf.constant(np.arange(TRACKS) + 20_000_000, tf.int32),  # more than float32 tells apart
}
TERRITORY = {"territory": tf.constant(np.arange(TERRITORIES * TRACKS * 2).reshape(TERRITORIES, TRACKS, 2), tf.float32)}
USERS = {"territory": tf.constant([2, 0], tf.int32)}
CANDIDATES = tf.constant([[6, 0, 3], [1, 1, 5]], tf.int32)


def test_candidates_have_the_entries_of_their_half_and_their_plays_where_the_listener_is() -> None:
    layout = TrackRows.of(HALF)
    kept = layout.packed(HALF)
    shapes = {name: values.shape.as_list() for name, values in kept.items()}
    assert shapes == {"rows": [TRACKS, 3], "codes": [TRACKS, 2], "factor": [TRACKS, WIDTH]}
    gathered, territory = layout.of_candidates(USERS, kept | TERRITORY, CANDIDATES)
    for name, values in HALF.items():
        np.testing.assert_array_equal(gathered[name], values.numpy()[CANDIDATES.numpy()])
        assert gathered[name].dtype == values.dtype
    places = TERRITORY["territory"].numpy()
    np.testing.assert_array_equal(territory, [places[2, [6, 0, 3]], places[0, [1, 1, 5]]])


def test_a_half_of_one_kind_of_track_is_laid_out_as_any_other() -> None:
    nobody = {name: values[:0] for name, values in HALF.items()}
    assert TrackRows.of(nobody) == TrackRows.of(HALF)
