"""What a release keeps of radio: the session model, its neighbours and rules as tables, and the order of their candidates, in
one SavedModel, so that what serves needs nothing of what trains. The neighbours are computed as in `trainers.baselines`, on
the last tracks of a session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from segue.errors import SegueError
from trainers.baselines.sequential_rules import SequentialRules
from trainers.baselines.session_item_knn import SessionItemKnn
from trainers.baselines.session_knn import SessionKnn
from trainers.interactions import NOTHING
from trainers.sessions.gru import SessionModel
from trainers.sessions.next_order import NextOrder
from trainers.sessions.next_track import NextTrack
from trainers.sessions.session_lists import Sessions
from trainers.sessions.shared_sessions import ENDS, SharedSessions


class Table(tf.Module):
    """A sparse matrix by rows, for sums of a few of them."""

    def __init__(self, matrix: sp.csr_matrix) -> None:
        super().__init__()
        self.width = matrix.shape[1]
        parts = (matrix.indptr, tf.int64), (matrix.indices, tf.int32), (matrix.data, tf.float32)
        self.starts, self.columns, self.values = (tf.Variable(tf.cast(part, kind), trainable=False) for part, kind in parts)

    def summed(self, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """(n, width): the sum of the rows (n, l), each times its weight (n, l); one of weight 0 may have any number."""
        where = tf.where(weights != 0)
        row, weight = tf.gather_nd(rows, where), tf.gather_nd(weights, where)
        first = tf.gather(self.starts, row)
        count = tf.gather(self.starts, row + 1) - first
        which = tf.repeat(tf.range(tf.size(count)), count)
        place = tf.range(tf.reduce_sum(count)) + tf.gather(first - tf.cumsum(count, exclusive=True), which)
        at = tf.gather(where[:, 0], which) * self.width + tf.cast(tf.gather(self.columns, place), tf.int64)
        lines = tf.shape(rows, tf.int64)[0]
        total = tf.math.unsorted_segment_sum(tf.gather(self.values, place) * tf.gather(weight, which), at, lines * self.width)
        return tf.reshape(total, [lines, self.width])


class RowsOfTracks(tf.Module):
    """Item neighbours or sequential rules: a row for each track."""

    def __init__(self, model: SessionItemKnn | SequentialRules) -> None:
        super().__init__()
        self.decay, self.seen = model.config.decay, model.config.seen
        self.table = Table(model.neighbours)

    def __call__(self, tracks: tf.Tensor) -> tf.Tensor:
        return _shares(self.table.summed(tracks, _recent(tracks, self.decay)), tracks, self.seen)


class SessionsOfTracks(tf.Module):
    """Session neighbours. The newest session stands first, because the first of equal ones is taken."""

    def __init__(self, model: SessionKnn) -> None:
        super().__init__()
        self.decay, self.seen = model.config.decay, model.config.seen
        self.by_track, self.sessions = Table(model.by_track[:, ::-1].tocsr()), Table(model.sessions[::-1])
        self.count = min(model.config.neighbours, self.by_track.width)

    def __call__(self, tracks: tf.Tensor) -> tf.Tensor:
        likeness, sessions = tf.math.top_k(self.by_track.summed(tracks, _recent(tracks, self.decay)), self.count)
        return _shares(self.sessions.summed(sessions, likeness), tracks, self.seen)


class RadioNetwork(tf.Module):
    """`next(tracks)` is what `segue.release` says of `sessions/`."""

    def __init__(self, models: Mapping[str, NextTrack], shared: SharedSessions, order: NextOrder) -> None:
        super().__init__()
        self.models = [_served(model) for model in models.values()]
        self.shared, self.order, self.length = Table(shared.counts), order, order.config.length
        self.next = tf.function(self._next, input_signature=[tf.TensorSpec([None, None], tf.int64, "tracks")])

    def require_finite(self, sessions: Sessions) -> None:
        """Ask it what comes next in each of `sessions`, as radio will.

        Raises:
            SegueError: an answer holds what is no number, or infinite.
        """
        answers = np.isfinite(self.next(tf.constant(sessions.padded(self.length))).numpy()).all(axis=1)
        if not answers.all():
            raise SegueError(
                expected="a radio that answers every session with probabilities",
                received=f"{int((~answers).sum())} of {len(answers)} answers with values that are no finite numbers",
                mend="lower the learning rates in SessionConfig and OrderConfig",
            )

    def save(self, folder: Path) -> None:
        """Write it as a SavedModel."""
        tf.saved_model.save(self, str(folder))

    def _next(self, tracks: tf.Tensor) -> tf.Tensor:
        tracks = tracks[:, : self.length]
        played = tf.reduce_sum(tf.cast(tracks >= 0, tf.int32), axis=1)
        scores = [model(tracks) for model in self.models]
        shared = []
        for back in range(1, ENDS + 1):
            end = tf.gather(tracks, tf.maximum(played - back, 0), batch_dims=1)
            shared.append(self.shared.summed(end[:, None], tf.cast(played >= back, tf.float32)[:, None]))
        return self.order(tracks, scores, shared) * tf.cast(played > 0, tf.float32)[:, None]


class _Network(tf.Module):
    def __init__(self, model: SessionModel) -> None:
        super().__init__()
        self.network = model.network

    def __call__(self, tracks: tf.Tensor) -> tf.Tensor:
        return self.network.next(tracks)


def _served(model: Any) -> tf.Module:
    if isinstance(model, SessionModel):
        return _Network(model)
    return SessionsOfTracks(model) if isinstance(model, SessionKnn) else RowsOfTracks(model)


def _recent(tracks: tf.Tensor, decay: float) -> tf.Tensor:
    """(n, l) the weight of the last play of each of tracks (n, l), 0 for earlier ones and `NOTHING`; see
    `SessionKnnConfig.decay`."""
    place = tf.range(tf.shape(tracks)[1])
    since = tf.reduce_sum(tf.cast(tracks > NOTHING, tf.int32), axis=1)[:, None] - 1 - place[None]
    again = (tracks[:, :, None] == tracks[:, None]) & (place[None] > place[:, None])
    ago = tf.cast(tf.maximum(since, 0), tf.float32)
    weight = tf.pow(decay, ago) if decay else 1.0 / (1.0 + ago)
    return tf.where((tracks > NOTHING) & ~tf.reduce_any(again, axis=2), weight, 0.0)


def _shares(found: tf.Tensor, tracks: tf.Tensor, seen: float) -> tf.Tensor:
    """`found` (n, width) with the session's own tracks times `seen`, as shares that add up to 1, or stay 0."""
    line = tf.broadcast_to(tf.range(tf.shape(tracks)[0], dtype=tf.int64)[:, None], tf.shape(tracks))
    own = tf.boolean_mask(tf.stack([line, tracks], axis=-1), tracks > NOTHING)
    heard = tf.scatter_nd(own, tf.ones(tf.shape(own)[:1]), tf.shape(found, tf.int64)) > 0
    found *= tf.where(heard, seen, 1.0)
    return tf.math.divide_no_nan(found, tf.reduce_sum(found, axis=1, keepdims=True))
