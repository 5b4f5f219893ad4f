"""Bounded-degree products of whatever a layer has: the cross layer of DCN-v2 in its low-rank form."""

from __future__ import annotations

import tensorflow as tf


class LowRankCross(tf.keras.layers.Layer):
    """`x0 * (U V x + b) + x` over (..., d), with U (d, rank) and V (rank, d) (Wang et al. 2021, "DCN V2", equation 2).

    U begins at zero, so that a new layer hands `x` on as it is.
    """

    def __init__(self, rank: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.rank = rank

    def build(self, shape: tf.TensorShape) -> None:
        self.down = tf.keras.layers.Dense(self.rank, use_bias=False, name="down")
        self.up = tf.keras.layers.Dense(shape[-1], kernel_initializer="zeros", name="up")
        self.down.build(shape)
        self.up.build((*shape[:-1], self.rank))
        super().build(shape)

    def call(self, first: tf.Tensor, crossed: tf.Tensor) -> tf.Tensor:
        """`first` is x0 and `crossed` x, both (..., d)."""
        return first * self.up(self.down(crossed)) + crossed
