"""What the ranker reads of a listener and of a track, and what it finds they have in common: encodings saved inside the model.

The network and the trees learn from the same numbers, so that the choice between them is a choice of model and nothing else.
Each side is encoded by itself, the track once per release and the user once per request; what they have in common is made
from the two encodings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from segue.codes import FIRST_KNOWN
from segue.errors import SegueError
from segue.ranker.crosses import COMMON, PLACE_SCALE, RETRIEVED_SCALE
from segue.ranker.placing import BEST_OUTCOME, SHORTEST
from trainers.inputs import LONG_RECENT, TRACK_NUMBERS, USER_NUMBERS
from trainers.layers.crosses import crosses
from trainers.layers.fold_in import FoldIn
from trainers.layers.numbers import Numbers, NumberSpec
from trainers.layers.ridge import ridge
from trainers.layers.vocabulary import Vocabulary
from trainers.ranker.companions import CompanionConfig
from trainers.ranker.reception import Reception, ReceptionConfig

Tensors = dict[str, tf.Tensor]
Floats = npt.NDArray[np.float32]
AUDIO = (NumberSpec("tempo"), NumberSpec("energy"))
USER_AUDIO = ("mean_tempo_30d", "mean_energy_30d")
_HEARD = [n for n, spec in enumerate(TRACK_NUMBERS) if spec.name in ("track_plays_7d", "track_plays_30d", "users_30d")]
STARTING = [*_HEARD, len(TRACK_NUMBERS) + _HEARD[0]]
"""The numbers of a track that its ranker begins with: how much it is heard, and that nobody can say as it has just come out:
else a release counts as a track of middling plays. With all of them the start is learned by heart."""
USER_WIDTH, TRACK_WIDTH = 2 * len(USER_NUMBERS), 2 * len(TRACK_NUMBERS) + 2


@dataclass(frozen=True)
class RankerNames:
    """What the ranker knows by name: every track with its artist ("" where none is known), genres and territories."""

    artist_of: dict[str, str]
    genres: list[str]
    territories: tuple[str, ...]

    @property
    def tracks(self) -> list[str]:
        """The tracks in the order of the ranker's tables."""
        return sorted(self.artist_of)


