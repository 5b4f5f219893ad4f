"""The feature columns each model reads, as tensor specs. Names are those of the gold tables; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from segue.tensors import TensorSpec, to_tensors
from trainers.layers.numbers import NumberSpec

if TYPE_CHECKING:
    import pandas as pd

Arrays = dict[str, npt.NDArray[Any]]
RECENT, ARTISTS, GENRES, HOURS = 50, 20, 8, 24
LONG_RECENT = 200
"""Recent tracks the ranker reads: as many as gold keeps. The retriever reads the newest `RECENT` of them."""

USER_NUMBERS = (
    NumberSpec("plays_7d", log=True),
    NumberSpec("plays_30d", log=True),
    NumberSpec("active_days_30d"),
    NumberSpec("distinct_artists_30d", log=True),
    NumberSpec("early_skip_rate_7d"),
    NumberSpec("early_skip_rate_30d"),
    NumberSpec("save_rate_30d"),
    NumberSpec("mean_tempo_30d"),
    NumberSpec("mean_energy_30d"),
    NumberSpec("days_since_last_play", log=True),
)
TRACK_NUMBERS = (
    NumberSpec("tempo"),
    NumberSpec("energy"),
    NumberSpec("duration_s", log=True),
    NumberSpec("explicit"),
    NumberSpec("age_days", log=True),
    NumberSpec("track_plays_7d", log=True),
    NumberSpec("track_plays_30d", log=True),
    NumberSpec("users_30d", log=True),
    NumberSpec("complete_rate_30d"),
    NumberSpec("track_early_skip_rate_30d"),
    NumberSpec("track_save_rate_30d"),
)
_PROFILE = (
    TensorSpec("top_genres", "string", GENRES),
    TensorSpec("top_genre_shares", "float", GENRES),
    TensorSpec("top_artists", "string", ARTISTS),
    TensorSpec("top_artist_shares", "float", ARTISTS),
)
CONTEXT = (
    TensorSpec("device", "string"),
    TensorSpec("hour_of_day", "int"),
    TensorSpec("day_of_week", "int"),
)
"""The moment of a request; a weekly playlist has none."""

USER_STATE = (
    TensorSpec("user_id", "string"),
    TensorSpec("territory", "string"),
    TensorSpec("top_device", "string"),
    *(TensorSpec(spec.name, "float") for spec in USER_NUMBERS),
    *_PROFILE,
    TensorSpec("recent_tracks", "string", RECENT),
    TensorSpec("hour_shares", "float", HOURS),
)
QUERY = (*USER_STATE, *CONTEXT)
RANKER_TRACKS = (
    TensorSpec("track_id", "string"),
    TensorSpec("artist_id", "string"),
    TensorSpec("genre", "string"),
    *(TensorSpec(spec.name, "float") for spec in TRACK_NUMBERS),
)
VECTORS, VECTOR_LENGTH = ("artist_vector", "track2vec", "audio_vector"), 32
"""Embeddings from other sources, all of one space (`trainers.sources.track_vectors`)."""

ARTIST_PLAYS = "artist_plays"
"""How often the artist's other tracks are played (`trainers.sources.track_vectors`): known of a release on its first day."""

TOWER_NUMBERS = (*TRACK_NUMBERS, NumberSpec(ARTIST_PLAYS, log=True))
PLAYED_NUMBERS = tuple(spec.name for spec in TRACK_NUMBERS[5:])
PLAYED_VECTORS = ("track2vec",)
"""What only listening to the track itself says."""

SOURCED = (*VECTORS, ARTIST_PLAYS)
"""What comes from the snapshots of track vectors."""

TRACK = (
    *RANKER_TRACKS,
    TensorSpec(ARTIST_PLAYS, "float"),
    *(TensorSpec(name, "float", VECTOR_LENGTH) for name in VECTORS),
)
RANKER_USERS = (
    TensorSpec("territory", "string"),
    *(TensorSpec(spec.name, "float") for spec in USER_NUMBERS),
    *_PROFILE,
    TensorSpec("recent_tracks", "string", LONG_RECENT),
    TensorSpec("recent_outcomes", "int", LONG_RECENT),
)
USER_COLUMNS = tuple(dict.fromkeys(spec.name for spec in (*USER_STATE, *RANKER_USERS)))
"""What the models read of a user, the moment aside."""


def arrays(frame: pd.DataFrame, specs: Sequence[TensorSpec]) -> Arrays:
    """The arrays `specs` name, from the columns of `frame` (n rows)."""
    return to_tensors({str(name): cast(Sequence[Any], frame[name]) for name in frame.columns}, specs)


def matrix(frame: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Numeric columns side by side (n, names), NaN where null."""
    return np.stack([frame[name].to_numpy(np.float32, na_value=np.nan) for name in names], axis=1)


def constants(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Arrays as TensorFlow's tensors, objects as strings."""
    return {name: constant(values) for name, values in tensors.items()}


def constant(values: npt.NDArray[Any]) -> Any:
    """One array as a tensor."""
    import tensorflow as tf

    return tf.constant(values, tf.string if values.dtype == object else values.dtype)


def signature(specs: Sequence[TensorSpec]) -> dict[str, Any]:
    """TensorFlow's shapes and types of a dictionary of such tensors."""
    import tensorflow as tf

    types = {"float": tf.float32, "int": tf.int64, "string": tf.string}

    def shape(spec: TensorSpec) -> list[int | None]:
        return [None] if spec.length is None else [None, spec.length]

    return {spec.name: tf.TensorSpec(shape(spec), types[spec.kind], name=spec.name) for spec in specs}
