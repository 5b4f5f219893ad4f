"""Training of the ranker's network: its losses over lists. The network itself is `trainers.ranker.network`, the lists are
`trainers.ranker.lists`. Features are Feast's point-in-time joins, once per user and once per track.

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
from trainers.inputs import TRACK_NUMBERS, USER_NUMBERS, matrix
from trainers.ranker.batches import Batches
from trainers.ranker.inputs import AUDIO, RankerInputs
from trainers.ranker.lists import Lists
from trainers.ranker.network import HEADS, NetworkShape, RankerNetwork

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
RankerKind = Literal["network", "lambdarank", "both"]
Marks = npt.NDArray[np.bool_]
CALIBRATED_LISTS = 500
"""Lists that say how likely a success is: it is one number, and settles long before all of them are asked."""
PLACES = 30
"""Places in a list that are told apart; the ones after count as the last."""


@dataclass(frozen=True)
class RankerConfig:
    """Hyperparameters. `candidates` are the retriever's best per user, `users` the most lists; `lists` of them make a batch.
    Of each a pass looks at `drawn` tracks (`trainers.ranker.batches`).

    `kind` chooses the model: network, trees that learn the order only (LightGBM's LambdaRank), or both. `list_weight` weighs
    the listwise loss, which orders, against the pointwise ones, which calibrate. `edge_weight` is what an early skip at the
    edge of a session weighs, beside 1 for another play.
    """

    kind: RankerKind = "both"
    candidates: int = 500
    drawn: int = 128
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


class Ranker(tfrs.Model):
    """The losses around a `RankerNetwork`: binary cross-entropy per head, and softmax over each list for the first."""

    def __init__(self, network: RankerNetwork, config: RankerConfig, *, heads_known: tuple[bool, bool]) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.heads_known = heads_known
        self.read: Batches | None = None
        self.place_terms = tf.Variable(tf.zeros(PLACES), name="place_terms")
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self.tasks = [tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True)) for _ in HEADS]
        self.compile(optimizer=tf.keras.optimizers.legacy.Adam(config.rate))
        self.beginning = [variable.numpy() for variable in self._remembered()]

    def compute_loss(self, inputs: dict[str, Any], training: bool = False) -> tf.Tensor:
        """Sum of the losses of one batch of lists."""
        del training  # nothing is dropped
        logits = self.network.upon(inputs["start"], self._heads(inputs))
        first = logits[..., 0] + self._shown(inputs["place"])
        predictions = tf.concat([first[..., None], logits[..., 1:]], axis=2)
        labels = [inputs["success"], *(tf.cast(inputs[name], tf.float32) for name in ("skipped", "saved"))]
        played, retrieved = (tf.cast(inputs[name], tf.float32) for name in ("played", "retrieved"))
        listed = tf.maximum(retrieved, tf.cast(inputs["place"] > 0, tf.float32)) * inputs["weight"]
        skips, saves = (float(known) for known in self.heads_known)
        weights = [listed, played * inputs["certainty"] * skips, played * saves]
        losses = [
            task(labels=label[..., None], predictions=predictions[..., i, None], sample_weight=_share(weight))
            for i, (task, label, weight) in enumerate(zip(self.tasks, labels, weights, strict=True))
        ]
        stands_for = first + tf.math.log(inputs["weight"])
        loss = tf.add_n(losses) + self.config.list_weight * _listwise(stands_for, inputs["success"] * retrieved, retrieved)
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

    def fit_lists(self, lists: Lists, catalogue: Catalogue, *, seed: int, apart: Marks | None = None) -> list[float]:
        """Train on the lists that `apart` (n,) does not mark; the mean loss of each pass.

        Raises:
            SegueError: the loss became infinite or no number.
        """
        batches, rng = self._batches(lists, catalogue), np.random.default_rng(seed)
        rows = np.arange(len(lists.users)) if apart is None else np.flatnonzero(~apart)
        size, losses = min(self.config.lists, len(rows)), []
        step = tf.function(
            lambda some: self.train_step(batches.gather(some["rows"], some["columns"]) | {"weight": some["weight"]})
        )
        for _ in range(self.config.epochs):
            self.mean_loss.reset_state()
            for some in batches.epoch(rows, size, self.config.drawn, rng):
                step(some)
            losses.append(float(self.mean_loss.result()))
        if not np.isfinite(losses).all() or not all(np.isfinite(v.numpy()).all() for v in self.network.trainable_variables):
            raise SegueError(
                expected="a ranker whose loss and weights stay finite",
                received=f"losses {', '.join(f'{loss:.4g}' for loss in losses)}",
                mend="lower RankerConfig.rate, or look for absurd values in the features of this day",
            )
        return losses

    def learned_without(self, apart: Marks, lists: Lists, catalogue: Catalogue, *, seed: int) -> Floats:
        """Begin again on the lists that `apart` (n,) does not mark; what the first head then adds (w, c) on the others."""
        self.begin_again()
        self.fit_lists(lists, catalogue, seed=seed, apart=apart)
        return self.added(lists, catalogue, np.flatnonzero(apart))

    def believe(self, weight: float, lists: Lists, catalogue: Catalogue, starts: Floats) -> None:
        """Let the first head add to the start (n, c) of the lists with `weight`, and still say how likely a success is."""
        some = slice(CALIBRATED_LISTS)
        added = self.added(lists, catalogue, np.arange(len(starts))[some])
        listed = lists.listed[some]
        logits = (starts[some] + weight * added)[listed]
        self.network.weight.assign(weight)
        self.network.level.assign(level(logits, float(lists.success[some][listed].mean())))

    def added(self, lists: Lists, catalogue: Catalogue, rows: npt.NDArray[np.int64]) -> Floats:
        """What the first head adds (w, c) to where the network began, with every track of the lists `rows` (w,)."""
        batches = self._batches(lists, catalogue)
        columns = tf.range(lists.candidates.shape[1])

        @tf.function(reduce_retracing=True)
        def heads(some: tf.Tensor) -> tf.Tensor:
            every = tf.broadcast_to(columns, [tf.size(some), tf.size(columns)])
            return self._heads(batches.gather(some, every))[..., 0]

        parts = [rows[at : at + self.config.lists] for at in range(0, len(rows), self.config.lists)]
        return np.concatenate([heads(tf.constant(some, tf.int32)).numpy() for some in parts])

    def begin_again(self) -> None:
        """Forget what was learned: every weight and the optimizer's memory as they were before the first list."""
        for variable, value in zip(self._remembered(), self.beginning, strict=False):
            variable.assign(value)
        for variable in self._remembered()[len(self.beginning) :]:
            variable.assign(tf.zeros_like(variable))

    def _remembered(self) -> list[tf.Variable]:
        return [*self.network.trainable_variables, self.place_terms, *self.optimizer.variables()]

    def _batches(self, lists: Lists, catalogue: Catalogue) -> Batches:
        """Everything of `lists` that has no trained weight, computed when they come for the first time."""
        if self.read is None or self.read.lists is not lists:
            self.read = Batches(self.network.inputs, lists, catalogue)
        return self.read

    def _heads(self, inputs: dict[str, Any]) -> tf.Tensor:
        """What the heads say (b, k, 3)."""
        tracks = self.network.track_half(_in_one_row(inputs["tracks"]))
        halves = _per_list(tracks, tf.shape(inputs["start"]))
        return self.network.added(self.network.user_half(inputs["users"]), halves, inputs["common"])


def level(logits: Floats, share: float) -> float:
    """What to add to all of `logits` (n,) so that the mean of their sigmoid is `share`, within 20 of nothing."""
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(1 / (1 + np.exp(-logits - middle)))) < share else (low, middle)
    return (low + high) / 2


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
