"""What orders the candidates of several models of sessions: a small network over what each of them says of a track.

Candidates are the likeliest tracks of each model. The network begins at the logarithm of a weighted sum of their
probabilities and learns what that lacks (a listwise softmax, Cao et al., 2007, ListNet's top one): how far to trust whom after
how many plays, and what the place in each list, the popularity and the age of a track add. It knows no track by name, so an
order learned from models of most sessions serves models of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from trainers.interactions import Floats
from trainers.sessions.session_lists import Sessions
from trainers.sessions.shared_sessions import ENDS

NEVER = -1e9
LEAST = 1e-6
"""Stands for a probability of 0, which has no logarithm."""
RECENT = (0.1, 0.02)
"""Shares of the sessions, the last ones, that recent popularity is counted in."""


@dataclass(frozen=True)
class OrderConfig:
    """The order and its training.

    Args:
        candidates: tracks taken from each model.
        weights: of the models' probabilities in the sum the order begins at, the session model's first.
        tail: what a track that is no candidate keeps of the session model's probability.
        batch: prefixes in a step of Adam, whose `rate` falls to a tenth.
    """

    candidates: int = 60
    weights: tuple[float, ...] = (1.0, 1.5, 0.2, 0.5)
    tail: float = 1e-3
    length: int = 20
    hidden: int = 24
    passes: int = 8
    batch: int = 64
    rate: float = 3e-3


class Rows(NamedTuple):
    """Candidates (n, c) by number, whether each stands `there` once and with a score, its numbers (n, c, f), and the logit
    (n, c) the order begins at."""

    candidates: tf.Tensor
    there: tf.Tensor
    numbers: tf.Tensor
    start: tf.Tensor


def about_tracks(sessions: Sessions, n_tracks: int) -> Floats:
    """(n_tracks, 4): logarithms of a track's plays, of those in the last sessions, and of the sessions since its last."""
    count, owners = len(sessions), sessions.owners
    last = np.zeros(n_tracks, np.int64)
    np.maximum.at(last, sessions.tracks, owners)
    parts = (sessions.tracks[owners >= count * (1 - share)] for share in (1.0, *RECENT))
    plays = [np.log1p(np.bincount(tracks, minlength=n_tracks)) for tracks in parts]
    return np.stack([*plays, np.log1p(count - last)], axis=1).astype(np.float32)


