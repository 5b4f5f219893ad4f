"""Ridge regression of each listener's own answers, in closed form inside a model."""

from __future__ import annotations

import tensorflow as tf


def ridge(rows: tf.Tensor, answers: tf.Tensor, counts: tf.Tensor, penalty: float) -> tf.Tensor:
    """The weights (n, d) w that make `rows` (n, r, d) say `answers` (n, r): (X'CX + p I)^-1 X'C y, C of `counts` (n, r), 0
    for a row that is none (Hoerl and Kennard 1970)."""
    weighed = rows * counts[:, :, None]
    gram = tf.matmul(weighed, rows, transpose_a=True) + penalty * tf.eye(rows.shape[-1])
    wanted = tf.einsum("nrd,nr->nd", weighed, answers)
    return tf.linalg.solve(gram, wanted[:, :, None])[:, :, 0]
