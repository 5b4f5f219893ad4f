"""Training of the ranker's network: which lists it learns from, and its losses. The network itself is `trainers.ranker`.

A list is one user as known at one midnight: the retriever's best tracks for them, what they did with those in the days
after, and at which place they were shown, if they were. Features are Feast's point-in-time joins, once per user and once per
track. Tracks they played that the retriever did not find teach the heads about skips and saves only: as positives of the
first head they would teach it that a low retrieval score is a good one.

Where a track was shown is a term of its own for each place, added to the first head in training and left out when serving
(Guo et al. 2019, "PAL: a position-bias aware learning framework for CTR prediction"): what a listener played because it
stood first is then not put down to the track.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs

from segue.errors import SegueError
from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, TRACK_NUMBERS, USER_NUMBERS, arrays, constants, matrix
from trainers.ranker import HEADS, NetworkShape, RankerNetwork
from trainers.ranker_inputs import AUDIO, RankerInputs

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
EXTRA_PLAYS = 24
MARKS = ("retrieved", "played")
PLAY_MARKS: dict[str, Any] = {"skipped": bool, "saved": bool, "success": np.float32, "certainty": np.float32}
RankerKind = Literal["network", "lambdarank", "both"]
PLACES = 30
"""Places in a list that are told apart; the ones after count as the last."""


@dataclass(frozen=True)
class RankerConfig:
    """Hyperparameters. `candidates` are the retriever's best per user, `users` the most lists; `lists` of them make a batch.

    `kind` chooses the model: network, trees that learn the order only (LightGBM's LambdaRank), or both. `list_weight` weighs
    the listwise loss, which orders, against the pointwise ones, which calibrate. `edge_weight` is what an early skip at the
    edge of a session weighs, beside 1 for another play.
    """

    kind: RankerKind = "both"
    candidates: int = 500
    users: int = 6_000
    hidden: int = 64
    taste: int = 16
    crosses: int = 2
    cross_rank: int = 16
    lists: int = 32
    epochs: int = 16
    rate: float = 1e-3
    list_weight: float = 1.0
    edge_weight: float = 0.5

    @property
    def shape(self) -> NetworkShape:
        """The widths of the network."""
        return NetworkShape(self.hidden, self.taste, self.crosses, self.cross_rank)


@dataclass(frozen=True)
class Lists:
    """n lists of c tracks, row numbers of a catalogue; what the users did is (n, c).

    `retrieved` marks the retriever's candidates, the others are further plays, tracks that were shown, or padding with
    neither. `success` is 1 for a play to the end, a half for one that was skipped late, 0 else. `certainty` is what a play
    weighs as evidence of a skip or of none. `place` is where the track was shown, from 1, and 0 where it was not.
    """

    users: pd.DataFrame
    candidates: npt.NDArray[np.int32]
    scores: Floats
    retrieved: npt.NDArray[np.bool_]
    played: npt.NDArray[np.bool_]
    skipped: npt.NDArray[np.bool_]
    saved: npt.NDArray[np.bool_]
    success: Floats
    certainty: Floats
    place: npt.NDArray[np.int32]

    @property
    def listed(self) -> npt.NDArray[np.bool_]:
        """What the listener could have chosen: the candidates and what was shown."""
        return self.retrieved | (self.place > 0)


def make_lists(
    users: pd.DataFrame,
    found: npt.NDArray[np.int32],
    plays: pd.DataFrame,
    queries: Floats,
    vectors: Floats,
    shown: pd.DataFrame | None = None,
) -> Lists:
    """Lists of users (n) from what the retriever found (n, k), what they played for the first time and what they were shown.

    Args:
        plays: `user` and `track` (row numbers), `skipped`, `saved`, `success`, `certainty`.
        queries: (n, d); vectors: (m, d), for the score of a track the retriever did not find.
        shown: `user`, `track`, `place`; None and empty are the same.
    """
    n, k = found.shape
    candidates = np.concatenate([found, np.zeros((n, EXTRA_PLAYS), np.int32)], axis=1)
    kinds = dict.fromkeys(MARKS, bool) | PLAY_MARKS | {"place": np.int32}
    marks: dict[str, npt.NDArray[Any]] = {name: np.zeros(candidates.shape, kind) for name, kind in kinds.items()}
    marks["retrieved"][:, :k] = True
    events = plays.assign(played=True, place=0) if shown is None or shown.empty else _with_shown(plays, shown)
    user, track = events["user"].to_numpy(np.int64), events["track"].to_numpy(np.int64)
    place = _places(found, user, track, len(vectors))
    outside = place < 0
    place[outside] = k + events[outside].groupby("user").cumcount().to_numpy()
    fits = place < k + EXTRA_PLAYS
    at = user[fits], place[fits]
    candidates[at] = track[fits]
    for name in ("played", "place", *PLAY_MARKS):
        marks[name][at] = events[name].to_numpy(marks[name].dtype)[fits]
    scores = np.einsum("nd,ncd->nc", queries, vectors[candidates]).astype(np.float32)
    padding = ~(marks["retrieved"] | marks["played"] | (marks["place"] > 0))
    return Lists(users, candidates, np.where(padding, scores.min(axis=1, keepdims=True), scores), **marks)


def _with_shown(plays: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """One row per (user, track) that was played, shown or both; plays first."""
    both = plays.assign(played=True).merge(shown, on=["user", "track"], how="outer", sort=False)
    both = both.sort_values(["played", "user", "place"], kind="stable", ignore_index=True)
    for name, kind in {"played": bool, "place": np.int32, **PLAY_MARKS}.items():
        both[name] = both[name].astype("float64").fillna(0).astype(kind)
    return both


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
        self.place_terms = tf.Variable(tf.zeros(PLACES), name="place_terms")
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.tasks = [tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True)) for _ in HEADS]
        self.compile(optimizer=tf.keras.optimizers.legacy.Adam(config.rate))

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Sum of the losses of one batch of lists."""
        del training  # nothing is dropped
        users = self.network.user_half(inputs["users"])
        tracks = _per_list(self.network.track_half(_in_one_row(inputs["tracks"])), tf.shape(inputs["scores"]))
        logits = self.network.logits(users, tracks, inputs["territory"], inputs["scores"])
        first = logits[..., 0] + self._shown(inputs["place"])
        predictions = tf.concat([first[..., None], logits[..., 1:]], axis=2)
        labels = [inputs["success"], *(tf.cast(inputs[name], tf.float32) for name in ("skipped", "saved"))]
        played, retrieved = (tf.cast(inputs[name], tf.float32) for name in ("played", "retrieved"))
        listed = tf.maximum(retrieved, tf.cast(inputs["place"] > 0, tf.float32))
        skips, saves = (float(known) for known in self.heads_known)
        weights = [listed, played * inputs["certainty"] * skips, played * saves]
        losses = [
            task(labels=label[..., None], predictions=predictions[..., i, None], sample_weight=_share(weight))
            for i, (task, label, weight) in enumerate(zip(self.tasks, labels, weights, strict=True))
        ]
        loss = tf.add_n(losses) + self.config.list_weight * _listwise(first, inputs["success"] * retrieved, retrieved)
        self.mean_loss.update_state(loss)
        return loss

    def _shown(self, place: tf.Tensor) -> tf.Tensor:
        """What it adds to the first logit that a track was shown at `place` (n, c); nothing where it was not."""
        terms = tf.gather(self.place_terms, tf.clip_by_value(place, 1, PLACES) - 1)
        return tf.where(place > 0, terms, 0.0)

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
        history = self.fit(self._batches(lists, catalogue, seed), epochs=self.config.epochs, verbose=0)
        losses = [float(loss) for loss in history.history["loss"]]
        if not np.isfinite(losses).all() or not all(np.isfinite(v.numpy()).all() for v in self.network.trainable_variables):
            raise SegueError(
                expected="a ranker whose loss and weights stay finite",
                received=f"losses {', '.join(f'{loss:.4g}' for loss in losses)}",
                mend="lower RankerConfig.rate, or look for absurd values in the features of this day",
            )
        return losses

    def _batches(self, lists: Lists, catalogue: Catalogue, seed: int) -> tf.data.Dataset:
        users = self.network.inputs.read_users(constants(arrays(lists.users, RANKER_USERS)))
        tracks = self.network.inputs.read_tracks(constants(arrays(catalogue.frame, RANKER_TRACKS)))
        popularity = tf.constant(catalogue.popularity)
        names = ("candidates", "scores", "place", *MARKS, *PLAY_MARKS)
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


def adapt(inputs: RankerInputs, users: pd.DataFrame, tracks: pd.DataFrame) -> None:
    """Learn the normalisation of numbers from the users of the lists and the tracks of the catalogue."""
    inputs.user_numbers.adapt(matrix(users, [spec.name for spec in USER_NUMBERS]))
    inputs.track_numbers.adapt(matrix(tracks, [spec.name for spec in TRACK_NUMBERS]))
    inputs.audio.adapt(matrix(tracks, [spec.name for spec in AUDIO]))


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
