"""The ranker: orders the tracks the retriever found, by what the listener would do with each.

Three heads: the track is heard and not skipped early, it is skipped early, it is saved. The first is trained over all
candidates; the other two only over those that were played, so they say what happens once the track plays. One score blends
them as a weighted product (Zhao et al. 2019, "Recommending what video to watch next", section 4.2):

    score = log p(complete) + log(1 + save * p(save)) + early_skip * log(1 - p(early skip))

The model is split so that the track half is computed once per release and the user half once per request: the first layer
is a sum of a user's part, a track's part and a part for what they have in common, so that scoring a candidate is an
addition and a few small products. Its last layer starts at zero, on top of the retriever's own score: it begins as the
retriever's order and can only learn what that order lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from trainers.inputs import RANKER_TRACKS, RANKER_USERS, TRACK_NUMBERS, USER_NUMBERS, signature
from trainers.layers.crosses import WIDTH, crosses
from trainers.layers.numbers import Numbers, NumberSpec
from trainers.layers.vocabulary import FIRST_KNOWN, Vocabulary

Tensors = dict[str, tf.Tensor]
AUDIO = (NumberSpec("tempo"), NumberSpec("energy"))
USER_AUDIO = ("mean_tempo_30d", "mean_energy_30d")
HEADS = ("complete", "early_skip", "save")
SMALLEST = 1e-30


@dataclass(frozen=True)
class BlendWeights:
    """How much saves and early skips weigh against completes in the one score; 0 where a source has no such feedback."""

    save: float = 1.0
    early_skip: float = 0.5


@dataclass(frozen=True)
class RankerNames:
    """What the ranker knows by name: the artist of each track, and genres and territories."""

    artist_of: dict[str, str]
    genres: list[str]
    territories: tuple[str, ...]


class RankerNetwork(tf.Module):
    """What a release keeps: `encode_users`, `encode_tracks` and `score` as `segue/release.py` describes them, and `blend`.

    Args:
        scale: what a retrieval score is multiplied with to be a logit: one over the retriever's temperature.
    """

    def __init__(self, names: RankerNames, blend: BlendWeights, *, scale: float, hidden: int, taste: int) -> None:
        super().__init__(name="ranker")
        self.weights, self.scale = blend, scale
        self.artists, self.genres = Vocabulary(names.artist_of.values()), Vocabulary(names.genres)
        self.tracks, self.territories = Vocabulary(names.artist_of), Vocabulary(names.territories)
        self.artist_of = self._artist_table(names.artist_of)
        self.user_numbers, self.track_numbers = Numbers(USER_NUMBERS), Numbers(TRACK_NUMBERS)
        self.audio = Numbers(AUDIO)
        self.genre_table = tf.Variable(tf.random.normal((self.genres.size, taste), stddev=0.1), name="genre_embedding")
        self.user_part, self.track_part = tf.keras.layers.Dense(hidden), tf.keras.layers.Dense(hidden)
        self.user_taste, self.track_taste = tf.keras.layers.Dense(taste), tf.keras.layers.Dense(taste)
        self.common_part = tf.keras.layers.Dense(hidden, use_bias=False)
        self.middle = tf.keras.layers.Dense(hidden // 2, "relu")
        self.heads = tf.keras.layers.Dense(len(HEADS), kernel_initializer="zeros")
        self.trust = tf.Variable(1.0, name="trust_in_retriever")
        self._build(hidden, taste)

    def _artist_table(self, artist_of: dict[str, str]) -> tf.Tensor:
        known = self.artists(tf.constant([artist_of[track] for track in self.tracks.known], tf.string))
        return tf.concat([tf.zeros(FIRST_KNOWN, tf.int32), known], axis=0)

    def _build(self, hidden: int, taste: int) -> None:
        users, tracks = 2 * len(USER_NUMBERS) + taste, 2 * len(TRACK_NUMBERS) + taste
        for layers, width in (((self.user_part, self.user_taste), users), ((self.track_part, self.track_taste), tracks)):
            for layer in layers:
                layer.build((None, width))
        self.common_part.build((None, WIDTH + 2 + taste))
        self.middle.build((None, hidden))
        self.heads.build((None, hidden // 2))

    def read_users(self, inputs: Tensors) -> Tensors:
        """User tensors to numbers, without any weight: strings looked up, shares of padding 0."""
        territory = self.territories(inputs["territory"])
        shares = {name: _known(inputs[f"top_{name}_shares"]) for name in ("artist", "genre")}
        return {
            "numbers": self.user_numbers(tf.stack([inputs[spec.name] for spec in USER_NUMBERS], axis=1)),
            "artists": self.artists(inputs["top_artists"]),
            "artist_shares": shares["artist"],
            "genres": self.genres(inputs["top_genres"]),
            "genre_shares": shares["genre"],
            "recent_artists": tf.gather(self.artist_of, self.tracks(inputs["recent_tracks"])),
            "audio": self.audio(tf.stack([inputs[name] for name in USER_AUDIO], axis=1)),
            "territory": tf.where(territory < FIRST_KNOWN, len(self.territories.known), territory - FIRST_KNOWN),
        }

    def read_tracks(self, inputs: Tensors) -> Tensors:
        """Track tensors to numbers, without any weight."""
        return {
            "numbers": self.track_numbers(tf.stack([inputs[spec.name] for spec in TRACK_NUMBERS], axis=1)),
            "artist": self.artists(inputs["artist_id"]),
            "genre": self.genres(inputs["genre"]),
            "audio": self.audio(tf.stack([inputs[spec.name] for spec in AUDIO], axis=1)),
        }

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

    def logits(self, users: Tensors, tracks: Tensors, territory: tf.Tensor, retrieval_scores: tf.Tensor) -> tf.Tensor:
        """Logits (n, c, 3) of candidates: every entry of `tracks` is (n, c, ...), `territory` (n, c, 2)."""
        retrieved = retrieval_scores * self.scale
        best = tf.reduce_max(retrieved, axis=1, keepdims=True)
        common = [
            crosses(users, tracks, territory),
            users["taste"][:, None, :] * tracks["taste"],
            tf.stack([retrieved, retrieved - best], axis=2) / 5.0,
        ]
        first = tf.nn.relu(users["hidden"][:, None, :] + tracks["hidden"] + self.common_part(tf.concat(common, axis=2)))
        heads = self.heads(self.middle(first))
        trusted = tf.stack([self.trust * (retrieved - best), tf.zeros_like(retrieved), tf.zeros_like(retrieved)], axis=2)
        return heads + trusted

    def scored(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor, retrieval_scores: tf.Tensor) -> Tensors:
        """`score` (n, c) and `heads` (n, c, 3) of the candidates (n, c), row numbers of the entries of `tracks`."""
        rows = tf.broadcast_to(users["territory"][:, None], tf.shape(candidates))
        territory = tf.gather_nd(tracks["territory"], tf.stack([rows, candidates], axis=2))
        gathered = {name: tf.gather(values, candidates) for name, values in tracks.items() if name != "territory"}
        heads = tf.sigmoid(self.logits(users, gathered, territory, retrieval_scores))
        return {"score": self.blended(heads), "heads": heads}

    def blended(self, heads: tf.Tensor) -> tf.Tensor:
        """The one score (n, c), by the formula above."""
        complete, early_skip, save = tf.unstack(heads, axis=-1)
        liked = tf.math.log(tf.maximum(complete, SMALLEST)) + tf.math.log1p(self.weights.save * save)
        return liked + self.weights.early_skip * tf.math.log(tf.maximum(1.0 - early_skip, SMALLEST))

    def add_functions(self) -> None:
        """Make the functions of a release, traced for any number of users, tracks and candidates."""
        users, tracks = signature(RANKER_USERS), signature(RANKER_TRACKS)
        self.encode_users = tf.function(lambda inputs: self.user_half(self.read_users(inputs)), input_signature=[users])
        self.encode_tracks = tf.function(lambda inputs: self.track_half(self.read_tracks(inputs)), input_signature=[tracks])
        halves = [
            _any_rows(function.get_concrete_function().structured_outputs)
            for function in (self.encode_users, self.encode_tracks)
        ]
        halves[1]["territory"] = tf.TensorSpec([len(self.territories.known) + 1, None, 2], tf.float32)
        pairs = [tf.TensorSpec([None, None], kind) for kind in (tf.int32, tf.float32)]
        self.score = tf.function(self.scored, input_signature=[*halves, *pairs])
        self.blend = tf.function(self.blended, input_signature=[tf.TensorSpec([None, None, len(HEADS)], tf.float32)])


def save_ranker(network: RankerNetwork, folder: Path) -> None:
    """Write `ranker/` as a SavedModel."""
    network.add_functions()
    tf.saved_model.save(network, str(folder / "ranker"))


def _any_rows(outputs: Tensors) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None, *value.shape[1:]], value.dtype) for name, value in outputs.items()}


def _known(shares: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(shares), shares, 0.0)
