"""The session model behind radio: which track comes next in a running session. A GRU over the session's tracks (Hidasi et al.,
2016, GRU4Rec) whose state, with the last track beside it, is compared by cosine with the table its inputs come from (Gupta et
al., 2019, NISER: unit vectors keep popular tracks from winning by their length).

The loss is a softmax over sampled tracks with the logQ correction (Bengio and Senecal, 2008). The tracks of the session itself
are always among them, uncorrected, with an offset by how long ago they were played: repeats are learned, not ruled out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import tensorflow as tf

from segue.errors import SegueError
from trainers.interactions import Floats, Indices
from trainers.layers.lazy_adam import LazyAdam
from trainers.sessions.config import SessionConfig
from trainers.sessions.session_lists import Sessions
from trainers.sessions.session_start import company_vectors

WIDTHS = (3, 6, 12)
"""Sessions of about one length are trained together, so that little of a batch is padding."""
NEVER = -1e9
NOISE = 0.3
"""Share of chance in a table that begins at the spectrum, so that tracks without company differ."""
ROWS_AT_ONCE = 500


class SessionNetwork(tf.Module):
    """Saved in a release: `next(tracks)` gives the probabilities of the next track (n, n_tracks)."""

    def __init__(self, config: SessionConfig, n_tracks: int) -> None:
        super().__init__()
        width = config.dimensions
        self.config, self.n_tracks = config, n_tracks
        self.table = tf.Variable(tf.random.normal([n_tracks, width], stddev=width**-0.5), name="table")
        self.bias = tf.Variable(tf.zeros([n_tracks]), name="bias")
        self.recurrent = tf.keras.layers.GRU(width, return_sequences=True)
        self.out = tf.keras.layers.Dense(width, use_bias=False)
        self.last = tf.Variable(tf.eye(width), name="last")
        self.log_scale = tf.Variable(-np.log(config.temperature), dtype=tf.float32, name="log_scale")
        self.again = tf.Variable(tf.fill([config.length], -2.0), name="again")
        self.next = tf.function(self._next, input_signature=[tf.TensorSpec([None, None], tf.int64, "tracks")])

    def states(self, tracks: tf.Tensor, *, dropout: float = 0.0) -> tf.Tensor:
        """(n, l, d) unit vectors times the scale, one after each of tracks (n, l); what stands at `NOTHING`, at a row's end
        only, says nothing."""
        met = tf.math.l2_normalize(tf.gather(self.table, tf.maximum(tracks, 0)), axis=-1) * self.config.dimensions**0.5
        hidden = self.recurrent(_dropped(met, dropout))
        state = self.out(_dropped(hidden, dropout)) + tf.matmul(_dropped(met, dropout), self.last)
        return tf.math.l2_normalize(state, axis=-1) * tf.exp(self.log_scale)

    def vectors(self, tracks: tf.Tensor) -> tf.Tensor:
        """Unit vectors (..., d) of tracks (...)."""
        return tf.math.l2_normalize(tf.gather(self.table, tf.maximum(tracks, 0)), axis=-1)

    def repeats(self, states: tf.Tensor, tracks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits (n, l, l) at each place of every track played by then, and where they count: a track that was played
        several times counts at its last play."""
        logits = (
            tf.matmul(states, self.vectors(tracks), transpose_b=True) + tf.gather(self.bias, tf.maximum(tracks, 0))[:, None]
        )
        place = tf.range(tf.shape(tracks)[1])
        since = place[:, None] - place[None]
        logits += tf.gather(self.again, tf.clip_by_value(since, 0, self.config.length - 1))
        again = (tracks[:, :, None] == tracks[:, None, :]) & (since < 0)
        following = tf.reduce_min(tf.where(again, place[None, None], tf.shape(tracks)[1]), axis=2)
        return logits, (since >= 0) & (following[:, None] > place[None, :, None]) & (tracks[:, None] >= 0)

    def _next(self, tracks: tf.Tensor) -> tf.Tensor:
        """Probabilities (n, n_tracks) after tracks (n, l), `NOTHING` at the end of the shorter ones; 0 where there is none."""
        tracks = tracks[:, : self.config.length]
        played = tf.reduce_sum(tf.cast(tracks >= 0, tf.int32), axis=1)
        end = tf.maximum(played - 1, 0)
        state = tf.gather(self.states(tracks), end, batch_dims=1)
        logits = tf.matmul(state, tf.math.l2_normalize(self.table, axis=-1), transpose_b=True) + self.bias
        place = tf.range(tf.shape(tracks)[1])[None]
        again = (tracks[:, :, None] == tracks[:, None, :]) & (place[:, None] > place[:, :, None])
        counts = (place <= end[:, None]) & ~tf.reduce_any(again, axis=2)
        offset = tf.gather(self.again, tf.clip_by_value(end[:, None] - place, 0, self.config.length - 1))
        rows = tf.broadcast_to(tf.range(tf.shape(tracks)[0])[:, None], tf.shape(tracks))
        where = tf.stack([rows, tf.cast(tf.maximum(tracks, 0), tf.int32)], axis=-1)
        logits = tf.tensor_scatter_nd_add(logits, where, tf.where(counts, offset, 0.0))
        return tf.nn.softmax(logits) * tf.cast(played > 0, tf.float32)[:, None]


