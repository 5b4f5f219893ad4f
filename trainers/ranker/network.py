"""The ranker: orders the tracks the retriever found, by what the listener would do with each.

Three heads: the track is heard and not skipped early, it is skipped early, it is saved. The first is trained over all
candidates; the other two only over those that were played, so they say what happens once the track plays. One score blends
them as a weighted product (Zhao et al. 2019, "Recommending what video to watch next", section 4.2):

    score = log p(complete) + log(1 + save * p(save)) + early_skip * log(1 - p(early skip))

The model is split so that the track half is computed once per release and the user half once per request: the first layer
is a sum of a user's part, a track's part and a part for what they have in common, so that scoring a candidate is an
addition and a few small products. What is crossed with what is learned after that sum, by low-rank cross layers (DCN-v2),
so that the halves stay apart. Its last layer starts at zero, on top of a weighted sum of the retriever's own score and the
numbers (`trainers.ranker.start`): it begins as that order and can only learn what it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from segue.ranker.crosses import COMMON, SMALLEST
from segue.ranker.opened import drawn
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, signature
from trainers.layers.crosses import staying
from trainers.layers.low_rank_cross import LowRankCross
from trainers.ranker.arrays import arrays_of
from trainers.ranker.inputs import TRACK_WIDTH, USER_WIDTH, RankerInputs, Tensors
from trainers.ranker.track_rows import TrackRows, no_tracks

HEADS = ("complete", "early_skip", "save")


@dataclass(frozen=True)
class BlendWeights:
    """How much saves and early skips weigh against completes in the one score; 0 where a source has no such feedback."""

    save: float = 1.0
    early_skip: float = 0.5


@dataclass(frozen=True)
class NetworkShape:
    """Widths of the first layer and of the products of user and track; how many cross layers, and their rank."""

    hidden: int = 64
    taste: int = 16
    crosses: int = 2
    cross_rank: int = 16


class Halves(Protocol):
    """What turns encodings into the two halves a release keeps apart; of a track's it keeps what `layout` packs."""

    layout: TrackRows

    def user_half(self, read: Tensors) -> Tensors: ...

    def track_half(self, read: Tensors) -> Tensors: ...


