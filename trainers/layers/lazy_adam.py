"""Adam for one large table, moving only the rows a step met. Keras' Adam decays the moments of every row at every step; over
60,000 rows that is most of the step. The moments of a row are as old as its last step, as in `tfa.optimizers.LazyAdam`."""

from __future__ import annotations

import tensorflow as tf

FIRST, SECOND, TINY = 0.9, 0.999, 1e-7


class LazyAdam(tf.Module):
    """Kingma and Ba (2015), algorithm 1, over the rows of one variable."""

    def __init__(self, table: tf.Variable) -> None:
        super().__init__()
        self.table = table
        self.mean, self.square = (tf.Variable(tf.zeros_like(table), trainable=False) for _ in range(2))
        self.steps = tf.Variable(0.0, trainable=False)

    def apply(self, gradient: tf.IndexedSlices, rate: tf.Tensor) -> None:
        """One step; rows that come several times in `gradient` have their parts added up first."""
        self.steps.assign_add(1.0)
        rows, places = tf.unique(tf.convert_to_tensor(gradient.indices))
        total = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
        mean = FIRST * tf.gather(self.mean, rows) + (1 - FIRST) * total
        square = SECOND * tf.gather(self.square, rows) + (1 - SECOND) * tf.square(total)
        self.mean.scatter_update(tf.IndexedSlices(mean, rows))
        self.square.scatter_update(tf.IndexedSlices(square, rows))
        unbiased = rate * tf.sqrt(1 - SECOND**self.steps) / (1 - FIRST**self.steps)
        self.table.scatter_sub(tf.IndexedSlices(unbiased * mean / (tf.sqrt(square) + TINY), rows))
