"""Which (user, track) pairs are no negatives: what a user has heard is never offered, so it must not be pushed away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

LARGEST_TABLE = 1 << 27
_PRIME = 2_654_435_761


class HeardPairs(tf.keras.layers.Layer):
    """Remembers pairs of whole numbers, one byte each.

    Exact while users times tracks stay under 2**27; beyond, pairs are hashed into a table of that size, and a pair that was
    never heard counts as heard with the probability that its place is taken (pairs / 2**27). That costs a random negative.
    """

    def __init__(self, users: npt.NDArray[np.int32], tracks: npt.NDArray[np.int32], n_users: int, n_tracks: int) -> None:
        super().__init__(name="heard_pairs", trainable=False)
        self.pairs = users, tracks
        self.n_tracks = n_tracks
        self.size = min(n_users * n_tracks, LARGEST_TABLE)
        self.exact = n_users * n_tracks <= LARGEST_TABLE
        table = np.zeros(self.size, dtype=bool)
        table[self._place(users.astype(np.int64), tracks.astype(np.int64))] = True
        self.table = tf.constant(table)

    def call(self, users: tf.Tensor, tracks: tf.Tensor) -> tf.Tensor:
        """Whether each of users (b,) heard each of tracks (c,): booleans (b, c)."""
        return tf.gather(self.table, self._place(tf.cast(users, tf.int64)[:, None], tf.cast(tracks, tf.int64)[None, :]))

    def _place(self, users: npt.NDArray[np.int64], tracks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if self.exact:
            return users * self.n_tracks + tracks
        return (users * _PRIME + tracks * 40_503) % self.size
