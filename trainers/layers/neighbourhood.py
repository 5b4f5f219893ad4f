"""Id embeddings smoothed over the graph of who heard what: an id learns from its neighbours' examples too.

The embedding that is used is the mean of rounds 0 to R of LightGCN's propagation (He et al. 2020, "LightGCN"), where a round
gives each user the weighted sum of their tracks and each track that of its users. An edge weighs
`degree(receiver) ** -receiver * degree(sender) ** -sender`: uneven exponents are LightGCN++'s (Lee et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import tensorflow as tf

Ids = npt.NDArray[np.int32]
Table = npt.NDArray[np.float32]

SPECTRAL_EXPONENTS = 0.4, 0.25
"""Of users' and tracks' degrees in the matrix whose singular vectors begin the tables; best on the validation part of
Last.fm-2k."""


class Neighbourhood(tf.Module):
    """Smooths a user table (n_users, d) and a track table (n_tracks, d) together.

    Args:
        users, tracks: numbers (m,) of each distinct pair heard, rows of the two tables.
        rounds: how many edges away a neighbour may be.
    """

    def __init__(
        self, users: Ids, tracks: Ids, n_users: int, n_tracks: int, *, rounds: int, receiver: float, sender: float
    ) -> None:
        super().__init__(name="neighbourhood")
        self.rounds = rounds
        heard = pairs_matrix(users, tracks, n_users, n_tracks)
        self.to_users, self.to_tracks = weighted(heard, receiver, sender), weighted(heard.T.tocsr(), receiver, sender)
        self.from_users, self.from_tracks = self.to_tracks.T.tocsr(), self.to_users.T.tocsr()

    def __call__(self, user_table: tf.Tensor, track_table: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Both tables, smoothed; the gradient flows back the same way."""
        users, tracks = self._differentiable(tf.convert_to_tensor(user_table), tf.convert_to_tensor(track_table))
        return users, tracks

    @property
    def _differentiable(self) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """SciPy's product of a sparse with a dense matrix takes a fifth of the time of TensorFlow's."""

        @tf.custom_gradient
        def smooth(users: tf.Tensor, tracks: tf.Tensor) -> tuple[Any, Any]:
            def gradient(to_users: tf.Tensor, to_tracks: tf.Tensor) -> list[tf.Tensor]:
                # The adjoint of a step to the users is a step from them, to the tracks.
                return self._mean(to_users, to_tracks, self.from_users, self.from_tracks)

            return tuple(self._mean(users, tracks, self.to_users, self.to_tracks)), gradient

        return cast("Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]", smooth)

    def _mean(self, users: tf.Tensor, tracks: tf.Tensor, to_users: sp.csr_matrix, to_tracks: sp.csr_matrix) -> list[tf.Tensor]:
        """The mean of rounds 0 to R, where a round multiplies the tracks by `to_users` and the users by `to_tracks`."""

        def rounds(users: Table, tracks: Table) -> tuple[Table, Table]:
            all_users, all_tracks = users, tracks
            with np.errstate(over="ignore", invalid="ignore"):  # a training that diverges is told once, by the retriever
                for _ in range(self.rounds):
                    users, tracks = to_users @ tracks, to_tracks @ users
                    all_users, all_tracks = all_users + users, all_tracks + tracks
            share = np.float32(1 / (self.rounds + 1))
            return all_users * share, all_tracks * share

        smoothed = tf.numpy_function(rounds, [users, tracks], [tf.float32, tf.float32], stateful=False)
        for after, before in zip(smoothed, (users, tracks), strict=True):
            after.set_shape(before.shape)
        return list(smoothed)


def pairs_matrix(users: Ids, tracks: Ids, n_users: int, n_tracks: int) -> sp.csr_matrix:
    """(n_users, n_tracks) with 1 for each pair, however often it comes."""
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, tracks)), shape=(n_users, n_tracks))
    matrix.data[:] = 1.0
    return matrix


def weighted(heard: sp.csr_matrix, receiver: float, sender: float) -> sp.csr_matrix:
    """`heard` (receivers, senders) with each edge weighed by the degrees of its ends."""
    rows = np.maximum(np.asarray(heard.sum(axis=1)).ravel(), 1.0) ** -receiver
    columns = np.maximum(np.asarray(heard.sum(axis=0)).ravel(), 1.0) ** -sender
    return sp.csr_matrix(sp.diags(rows) @ heard @ sp.diags(columns), dtype=np.float32)


def spectral_start(heard: sp.csr_matrix, width: int, *, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """User vectors (n_users, width) and track vectors (n_tracks, width) to begin from, each of mean square 1: the leading
    singular vectors of the degree-weighted matrix, which is where smoothing without end would lead (Shen et al. 2021, "How
    powerful is graph convolution for recommendation?")."""
    from scipy.sparse.linalg import svds

    rank = min(width, min(heard.shape) - 1)
    _, _, right = svds(weighted(heard, *SPECTRAL_EXPONENTS).astype(np.float64), k=rank, rng=np.random.default_rng(seed))
    tracks = np.zeros((heard.shape[1], width))
    tracks[:, :rank] = right[::-1].T
    users = heard @ tracks
    return _scaled(users), _scaled(tracks)


def _scaled(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return vectors / max(np.sqrt(np.mean(vectors**2)), 1e-12)
