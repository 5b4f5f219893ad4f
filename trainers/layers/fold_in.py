"""A listener's place among track factors, from the tracks they played: one least-squares solution, no table of users."""

from __future__ import annotations

import tensorflow as tf


class FoldIn(tf.Module):
    """The user step of implicit ALS (Hu, Koren and Volinsky 2008, equation 4) against fixed factors Y:
    x = (Y'Y + Y'(C - I)Y + l I)^-1 Y'C p, with confidence 1 + `confidence` at each track that was played.

    Args:
        tracks: how many rows Y has, `width` numbers each.
    """

    def __init__(self, tracks: int, width: int, *, confidence: float, regularization: float) -> None:
        super().__init__(name="fold_in")
        self.confidence, self.regularization = confidence, regularization
        self.factors = tf.Variable(tf.zeros((tracks, width)), trainable=False, name="track_factors")
        self.gram = tf.Variable(tf.eye(width), trainable=False, name="gram")

    def assign(self, factors: tf.Tensor) -> None:
        """Put other factors (tracks, width) in place."""
        self.factors.assign(factors)
        identity = tf.eye(int(self.factors.shape[1]))
        self.gram.assign(tf.matmul(self.factors, self.factors, transpose_a=True) + self.regularization * identity)

    def __call__(self, played: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Users (n, width) from the numbers of the tracks they played (n, r) and what each counts, 0 for none (n, r)."""
        rows, counts = tf.gather(self.factors, played), self.confidence * weights
        observed = self.gram + tf.matmul(rows * counts[:, :, None], rows, transpose_a=True)
        wanted = tf.einsum("nr,nrd->nd", tf.cast(weights > 0, tf.float32) + counts, rows)
        return tf.linalg.solve(observed, wanted[:, :, None])[:, :, 0]
