"""The two towers of the retriever: feature tensors to unit vectors whose dot product is the retrieval score.

Each tower has two halves. `encode` looks strings up and normalises numbers; it needs no gradient, so training runs it once
over the whole training set. `embed` is the network. The saved tower is one after the other.
Ids are residuals that start near zero: an unknown user or track is exactly its features, and costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from segue.codes import FIRST_KNOWN
from trainers.inputs import QUERY, RECENT, TOWER_NUMBERS, TRACK, USER_NUMBERS, VECTORS, signature
from trainers.layers.numbers import Numbers
from trainers.layers.vocabulary import Vocabulary
from trainers.layers.weighted_mean import weighted_mean

Tensors = dict[str, tf.Tensor]
DEVICES = ("phone", "desktop", "speaker", "tv", "car", "web")
CONTEXT_WIDTH = 8
NOISE = 0.01


class Tables(NamedTuple):
    """The large tables that towers look rows up in: their own, or what stands in for those in training, where ids are then
    numbers of its rows."""

    users: tf.Variable | tf.Tensor
    tracks: tf.Variable | tf.Tensor
    artists: tf.Variable | tf.Tensor
    genres: tf.Variable | tf.Tensor


def _table(size: int, width: int, name: str) -> tf.Variable:
    return tf.Variable(tf.random.normal((size, width), stddev=width**-0.5), name=name)


def _residuals(size: int, width: int, name: str) -> tf.Variable:
    """Nearly zero: enough noise that users and tracks without any feature do not stay alike for ever."""
    known = tf.random.normal((size - FIRST_KNOWN, width), stddev=NOISE * width**-0.5)
    return tf.Variable(tf.concat([tf.zeros((FIRST_KNOWN, width)), known], axis=0), name=name)


class TrackTower(tf.Module):
    """Tracks to vectors: id, artist and genre embeddings, a projection of each vector from another source, plus a network over
    all that is known but the id. A vector that is missing adds nothing, and the network is told."""

    INPUTS = TRACK

    def __init__(self, tracks: Vocabulary, artists: Vocabulary, genres: Vocabulary, width: int, hidden: int) -> None:
        super().__init__(name="track_tower")
        self.tracks, self.artists, self.genres = tracks, artists, genres
        self.numbers = Numbers(TOWER_NUMBERS, name="track_numbers")
        self.track_table = _residuals(tracks.size, width, "track_embedding")
        self.artist_table = _table(artists.size, width, "artist_embedding")
        self.genre_table = _table(genres.size, width, "genre_embedding")
        self.projection = tf.keras.layers.Dense(width, use_bias=False)
        self.network = tf.keras.Sequential([tf.keras.layers.Dense(hidden, "relu"), tf.keras.layers.Dense(width)])

    def encode(self, inputs: Tensors) -> Tensors:
        """Feature tensors to numbers: `track`, `artist`, `genre` (n,) int32, `numbers` (n, f) float32, and of s sources the
        `vectors` (n, s, v) float32, zeros where missing, and which are `known` (n, s)."""
        vectors = tf.stack([inputs[name] for name in VECTORS], axis=1)
        known = tf.reduce_all(tf.math.is_finite(vectors), axis=2)
        return {
            "track": self.tracks(inputs["track_id"]),
            "artist": self.artists(inputs["artist_id"]),
            "genre": self.genres(inputs["genre"]),
            "numbers": self.numbers(tf.stack([inputs[spec.name] for spec in TOWER_NUMBERS], axis=1)),
            "vectors": tf.where(known[:, :, None], vectors, 0.0),
            "known": tf.cast(known, tf.float32),
        }

    def embed(self, encoded: Tensors, tables: Tables | None = None) -> tf.Tensor:
        """Unit vectors (n, width); `tables` stand in for the tower's own in training."""
        ids = tables.tracks if tables else self.track_table
        artist = tf.gather(tables.artists if tables else self.artist_table, encoded["artist"])
        genre = tf.gather(tables.genres if tables else self.genre_table, encoded["genre"])
        vectors = tf.reshape(encoded["vectors"], (-1, encoded["vectors"].shape[1] * encoded["vectors"].shape[2]))
        content = self.network(tf.concat([encoded["numbers"], genre, vectors, encoded["known"]], axis=1))
        content += self.projection(vectors)
        return tf.math.l2_normalize(tf.gather(ids, encoded["track"]) + artist + genre + content, axis=1)

    def __call__(self, inputs: Tensors) -> tf.Tensor:
        return self.embed(self.encode(inputs))


