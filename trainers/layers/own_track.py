"""The softmax of a batch: which scores it is over, and the one that is right, without a table of labels as large as they."""

from __future__ import annotations

import tensorflow as tf

from trainers.layers.heard import HeardPairs


class OwnTrack(tf.keras.losses.Loss):
    """Softmax cross-entropy of scores (b, c) whose label is the diagonal, summed; the labels TFRS makes go unread."""

    def __init__(self) -> None:
        super().__init__(reduction=tf.keras.losses.Reduction.SUM)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:  # noqa: ARG002 - Keras names them
        """Losses (b,)."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(tf.shape(y_pred)[0]), y_pred)


def allowed_scores(users: tf.Tensor, tracks: tf.Tensor, heard: HeardPairs | None) -> tf.Tensor:
    """Booleans (b, c): which of tracks (c,) is the positive of each of users (b,), the diagonal, or may be a negative.

    The same track once more is none (an accidental hit), nor is one the user has heard.
    """
    batch = tf.shape(users)[0]
    allowed = tf.not_equal(tracks[:batch, None], tracks[None, :])
    if heard is not None:
        allowed &= ~heard(users, tracks)
    return tf.linalg.set_diag(allowed, tf.ones(batch, tf.bool))