class NextOrder(tf.Module):
    """Called with the tracks of sessions (n, l), `NOTHING` at the end of the shorter ones, the probabilities (n, tracks) of
    each model, and the counts (n, tracks) of `trainers.sessions.shared_sessions`; gives probabilities (n, tracks)."""

    def __init__(self, config: OrderConfig, about: Floats) -> None:
        super().__init__()
        self.config = config
        self.about = tf.Variable(about, trainable=False, name="about")
        models = len(config.weights)
        width = 3 * models + about.shape[1] + 4 + 2 * ENDS
        self.mean = tf.Variable(tf.zeros([width]), trainable=False, name="mean")
        self.spread = tf.Variable(tf.ones([width]), trainable=False, name="spread")
        self.layers = [tf.keras.layers.Dense(config.hidden, activation="relu") for _ in range(2)]
        self.layers.append(tf.keras.layers.Dense(1, kernel_initializer="zeros"))
        self.logits(tf.zeros([1, 1, width]), tf.zeros([1, 1]))
        every = tf.TensorSpec([None, len(about)], tf.float32)
        specs = [tf.TensorSpec([None, None], tf.int64), [every] * models, [every] * ENDS]
        self.rows = tf.function(self._rows, input_signature=specs)

    def __call__(self, tracks: tf.Tensor, scores: Sequence[tf.Tensor], shared: Sequence[tf.Tensor]) -> tf.Tensor:
        rows = self.rows(tracks, list(scores), list(shared))
        share = tf.nn.softmax(tf.where(rows.there, self.logits(rows.numbers, rows.start), NEVER))
        share = tf.where(rows.there, (1 - self.config.tail) * share, 0.0)
        line = tf.broadcast_to(tf.range(tf.shape(share)[0])[:, None], tf.shape(share))
        return tf.tensor_scatter_nd_add(self.config.tail * scores[0], tf.stack([line, rows.candidates], axis=-1), share)

    def logits(self, numbers: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """(n, c) of candidates' numbers (n, c, f) that begin at `start` (n, c)."""
        hidden = (numbers - self.mean) / self.spread
        for layer in self.layers:
            hidden = layer(hidden)
        return start + hidden[..., 0]

    def scale(self, numbers: Floats) -> None:
        """Set mean and spread to those of `numbers` (q, f)."""
        self.mean.assign(numbers.mean(axis=0))
        self.spread.assign(numbers.std(axis=0) + np.float32(0.01))

    def _rows(self, tracks: tf.Tensor, scores: list[tf.Tensor], shared: list[tf.Tensor]) -> Rows:
        best = [tf.math.top_k(of, tf.minimum(self.config.candidates, of.shape[1])) for of in scores]
        candidates = tf.concat([found.indices for found in best], axis=1)
        place = tf.range(tf.shape(candidates)[1])
        twice = (candidates[:, :, None] == candidates[:, None, :]) & (place[None] < place[:, None])
        there = (tf.concat([found.values for found in best], axis=1) > 0) & ~tf.reduce_any(twice, axis=2)
        own = [tf.gather(of, candidates, batch_dims=1) for of in scores]
        columns = [tf.math.log(value + LEAST) for value in own]
        for value, found in zip(own, best, strict=True):
            before = tf.reduce_sum(tf.cast(found.values[:, None] > value[:, :, None], tf.float32), axis=2)
            columns += [tf.math.log1p(before), self._common(tf.math.log(found.values[:, 0] + LEAST), candidates)]
        columns += [tf.math.log1p(tf.gather(counts, candidates, batch_dims=1)) for counts in shared]
        columns += tf.unstack(tf.gather(self.about, candidates), axis=2)
        columns += self._in_session(tracks[:, : self.config.length], candidates)
        start = tf.add_n([weight * value for weight, value in zip(self.config.weights, own, strict=True)])
        return Rows(candidates, there, tf.stack(columns, axis=2), tf.math.log(start + LEAST))

    def _in_session(self, tracks: tf.Tensor, candidates: tf.Tensor) -> list[tf.Tensor]:
        """Of candidates (n, c): never played in the session, plays since, how often; and of the session, for each: its
        length, and the popularity of its last tracks."""
        played = tf.reduce_sum(tf.cast(tracks >= 0, tf.int32), axis=1)
        since = played[:, None] - 1 - tf.range(tf.shape(tracks)[1])[None]
        same = candidates[:, :, None] == tf.cast(tracks, tf.int32)[:, None]
        nearest = tf.reduce_min(tf.where(same, since[:, None], self.config.length), axis=2)
        back = [played - at for at in range(1, ENDS + 1)]
        ends = [tf.gather(tracks, tf.maximum(place, 0), batch_dims=1) for place in back]
        plays = [tf.gather(self.about[:, 0], tf.maximum(end, 0)) for end in ends]
        return [
            tf.cast(nearest == self.config.length, tf.float32),
            tf.math.log1p(tf.cast(nearest, tf.float32)),
            tf.reduce_sum(tf.cast(same, tf.float32), axis=2),
            self._common(tf.math.log(tf.maximum(tf.cast(played, tf.float32), 1.0)), candidates),
            *(self._common(tf.where(place >= 0, of, -1.0), candidates) for place, of in zip(back, plays, strict=True)),
        ]

    @staticmethod
    def _common(values: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Values (n,) of a session as a column (n, c) of its candidates."""
        return tf.broadcast_to(values[:, None], tf.shape(candidates))