class SessionModel:
    """The network and how it learns; a `NextTrack`."""

    def __init__(self, config: SessionConfig | None = None, *, seed: int = 17) -> None:
        self.config, self.seed = config or SessionConfig(), seed
        self.losses: list[float] = []

    def fit(self, sessions: Sessions, n_tracks: int, *, after_pass: Callable[[int, float], bool] | None = None) -> Self:
        """Learn from sessions of tracks below `n_tracks`; those of one play teach nothing.

        Args:
            after_pass: called with the passes done and the mean loss of the last; training ends when it says False.

        Raises:
            SegueError: no session of two plays, or the loss or a weight became infinite or no number.
        """
        tf.keras.utils.set_random_seed(self.seed)
        pieces = sessions.pieces(self.config.length)
        if not len(pieces):
            raise SegueError(
                expected="a session of two plays or more", received=f"{len(sessions)} shorter ones", mend="give more listens"
            )
        self.network = SessionNetwork(self.config, n_tracks)
        self._begin(sessions, n_tracks)
        step, rng = _Step(self.network, pieces), np.random.default_rng(self.seed)
        for done in range(self.config.passes):
            rate = max(1.0 - done / self.config.passes, 0.1)
            losses = [step(batch, rng, rate) for batch in _batches(pieces, self.config, rng)]
            self.losses.append(float(np.mean(losses)))
            self._require_finite()
            if after_pass and not after_pass(done + 1, self.losses[-1]):
                break
        return self

    def scores(self, prefixes: Sessions) -> Floats:
        """See `NextTrack.scores`."""
        parts = [np.empty((0, self.network.n_tracks), np.float32)]
        for at in range(0, len(prefixes), ROWS_AT_ONCE):
            tracks = prefixes.some(at, at + ROWS_AT_ONCE).padded(self.config.length)
            parts.append(self.network.next(tf.constant(tracks)).numpy())
        return np.concatenate(parts) if len(parts) > 2 else parts[-1]

    def save(self, folder: Path) -> None:
        """Write the network as a SavedModel."""
        tf.saved_model.save(self.network, str(folder))

    def _begin(self, sessions: Sessions, n_tracks: int) -> None:
        self.network.states(tf.zeros([1, 1], tf.int64))
        if self.config.spectral and min(len(sessions), n_tracks) > 2:
            self.network.table.assign(
                NOISE * self.network.table + company_vectors(sessions, n_tracks, self.config.dimensions, seed=self.seed)
            )

    def _require_finite(self) -> None:
        weights = all(np.isfinite(variable.numpy()).all() for variable in self.network.trainable_variables)
        if not weights or not np.isfinite(self.losses[-1]):
            losses = ", ".join(f"{loss:.4g}" for loss in self.losses)
            raise SegueError(
                expected="a session model whose loss and weights stay finite",
                received=f"losses {losses} and weights that are {'' if weights else 'not '}finite",
                mend="lower the learning rates in SessionConfig",
            )


