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
        return marked(self.places(users, tracks), (tf.size(users), tf.size(tracks)), marks=(True, False))

    def places(self, users: tf.Tensor, tracks: tf.Tensor, own: tf.Tensor | None = None) -> tf.Tensor:
        """Where in (b, c), counted row after row, a user of (b,) heard the track of (c,), or where it is their `own` (b,)."""
        lists = tf.ragged.range(tf.gather(self.begins, users), tf.gather(self.begins, users + 1))
        row, track = tf.cast(lists.value_rowids(), tf.int32), tf.gather(self.by_user, lists.values)
        if own is not None:
            row, track = tf.concat([row, tf.range(tf.size(users))], axis=0), tf.concat([track, own], axis=0)
        return where_asked(row, track, tracks, self.n_tracks)


def where_asked(row: tf.Tensor, track: tf.Tensor, tracks: tf.Tensor, n_tracks: int) -> tf.Tensor:
    """The places, in rows as long as `tracks` (c,), of each `track` (m,) in its `row` (m,); a track may be asked for twice."""
    distinct, column = tf.unique(tracks)
    numbers = tf.tensor_scatter_nd_update(tf.fill([n_tracks], -1), distinct[:, None], tf.range(tf.size(distinct)))
    found = tf.gather(numbers, track)
    asked = tf.where(found >= 0)[:, 0]
    number, row = tf.gather(found, asked), tf.gather(row, asked)
    times = tf.math.bincount(column, minlength=tf.size(distinct))
    begins = tf.cumsum(times, exclusive=True)
    columns = tf.ragged.range(tf.gather(begins, number), tf.gather(begins + times, number))
    row = tf.gather(row, columns.value_rowids())
    return row * tf.size(tracks) + tf.gather(tf.argsort(column, stable=True), columns.values)


def marked(places: tf.Tensor, shape: tuple[tf.Tensor, tf.Tensor], *, marks: tuple[object, object]) -> tf.Tensor:
    """A matrix with the first of `marks` at `places`, which may repeat, and the second elsewhere. `tf.scatter_nd`, which adds
    and checks, takes twenty times as long."""
    here, elsewhere = marks
    flat = tf.raw_ops.SparseToDense(
        sparse_indices=places,
        output_shape=[shape[0] * shape[1]],
        sparse_values=here,
        default_value=elsewhere,
        validate_indices=False,
    )
    return tf.reshape(flat, shape)
