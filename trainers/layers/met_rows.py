"""The rows of a large table that a batch meets, each once, and the step of Adagrad that moves those.

A batch names the same track in many lists. Gathered once and renumbered, its row has one gradient, however often it is met;
else TensorFlow holds a gradient for each time, and the optimizer sorts out which belong together.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from segue.codes import MISSING, UNKNOWN


def met_rows(table: tf.Variable, *ids: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The rows (u, width) of `table` that `ids`, of any shapes, meet, and those as numbers of these rows; missing and unknown
    ids keep their numbers."""
    named = tf.concat([[MISSING, UNKNOWN], *(tf.reshape(some, [-1]) for some in ids)], axis=0)
    distinct, place = tf.unique(named)
    parts = tf.split(place[2:], [tf.size(some) for some in ids])
    return tf.gather(table, distinct), [tf.reshape(part, tf.shape(some)) for part, some in zip(parts, ids, strict=True)]


class DistinctAdagrad(tf.keras.optimizers.legacy.Adagrad):
    """Adagrad that takes the gradients of the tables named in `distinct` to have each row once, as `met_rows` makes them."""

    distinct: tuple[str, ...] = ()

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any, **kwargs: Any) -> Any:
        if any(name in handle.name for name in self.distinct):
            return self._resource_apply_sparse(grad, handle, indices, **kwargs)
        return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)