class QueryTower(tf.Module):
    """Users to vectors: what they played lately and mostly, as means of the track tower's own embeddings, who they are,
    where and when, and how much they listen."""

    INPUTS = QUERY

    def __init__(self, users: Vocabulary, territories: Vocabulary, track_tower: TrackTower, width: int, hidden: int) -> None:
        super().__init__(name="query_tower")
        self.users, self.territories, self.track_tower = users, territories, track_tower
        self.devices = Vocabulary(DEVICES, name="devices")
        self.numbers = Numbers(USER_NUMBERS, name="user_numbers")
        self.user_table = _residuals(users.size, width, "user_embedding")
        self.territory_table = _table(territories.size, width, "territory_embedding")
        self.device_table = _table(self.devices.size, CONTEXT_WIDTH, "device_embedding")
        self.hour_table = _table(25, CONTEXT_WIDTH, "hour_embedding")
        self.weekday_table = _table(8, CONTEXT_WIDTH, "weekday_embedding")
        self.recency = tf.Variable(tf.zeros(RECENT), name="recency")
        self.mix = tf.Variable(tf.ones(3), name="profile_mix")
        self.network = tf.keras.Sequential([tf.keras.layers.Dense(hidden, "relu"), tf.keras.layers.Dense(width)])

    @property
    def tables(self) -> Tables:
        """Its own, and the track tower's."""
        tower = self.track_tower
        return Tables(self.user_table, tower.track_table, tower.artist_table, tower.genre_table)

    def encode(self, inputs: Tensors) -> Tensors:
        """Feature tensors to numbers; lists keep their length, shares of padding are 0. An artist played four times as often
        counts twice: that one was played at all says the most about a release."""
        return self.encode_moment(inputs) | {
            "user": self.users(inputs["user_id"]),
            "territory": self.territories(inputs["territory"]),
            "top_device": self.devices(inputs["top_device"]),
            "numbers": self.numbers(tf.stack([inputs[spec.name] for spec in USER_NUMBERS], axis=1)),
            "hours": _known(inputs["hour_shares"]),
            "genres": self.track_tower.genres(inputs["top_genres"]),
            "genre_shares": _known(inputs["top_genre_shares"]),
            "artists": self.track_tower.artists(inputs["top_artists"]),
            "artist_shares": tf.sqrt(_known(inputs["top_artist_shares"])),
            "recent": self.track_tower.tracks(inputs["recent_tracks"]),
        }

    def encode_moment(self, inputs: Tensors) -> Tensors:
        """`device`, `hour` and `weekday` (n,) as numbers, 0 where unknown."""
        return {
            "device": self.devices(inputs["device"]),
            "hour": tf.cast(tf.clip_by_value(inputs["hour_of_day"], -1, 23) + 1, tf.int32),
            "weekday": tf.cast(tf.clip_by_value(inputs["day_of_week"], -1, 6) + 1, tf.int32),
        }

    def embed(self, encoded: Tensors, tables: Tables | None = None) -> tf.Tensor:
        """Unit vectors (n, width); `tables` stand in for the towers' own in training."""
        tables = tables or self.tables
        recent = weighted_mean(tables.tracks, encoded["recent"], tf.exp(self.recency))
        artists = weighted_mean(tables.artists, encoded["artists"], encoded["artist_shares"])
        genres = weighted_mean(tables.genres, encoded["genres"], encoded["genre_shares"])
        territory = tf.gather(self.territory_table, encoded["territory"])
        moment = [
            tf.gather(self.device_table, encoded["top_device"]),
            tf.gather(self.device_table, encoded["device"]),
            tf.gather(self.hour_table, encoded["hour"]),
            tf.gather(self.weekday_table, encoded["weekday"]),
        ]
        profile = [recent, artists, genres]
        hidden = self.network(tf.concat([*profile, *moment, territory, encoded["numbers"], encoded["hours"]], axis=1))
        taste = tf.add_n([self.mix[i] * part for i, part in enumerate(profile)])
        return tf.math.l2_normalize(tf.gather(tables.users, encoded["user"]) + taste + hidden, axis=1)

    def __call__(self, inputs: Tensors) -> tf.Tensor:
        return self.embed(self.encode(inputs))


class SavedTower(tf.Module):
    """What a tower is in a release: `encode`, from feature tensors to unit vectors, traced once for any number of rows."""

    def __init__(self, tower: QueryTower | TrackTower) -> None:
        super().__init__()
        self.tower = tower
        self.encode = tf.function(tower.__call__, input_signature=[signature(tower.INPUTS)])


def _known(shares: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(shares), shares, 0.0)
