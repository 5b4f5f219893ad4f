"""Training of the ranker: which lists it learns from, and its losses. The network itself is `trainers.ranker`.

A list is one user as known at one midnight: the retriever's best tracks for them, and what they did with those in the days
after. Both are Feast's point-in-time joins, once per user and once per track. Tracks they played that the retriever did not
find teach the heads about skips and saves only: as positives of the first head they would teach it that a low retrieval
score is a good one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from segue.errors import SegueError
from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, TRACK_NUMBERS, USER_NUMBERS, arrays, constants, matrix
from trainers.ranker import AUDIO, HEADS, RankerNetwork

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
EXTRA_PLAYS = 24


@dataclass(frozen=True)
class RankerConfig:
    """Hyperparameters. `candidates` are the retriever's best per user, `users` the most lists; `lists` of them make a batch.

    `list_weight` weighs the listwise loss, which orders, against the pointwise ones, which calibrate.
    """

    candidates: int = 500
    users: int = 6_000
    hidden: int = 64
    taste: int = 16
    lists: int = 32
    epochs: int = 16
    rate: float = 1e-3
    list_weight: float = 1.0


@dataclass(frozen=True)
class Lists:
    """n lists of c tracks, row numbers of a catalogue; what the users did is (n, c).

    `retrieved` marks the retriever's candidates, the others are further plays or, with `played` false, padding.
    """

    users: pd.DataFrame
    candidates: npt.NDArray[np.int32]
    scores: Floats
    retrieved: npt.NDArray[np.bool_]
    played: npt.NDArray[np.bool_]
    skipped: npt.NDArray[np.bool_]
    saved: npt.NDArray[np.bool_]


def make_lists(
    users: pd.DataFrame, found: npt.NDArray[np.int32], plays: pd.DataFrame, queries: Floats, vectors: Floats
) -> Lists:
    """Lists of users (n) from what the retriever found (n, k), and their first listens.

    Args:
        plays: `user` and `track` (row numbers), `skipped`, `saved`.
        queries: (n, d); vectors: (m, d), for the score of a play the retriever did not find.
    """
    n, k = found.shape
    candidates = np.concatenate([found, np.zeros((n, EXTRA_PLAYS), np.int32)], axis=1)
    marks = {name: np.zeros(candidates.shape, bool) for name in ("retrieved", "played", "skipped", "saved")}
    marks["retrieved"][:, :k] = True
    user, track = plays["user"].to_numpy(np.int64), plays["track"].to_numpy(np.int64)
    place = _places(found, user, track, len(vectors))
    outside = place < 0
    place[outside] = k + plays[outside].groupby("user").cumcount().to_numpy()
    fits = place < k + EXTRA_PLAYS
    at = user[fits], place[fits]
    candidates[at] = track[fits]
    marks["played"][at] = True
    for name in ("skipped", "saved"):
        marks[name][at] = plays[name].to_numpy(bool)[fits]
    scores = np.einsum("nd,ncd->nc", queries, vectors[candidates])
    return Lists(users, candidates, scores.astype(np.float32), **marks)


def _places(found: npt.NDArray[np.int32], user: Indices, track: Indices, m: int) -> Indices:
    """Column of `found` (n, k) where each (user, track) is, -1 where it is not."""
    keys = (np.arange(len(found))[:, None] * m + found).ravel()
    order = np.argsort(keys)
    wanted = user * m + track
    near = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[near] == wanted, near % found.shape[1], -1)


class Ranker(tfrs.Model):
    """The losses around a `RankerNetwork`: binary cross-entropy per head, and softmax over each list for the first."""

    def __init__(self, network: RankerNetwork, config: RankerConfig, *, heads_known: tuple[bool, bool]) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.heads_known = heads_known
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.tasks = [tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True)) for _ in HEADS]
        self.compile(optimizer=tf.keras.optimizers.legacy.Adam(config.rate))

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Sum of the losses of one batch of lists."""
        del training  # nothing is dropped
        users = self.network.user_half(inputs["users"])
        tracks = _per_list(self.network.track_half(_in_one_row(inputs["tracks"])), tf.shape(inputs["scores"]))
        logits = self.network.logits(users, tracks, inputs["territory"], inputs["scores"])
        liked = tf.cast(inputs["played"] & ~inputs["skipped"], tf.float32)
        labels = [liked, tf.cast(inputs["skipped"], tf.float32), tf.cast(inputs["saved"], tf.float32)]
        retrieved, played = (tf.cast(inputs[name], tf.float32) for name in ("retrieved", "played"))
        weights = [retrieved, *(played * float(known) for known in self.heads_known)]
        losses = [
            task(labels=label[..., None], predictions=logits[..., i, None], sample_weight=_share(weight))
            for i, (task, label, weight) in enumerate(zip(self.tasks, labels, weights, strict=True))
        ]
        loss = tf.add_n(losses) + self.config.list_weight * _listwise(logits[..., 0], liked * retrieved, retrieved)
        self.mean_loss.update_state(loss)
        return loss

    def train_step(self, inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
        """One step; the loss shown is the mean of the epoch so far."""
        super().train_step(inputs)
        return {"loss": self.mean_loss.result()}

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """What Keras resets after each epoch."""
        return [self.mean_loss]

    def fit_lists(self, lists: Lists, catalogue: Catalogue, *, seed: int) -> list[float]:
        """Train; the mean loss of each epoch.

        Raises:
            SegueError: the loss became infinite or no number.
        """
        self._adapt(lists.users, catalogue.frame)
        history = self.fit(self._batches(lists, catalogue, seed), epochs=self.config.epochs, verbose=0)
        losses = [float(loss) for loss in history.history["loss"]]
        if not np.isfinite(losses).all() or not all(np.isfinite(v.numpy()).all() for v in self.network.trainable_variables):
            raise SegueError(
                expected="a ranker whose loss and weights stay finite",
                received=f"losses {', '.join(f'{loss:.4g}' for loss in losses)}",
                mend="lower RankerConfig.rate, or look for absurd values in the features of this day",
            )
        return losses

    def _adapt(self, users: pd.DataFrame, tracks: pd.DataFrame) -> None:
        self.network.user_numbers.adapt(matrix(users, [spec.name for spec in USER_NUMBERS]))
        self.network.track_numbers.adapt(matrix(tracks, [spec.name for spec in TRACK_NUMBERS]))
        self.network.audio.adapt(matrix(tracks, [spec.name for spec in AUDIO]))

    def _batches(self, lists: Lists, catalogue: Catalogue, seed: int) -> tf.data.Dataset:
        users = self.network.read_users(constants(arrays(lists.users, RANKER_USERS)))
        tracks = self.network.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
        popularity = tf.constant(catalogue.popularity)
        names = ("candidates", "scores", "retrieved", "played", "skipped", "saved")
        whole = {name: tf.constant(getattr(lists, name)) for name in names}

        def gather(rows: tf.Tensor) -> dict[str, Any]:
            some = {name: tf.gather(values, rows) for name, values in whole.items()}
            candidates = some.pop("candidates")
            people = {name: tf.gather(values, rows) for name, values in users.items()}
            where = tf.broadcast_to(people["territory"][:, None], tf.shape(candidates))
            return some | {
                "users": people,
                "tracks": {name: tf.gather(values, candidates) for name, values in tracks.items()},
                "territory": tf.gather_nd(popularity, tf.stack([where, candidates], axis=2)),
            }

        n = len(lists.users)
        rows = tf.data.Dataset.range(n).shuffle(n, seed=seed).batch(min(self.config.lists, n), drop_remainder=True)
        return rows.map(gather, num_parallel_calls=1).prefetch(2)


def _in_one_row(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """(n, c, ...) to (n * c, ...)."""
    return {name: tf.reshape(value, tf.concat([[-1], tf.shape(value)[2:]], 0)) for name, value in tensors.items()}


def _per_list(tensors: dict[str, tf.Tensor], shape: tf.Tensor) -> dict[str, tf.Tensor]:
    """(n * c, ...) back to (n, c, ...)."""
    return {name: tf.reshape(value, tf.concat([shape, tf.shape(value)[1:]], 0)) for name, value in tensors.items()}


def _share(weights: tf.Tensor) -> tf.Tensor:
    """`weights` times their number over their sum: a mean over all elements is then a mean over the weighted ones."""
    return (weights * tf.cast(tf.size(weights), tf.float32) / tf.maximum(tf.reduce_sum(weights), 1.0))[..., None]


def _listwise(logits: tf.Tensor, liked: tf.Tensor, listed: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy over each list, averaged over the liked tracks (ListNet, Cao et al. 2007)."""
    log_share = tf.nn.log_softmax(tf.where(listed > 0, logits, -1e9), axis=1)
    return -tf.reduce_sum(liked * log_share) / tf.maximum(tf.reduce_sum(liked), 1.0)