class RankerNetwork(tf.Module):
    """What a release keeps: `encode_users`, `encode_tracks` and `score` as `segue/release.py` describes them."""

    def __init__(self, inputs: RankerInputs, blend: BlendWeights, shape: NetworkShape) -> None:
        super().__init__(name="ranker")
        self.inputs, self.weights = inputs, blend
        hidden, taste = shape.hidden, shape.taste
        self.genre_table = tf.Variable(tf.random.normal((inputs.genres.size, taste), stddev=0.1), name="genre_embedding")
        self.user_part, self.track_part = tf.keras.layers.Dense(hidden), tf.keras.layers.Dense(hidden)
        self.user_taste, self.track_taste = tf.keras.layers.Dense(taste), tf.keras.layers.Dense(taste)
        self.common_part = tf.keras.layers.Dense(hidden, use_bias=False)
        self.cross_rank = shape.cross_rank
        self.crosses = [LowRankCross(shape.cross_rank) for _ in range(shape.crosses)]
        self.middle = tf.keras.layers.Dense(hidden // 2, "relu")
        self.heads = tf.keras.layers.Dense(len(HEADS), kernel_initializer="zeros")
        self.weight = tf.Variable(1.0, trainable=False, name="weight_of_first_head")
        self.level = tf.Variable(0.0, trainable=False, name="level_of_first_head")
        self._build(hidden, taste)
        self.layout = TrackRows.of(self.track_half(no_tracks(inputs)))

    def _build(self, hidden: int, taste: int) -> None:
        users, tracks = USER_WIDTH + taste, TRACK_WIDTH + taste
        for layers, width in (((self.user_part, self.user_taste), users), ((self.track_part, self.track_taste), tracks)):
            for layer in layers:
                layer.build((None, width))
        self.common_part.build((None, COMMON + taste))
        for cross in self.crosses:
            cross.build(tf.TensorShape([None, hidden]))
        self.middle.build((None, hidden))
        self.heads.build((None, hidden // 2))

    def user_half(self, read: Tensors) -> Tensors:
        """The user's part of the first layer, and what the crosses need: `hidden` (n, h), `taste` (n, t) and lists."""
        genres = tf.einsum("ng,ngt->nt", read["genre_shares"], tf.gather(self.genre_table, read["genres"]))
        features = tf.concat([read["numbers"], genres], axis=1)
        rest = {name: value for name, value in read.items() if name != "numbers"}
        return rest | {"hidden": self.user_part(features), "taste": self.user_taste(features)}

    def track_half(self, read: Tensors) -> Tensors:
        """The track's part of the first layer, and what the crosses need: `hidden` (m, h), `taste` (m, t), `artist`, ..."""
        features = tf.concat([read["numbers"], tf.gather(self.genre_table, read["genre"])], axis=1)
        rest = {name: value for name, value in read.items() if name != "numbers"}
        return rest | {"hidden": self.track_part(features), "taste": self.track_taste(features)}

    def added(self, users: Tensors, tracks: Tensors, common: tf.Tensor) -> tf.Tensor:
        """What the heads say (n, c, 3) of candidates whose halves `tracks` are (n, c, ...), from what they have in `common`
        (n, c, `COMMON`) with the users (n)."""
        both = tf.concat([common, users["taste"][:, None, :] * tracks["taste"]], axis=2)
        halves = users["hidden"][:, None, :] + tracks["hidden"]
        # Candidate after candidate: TensorFlow makes one operation of a product, its bias and relu for matrices alone.
        first = tf.nn.relu(_flat(halves) + self.common_part(_flat(both)))
        crossed = first
        for cross in self.crosses:
            crossed = cross(first, crossed)
        heads = self.heads(self.middle(crossed))
        return tf.reshape(heads, tf.concat([tf.shape(both)[:2], [len(HEADS)]], axis=0))

    def upon(self, start: tf.Tensor, heads: tf.Tensor) -> tf.Tensor:
        """Logits (n, c, 3): the first of `heads` (n, c, 3) adds to the start (n, c) with its `weight`."""
        first = start + self.weight * heads[..., 0] + self.level
        return tf.concat([first[..., None], heads[..., 1:]], axis=2)

    def scored(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """`score`, `stays` (n, c) and `heads` (n, c, 3) of the candidates (n, c), row numbers of the packed `tracks`."""
        return self.judged(users, *self.layout.of_candidates(users, tracks, candidates), retrieval_scores)

    def judged(self, users: Tensors, gathered: Tensors, territory: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """What is `scored`, from the entries `gathered` for the candidates and their popularity where the users are."""
        retrieved = retrieval_scores * self.inputs.scale
        common = self.inputs.common(users, gathered, territory, retrieved)
        start = self.inputs.start(common, gathered["start"], retrieved)
        heads = tf.sigmoid(self.upon(start, self.added(users, gathered, common)))
        away = retrieved - tf.reduce_max(retrieved, axis=1, keepdims=True)
        score = drawn(blended(heads, self.weights), away, users["belief"])
        return {"score": score, "heads": heads, "stays": staying(common)}

    def add_functions(self) -> None:
        """Make the functions of a release, traced for any number of users, tracks and candidates."""
        self.encode_users, self.encode_tracks, specs = traced_halves(self, self.inputs)
        self.score = tf.function(self.scored, input_signature=specs)

    def save(self, folder: Path) -> None:
        """Write `ranker/` as a SavedModel."""
        self.add_functions()
        self.look_up_users, self.arrays = looking_up(self, self.inputs), arrays_of(self, self.layout)
        tf.saved_model.save(self, str(folder / "ranker"))


def _flat(values: tf.Tensor) -> tf.Tensor:
    """Values (n, c, w) as (n c, w)."""
    return tf.reshape(values, (-1, values.shape[2]))


def blended(heads: tf.Tensor, weights: BlendWeights) -> tf.Tensor:
    """The one score (n, c) of heads (n, c, 3), by the formula above."""
    complete, early_skip, save = tf.unstack(heads, axis=-1)
    liked = tf.math.log(tf.maximum(complete, SMALLEST)) + tf.math.log1p(weights.save * save)
    return liked + weights.early_skip * tf.math.log(tf.maximum(1.0 - early_skip, SMALLEST))


def traced_halves(model: Halves, inputs: RankerInputs) -> tuple[tf.Function, tf.Function, list[Any]]:
    """`encode_users` and `encode_tracks` of a release, and the signature of what takes both, candidates and their scores."""
    users, tracks = signature(RANKER_USERS), signature(RANKER_TRACKS)
    encode_users = tf.function(lambda columns: model.user_half(inputs.read_users(columns)), input_signature=[users])
    encode_tracks = tf.function(
        lambda columns: model.layout.packed(model.track_half(inputs.read_tracks(columns))), input_signature=[tracks]
    )
    halves = [_any_rows(half.get_concrete_function().structured_outputs) for half in (encode_users, encode_tracks)]
    halves[1]["territory"] = tf.TensorSpec([len(inputs.territories.known) + 1, None, 2], tf.float32)
    pairs = [tf.TensorSpec([None, None], kind) for kind in (tf.int32, tf.float32)]
    return encode_users, encode_tracks, [*halves, *pairs]


def looking_up(model: Halves, inputs: RankerInputs) -> tf.Function:
    """What a release's `encode_users` gives but where the users are among the tracks, which is found in machine code."""
    users = signature(RANKER_USERS)
    return tf.function(lambda columns: model.user_half(inputs.look_up_users(columns)), input_signature=[users])


def _any_rows(outputs: Tensors) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None, *value.shape[1:]], value.dtype) for name, value in outputs.items()}