class RankerInputs(tf.Module):
    """Vocabularies, normalisation, and tables of what is known of tracks before anything is learned from lists.

    Args:
        scale: what a retrieval score is multiplied with to be a logit: one over the retriever's temperature.

    Raises:
        SegueError: a penalty of a least-squares solution is not above 0.
    """

    def __init__(self, names: RankerNames, companions: CompanionConfig, received: ReceptionConfig, *, scale: float) -> None:
        super().__init__(name="ranker_inputs")
        if min(companions.regularization, received.ridge) <= 0:
            raise SegueError(
                expected="penalties above 0: CompanionConfig.regularization and ReceptionConfig.ridge",
                received=f"{companions.regularization} and {received.ridge}",
                mend="correct them: without one a listener of few tracks has no place",
            )
        self.scale, self.ridge = scale, received.ridge
        self.artists, self.genres = Vocabulary(names.artist_of.values()), Vocabulary(names.genres)
        self.tracks, self.territories = Vocabulary(names.artist_of), Vocabulary(names.territories)
        self.artist_of = self._artist_of(names)
        self.user_numbers, self.track_numbers = Numbers(USER_NUMBERS), Numbers(TRACK_NUMBERS)
        self.audio = Numbers(AUDIO)
        width, confidence = companions.factors, companions.alpha * companions.recent_weight
        self.fold_in = FoldIn(self.tracks.size, width, confidence=confidence, regularization=companions.regularization)
        places = tf.range(LONG_RECENT, dtype=tf.float32)
        self.fading = companions.oldest_weight + (1.0 - companions.oldest_weight) * companions.fading**places
        self.artist_factors = tf.Variable(tf.zeros((self.artists.size, width)), trainable=False, name="artist_factors")
        self.artist_numbers = tf.Variable(tf.zeros((self.artists.size, 2)), trainable=False, name="artist_numbers")
        self.usual = tf.Variable(1.0, trainable=False, name="usual_success")
        self.received = tf.Variable(tf.zeros(self.tracks.size), trainable=False, name="received_better")
        self.artist_received = tf.Variable(tf.zeros(self.artists.size), trainable=False, name="artist_received_better")
        self.doubt = tf.Variable(0.0, trainable=False, name="doubt_in_ranker")
        self.trust = tf.Variable(1.0, trainable=False, name="trust_in_retriever")
        self.common_start = tf.Variable(tf.zeros(COMMON), trainable=False, name="common_start")
        self.track_start = tf.Variable(tf.zeros(len(STARTING)), trainable=False, name="track_start")

    def _artist_of(self, names: RankerNames) -> tf.Tensor:
        known = self.artists(tf.constant([names.artist_of[track] for track in self.tracks.known], tf.string))
        return tf.concat([tf.zeros(FIRST_KNOWN, tf.int32), known], axis=0)

    def know_tracks(self, factors: Floats, plays: Floats, received: Reception) -> None:
        """Put in place what is known of the tracks, in the order of `RankerNames.tracks`.

        Args:
            factors: (tracks, d), zeros for one never played, which then gets the mean of its artist.
            plays: (tracks,) in the last 30 days, NaN for a track that is not there yet.
            received: how they are received once they are put on.
        """
        artist, size = self.artist_of.numpy()[FIRST_KNOWN:], self.artists.size
        there, heard = np.isfinite(plays), np.abs(factors).sum(axis=1) > 0
        count = np.bincount(artist, there, minlength=size)
        total = np.bincount(artist, np.where(there, plays, 0.0), minlength=size)
        means = np.zeros((size, factors.shape[1]), np.float32)
        np.add.at(means, artist[heard], factors[heard])
        means /= np.maximum(np.bincount(artist[heard], minlength=size), 1)[:, None]
        means[:FIRST_KNOWN] = count[:FIRST_KNOWN] = total[:FIRST_KNOWN] = 0.0
        self.artist_factors.assign(means)
        self.artist_numbers.assign(np.stack([count, total / np.maximum(count, 1)], axis=1))
        self.usual.assign(received.usual)
        of_artist = np.bincount(artist, received.tracks, minlength=size) / np.maximum(np.bincount(artist, minlength=size), 1)
        of_artist[:FIRST_KNOWN] = 0.0
        self.received.assign(np.concatenate([np.zeros(FIRST_KNOWN, np.float32), received.tracks]))
        self.artist_received.assign(of_artist)
        filled = np.where(heard[:, None], factors, means[artist])
        self.fold_in.assign(tf.constant(np.concatenate([np.zeros((FIRST_KNOWN, filled.shape[1])), filled]), tf.float32))

    def read_users(self, inputs: Tensors) -> Tensors:
        """User tensors to numbers, without any trained weight: strings looked up, shares of padding 0, and where the user is
        among the tracks."""
        read = self.look_up_users(inputs)
        recent, outcomes = read.pop("recent"), read.pop("outcomes")
        known = tf.cast(recent >= FIRST_KNOWN, tf.float32)
        return read | {"factor": self.fold_in(recent, known * self.fading), "liking": self._liking(recent, known, outcomes)}

    def look_up_users(self, inputs: Tensors) -> Tensors:
        """What `read_users` gives but `factor` and `liking`, and what those are made of: `recent` and `outcomes` (n, r)."""
        territory, recent = self.territories(inputs["territory"]), self.tracks(inputs["recent_tracks"])
        shares = {name: _known(inputs[f"top_{name}_shares"]) for name in ("artist", "genre")}
        return {
            "numbers": self.user_numbers(tf.stack([inputs[spec.name] for spec in USER_NUMBERS], axis=1)),
            "artists": self.artists(inputs["top_artists"]),
            "artist_shares": shares["artist"],
            "genres": self.genres(inputs["top_genres"]),
            "genre_shares": shares["genre"],
            "recent_artists": tf.sort(tf.gather(self.artist_of, recent), axis=1),
            "audio": self.audio(tf.stack([inputs[name] for name in USER_AUDIO], axis=1)),
            "recent": recent,
            "outcomes": inputs["recent_outcomes"],
            "belief": belief(self.known(recent), self.doubt),
            "territory": tf.where(territory < FIRST_KNOWN, len(self.territories.known), territory - FIRST_KNOWN),
        }

    def known(self, recent: tf.Tensor) -> tf.Tensor:
        """One more than there are known tracks among the `recent` ones (n, r) of listeners (n,)."""
        return 1.0 + tf.reduce_sum(tf.cast(recent >= FIRST_KNOWN, tf.float32), axis=1)

    def _liking(self, recent: tf.Tensor, known: tf.Tensor, outcomes: tf.Tensor) -> tf.Tensor:
        """In which direction of the factors (n, d) a listener stays with tracks longer than others do with those tracks."""
        factors = tf.gather(self.fold_in.factors, recent)
        directions = factors / _length(factors)[:, :, None]
        success = tf.cast(outcomes, tf.float32) / BEST_OUTCOME
        told = known * tf.cast(outcomes >= 0, tf.float32)
        return ridge(directions, success - self.usual - tf.gather(self.received, recent), told, self.ridge)

    def read_tracks(self, inputs: Tensors) -> Tensors:
        """Track tensors to numbers, without any trained weight."""
        number, artist = self.tracks(inputs["track_id"]), self.artists(inputs["artist_id"])
        about = tf.gather(self.artist_numbers, artist)
        plain = self.track_numbers(tf.stack([inputs[spec.name] for spec in TRACK_NUMBERS], axis=1))
        numbers = tf.concat([plain, tf.math.log1p(about) / 3.0], axis=1)
        own = tf.gather(self.fold_in.factors, number)
        known = number >= FIRST_KNOWN
        factor = tf.where(known[:, None], own, tf.gather(self.artist_factors, artist))
        return {
            "numbers": numbers,
            "artist": artist,
            "artist_tracks": about[:, 0],
            "genre": self.genres(inputs["genre"]),
            "audio": self.audio(tf.stack([inputs[spec.name] for spec in AUDIO], axis=1)),
            "factor": factor,
            "length": _length(factor),
            "received": tf.where(known, tf.gather(self.received, number), tf.gather(self.artist_received, artist)),
            "start": tf.linalg.matvec(tf.gather(numbers, STARTING, axis=1), self.track_start),
        }

    def common(self, users: Tensors, tracks: Tensors, territory: tf.Tensor, retrieved: tf.Tensor) -> tf.Tensor:
        """What users (n) have in common with candidates (n, c, ...), and how they were retrieved: (n, c, `COMMON`).

        Args:
            territory: (n, c, 2), popularity where the user is; retrieved: (n, c), scaled retrieval scores.
        """
        best = tf.reduce_max(retrieved, axis=1, keepdims=True)
        place = tf.argsort(tf.argsort(-retrieved, axis=1, stable=True), axis=1)
        away = retrieved - best
        place_number = tf.math.log1p(tf.cast(place, tf.float32)) / PLACE_SCALE
        how = [retrieved / RETRIEVED_SCALE, away / RETRIEVED_SCALE, place_number]
        return tf.concat([crosses(users, tracks, territory), tf.stack(how, axis=2)], axis=2)

    def begin_at(self, trust: float, common: Floats, track: Floats) -> None:
        """Let every kind of ranker begin at this sum, of which nothing but the retriever's logits is there at first.

        Args:
            common: weights (`COMMON`,) of what `common` gives; track: those of the numbers `STARTING` of a track.
        """
        self.trust.assign(trust)
        self.common_start.assign(common)
        self.track_start.assign(track)

    def start(self, common: tf.Tensor, tracks: tf.Tensor, retrieved: tf.Tensor) -> tf.Tensor:
        """Where a ranker begins (n, c), from what is `common` (n, c, `COMMON`), the `start` of `tracks` (n, c) and scaled
        retrieval scores (n, c)."""
        away = retrieved - tf.reduce_max(retrieved, axis=1, keepdims=True)
        return self.trust * away + tf.linalg.matvec(common, self.common_start) + tracks


def belief(known: Any, doubt: Any) -> Any:
    """How far a ranker is believed (n,) about listeners of whom it knows so much (n,), between 0 and 1: a half at `doubt`. The
    square, so that it is soon believed beyond."""
    return known**2 / (known**2 + doubt**2)


def _length(factors: tf.Tensor) -> tf.Tensor:
    """Lengths (n, ...) of factors (n, ..., d), 1 for one that is nothing."""
    length = tf.norm(factors, axis=-1)
    return tf.where(length > SHORTEST, length, 1.0)


def _known(shares: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_finite(shares), shares, 0.0)
