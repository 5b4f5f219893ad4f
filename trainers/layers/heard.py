"""Which (user, track) pairs are no negatives: what a user has heard is never offered, so it must not be pushed away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf


class HeardPairs(tf.keras.layers.Layer):
    """Remembers pairs of whole numbers: the tracks of each user side by side, 4 bytes a pair and 8 a user.

    A question costs what its users have heard, not users times tracks: each of their tracks is looked up in a table that says
    which of the asked-for tracks it is, if any. A byte for each pair that might be asked for, as one would think of first,
    took half of a training step, because its places lie all over the memory.
    """

    def __init__(self, users: npt.NDArray[np.int32], tracks: npt.NDArray[np.int32], n_users: int, n_tracks: int) -> None:
        super().__init__(name="heard_pairs", trainable=False)
        self.pairs = users, tracks
        self.n_tracks = n_tracks
        ends = np.cumsum(np.bincount(users, minlength=n_users))
        self.begins = tf.constant(np.concatenate([[0], ends]))
        self.by_user = tf.constant(tracks[np.argsort(users, kind="stable")].astype(np.int32))

    def call(self, users: tf.Tensor, tracks: tf.Tensor) -> tf.Tensor:
        """Whether each of users (b,) heard each of tracks (c,): booleans (b, c)."""
        distinct, column = tf.unique(tracks)
        width, height = tf.size(distinct), tf.size(users)
        columns = tf.tensor_scatter_nd_update(tf.fill([self.n_tracks], -1), distinct[:, None], tf.range(width))
        places = tf.ragged.range(tf.gather(self.begins, users), tf.gather(self.begins, users + 1))
        found = tf.gather(columns, tf.gather(self.by_user, places.values))
        asked = tf.where(found >= 0)[:, 0]
        row = tf.gather(tf.cast(places.value_rowids(), tf.int32), asked)
        flat = tf.gather(found, asked) * height + row
        heard = tf.tensor_scatter_nd_update(tf.zeros([width * height], tf.bool), flat[:, None], tf.ones_like(flat, tf.bool))
        # Rows are gathered, and turned at the end: single bytes of columns would take ten times as long.
        return tf.transpose(tf.gather(tf.reshape(heard, [width, height]), column))
