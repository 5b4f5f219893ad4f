"""Numeric features to well-scaled inputs; a missing value costs nothing and is never NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

LARGEST = 5.0


@dataclass(frozen=True)
class NumberSpec:
    """One numeric feature; `log` for counts and times, whose ratios matter rather than their differences."""

    name: str
    log: bool = False


class Numbers(tf.keras.layers.Layer):
    """Normalises columns: `log1p` where asked, mean 0 and deviation 1 over the training rows, cut to +-5.

    A missing value (NaN) becomes 0, the mean, beside an indicator of 1, so that the next dense layer learns its default. A
    column that is missing or constant in all of training gives 0 for ever, whatever arrives later.
    """

    def __init__(self, specs: Sequence[NumberSpec], *, name: str | None = None) -> None:
        super().__init__(name=name, trainable=False)
        self.specs = tuple(specs)
        self.logged = tf.constant([spec.log for spec in specs])
        self.mean = self.add_weight(name="mean", shape=(len(specs),), initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=(len(specs),), initializer="zeros", trainable=False)

    def adapt(self, rows: npt.NDArray[np.float32]) -> None:
        """Learn means and deviations from rows (n, columns)."""
        values = self._prepared(tf.constant(rows, tf.float32)).numpy()
        seen = np.isfinite(values)
        counts = np.maximum(seen.sum(axis=0), 1)
        mean = np.where(seen, values, 0).sum(axis=0) / counts
        deviation = np.sqrt((np.where(seen, values - mean, 0) ** 2).sum(axis=0) / counts)
        self.mean.assign(mean)
        self.scale.assign(np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6))

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows (n, columns) with NaN for missing to (n, 2 * columns), the second half the indicators."""
        values = self._prepared(rows)
        missing = tf.logical_not(tf.math.is_finite(values))
        normal = tf.where(missing, 0.0, (tf.where(missing, 0.0, values) - self.mean) * self.scale)
        return tf.concat([tf.clip_by_value(normal, -LARGEST, LARGEST), tf.cast(missing, tf.float32)], axis=-1)

    def _prepared(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.where(self.logged, tf.math.log1p(tf.maximum(rows, 0.0)), rows)