class _Step:
    """One step of training: lazy Adam for table and bias, Adam for the rest."""

    def __init__(self, network: SessionNetwork, pieces: Sessions) -> None:
        config = network.config
        following = np.arange(len(pieces.tracks)) > np.repeat(pieces.starts[:-1], pieces.lengths)
        self.answers = pieces.tracks[following]
        share = np.bincount(self.answers, minlength=network.n_tracks) / len(self.answers)
        expected = config.sampled * share + config.uniform / network.n_tracks
        self.network, self.log_q = network, tf.constant(np.log(np.maximum(expected, 1e-9)), tf.float32)
        self.rest = [v for v in network.trainable_variables if v is not network.table and v is not network.bias]
        self.adam = tf.keras.optimizers.legacy.Adam(config.rate)
        self.adam_table, self.adam_bias = LazyAdam(network.table), LazyAdam(network.bias)
        shapes = [tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)]
        self.run = tf.function(self._run, input_signature=shapes)

    def __call__(self, batch: Indices, rng: np.random.Generator, rate: float) -> float:
        """The loss on sessions (n, l + 1), after a step at `rate` times the rates of the configuration."""
        config = self.network.config
        drawn = rng.choice(self.answers, config.sampled), rng.integers(0, self.network.n_tracks, config.uniform)
        self.adam.learning_rate = config.rate * rate
        return float(self.run(tf.constant(batch), tf.constant(np.concatenate(drawn)), tf.constant(rate, tf.float32)))

    def _run(self, batch: tf.Tensor, drawn: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        config, network = self.network.config, self.network
        with tf.GradientTape() as tape:
            loss = self._loss(batch[:, :-1], batch[:, 1:], drawn)
        table, bias, *others = tape.gradient(loss, [network.table, network.bias, *self.rest])
        self.adam.apply_gradients(zip(others, self.rest, strict=True))
        self.adam_table.apply(table, rate * config.table_rate)
        self.adam_bias.apply(bias, rate * config.bias_rate)
        return loss

    def _loss(self, tracks: tf.Tensor, answers: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Mean over the places that have an answer of its negative log-probability among itself, the session and `drawn`."""
        network, there = self.network, answers >= 0
        states = network.states(tracks, dropout=network.config.dropout)
        repeats, counts = network.repeats(states, tracks)
        repeated = counts & (tracks[:, None] == answers[:, :, None])
        answer, state = tf.boolean_mask(answers, there), tf.boolean_mask(states, there)
        own = tf.boolean_mask(tf.where(counts, repeats, NEVER), there)
        repeated = tf.boolean_mask(repeated, there)
        fresh = tf.reduce_sum(state * network.vectors(answer), axis=1)
        fresh += tf.gather(network.bias, answer) - tf.gather(self.log_q, answer)
        others = tf.matmul(state, network.vectors(drawn), transpose_b=True)
        others += tf.gather(network.bias, drawn) - tf.gather(self.log_q, drawn)
        others = tf.where(answer[:, None] == drawn[None], NEVER, others)
        is_repeat = tf.reduce_any(repeated, axis=1)
        right = tf.where(is_repeat, tf.reduce_sum(tf.where(repeated, own, 0.0), axis=1), fresh)
        every = tf.concat([tf.where(is_repeat, NEVER, fresh)[:, None], own, others], axis=1)
        return tf.reduce_mean(tf.reduce_logsumexp(every, axis=1) - right)


def _batches(pieces: Sessions, config: SessionConfig, rng: np.random.Generator) -> Iterator[Indices]:
    """Every piece once, padded, in batches of about `plays` plays and one width, in an order of `rng`."""
    plays = min(config.plays, max(len(pieces.tracks) // config.fewest_steps, 8))
    groups: list[Indices] = []
    widths = [width for width in WIDTHS if width < config.length] + [config.length]
    for low, width in zip([0, *widths], widths, strict=False):
        members = rng.permutation(np.flatnonzero((pieces.lengths - 1 > low) & (pieces.lengths - 1 <= width)))
        size = max(1, round(plays / (0.8 * width)))
        groups += [members[at : at + size] for at in range(0, len(members), size)]
    for n in rng.permutation(len(groups)):
        group = pieces.chosen(groups[n])
        yield group.padded(int(group.lengths.max()))


def _dropped(values: tf.Tensor, rate: float) -> tf.Tensor:
    return tf.nn.dropout(values, rate) if rate else values
