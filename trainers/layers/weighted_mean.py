"""The weighted mean of some rows of a table: what a user played lately, as one vector.

Its gradient for the rows is a sparse matrix of shares times the upstream gradient. TensorFlow writes out a vector for every
place of every list and adds those up, some ten times the numbers; SciPy's product of a sparse with a dense matrix does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import tensorflow as tf

from segue.codes import MISSING, UNKNOWN


def weighted_mean(table: tf.Variable | tf.Tensor, ids: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Weighted mean (n, width) of the embeddings of ids (n, k); missing and unknown ids have no weight, and columns behind the
    last one with a weight cost nothing."""
    known = tf.cast(ids > max(MISSING, UNKNOWN), tf.float32) * weights
    total = tf.reduce_sum(known, axis=1, keepdims=True)
    shares = tf.math.divide_no_nan(known, total)
    filled = tf.where(tf.reduce_any(known > 0, axis=0))
    longest = tf.reduce_max(tf.concat([[0], tf.cast(filled[:, 0], tf.int32) + 1], axis=0))
    ids, shares = ids[:, :longest], shares[:, :longest]
    if isinstance(table, tf.Variable):
        return tf.einsum("nk,nkw->nw", shares, tf.gather(table, ids))
    return _sums(table, ids, shares)


@tf.custom_gradient
def _sums(rows: tf.Tensor, ids: tf.Tensor, shares: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Sums (n, width) of `rows` (u, width) at `ids` (n, k), each times its share (n, k)."""
    found = tf.gather(rows, ids)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None, tf.Tensor]:
        to_rows = tf.numpy_function(_given_back, [ids, shares, upstream, tf.shape(rows)[0]], tf.float32, stateful=False)
        to_rows.set_shape(rows.shape)
        return to_rows, None, tf.einsum("nw,nkw->nk", upstream, found)

    return tf.einsum("nk,nkw->nw", shares, found), gradient


def _given_back(
    ids: npt.NDArray[np.int32], shares: npt.NDArray[np.float32], upstream: npt.NDArray[np.float32], rows: int
) -> npt.NDArray[np.float32]:
    """What each of so many rows (u, width) gets of `upstream` (n, width)."""
    n, k = ids.shape
    matrix = sp.csr_matrix((shares.ravel(), ids.ravel(), np.arange(n + 1) * k), shape=(n, int(rows)))
    with np.errstate(over="ignore", invalid="ignore"):  # a training that diverges is told once, by the retriever
        return np.asarray(matrix.T @ upstream, np.float32)
