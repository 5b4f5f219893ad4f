"""Strings to small whole numbers, inside the saved model, so that serving never holds a second copy of the mapping."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from segue.codes import FIRST_KNOWN, MISSING, UNKNOWN


class Vocabulary(tf.keras.layers.Layer):
    """Looks strings up: 0 for the empty string (missing), 1 for one never seen, 2 and up for the known ones in order.

    Args:
        values: the known strings; empty ones, nulls and repetitions are left out. May be empty.
    """

    def __init__(self, values: Iterable[str | None], *, name: str | None = None) -> None:
        super().__init__(name=name, trainable=False)
        self.known = tuple(sorted({value for value in values if isinstance(value, str) and value}))
        numbers = np.concatenate([[MISSING], np.arange(FIRST_KNOWN, self.size)]).astype(np.int32)
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(["", *self.known]), tf.constant(numbers))
        self.table = tf.lookup.StaticHashTable(entries, default_value=UNKNOWN)

    @property
    def size(self) -> int:
        """One more than the largest number it gives."""
        return len(self.known) + FIRST_KNOWN

    def call(self, strings: tf.Tensor) -> tf.Tensor:
        """int32 numbers of the shape of `strings`."""
        return self.table.lookup(strings)
