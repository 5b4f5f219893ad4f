"""A listening log of any size for the training bench: Zipf popularity, and every feature the towers read.

Its features say nothing about its listens, so it is no data to judge a model by; `segue world` makes that. It is drawn column
by column, because a simulated service of a million users would take longer than the training it is for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from segue.codes import FIRST_KNOWN
from trainers.examples import RANDOM_SHARE, Examples
from trainers.inputs import ARTISTS, GENRES, HOURS, QUERY, RECENT, TOWER_NUMBERS, TRACK, USER_NUMBERS, VECTOR_LENGTH, VECTORS
from trainers.layers.heard import HeardPairs
from trainers.retriever.ids_only import track_ids, user_ids
from trainers.retriever.towers import DEVICES

Ids = npt.NDArray[np.int32]
POPULARITY_EXPONENT = 0.8
"""Of the rank of a track: the most played 1 % of 100,000 tracks then have about a third of the plays."""

TRACKS_PER_ARTIST, GENRE_COUNT, TERRITORY_COUNT = 10, 30, 20


def zipf_tracks(rng: np.random.Generator, count: int, n_tracks: int) -> Ids:
    """`count` track numbers, the track of rank r drawn with a probability of `r ** -POPULARITY_EXPONENT`."""
    chances = np.arange(1, n_tracks + 1, dtype=np.float64) ** -POPULARITY_EXPONENT
    return np.searchsorted(np.cumsum(chances / chances.sum()), rng.random(count)).clip(max=n_tracks - 1).astype(np.int32)


def synthetic_examples(n_users: int, n_tracks: int, count: int, *, seed: int) -> Examples:
    """`count` first listens of `n_users` users, whose features and those of `n_tracks` tracks have no nulls."""
    rng = np.random.default_rng(seed)
    users, tracks = rng.integers(n_users, size=count, dtype=np.int32), zipf_tracks(rng, count, n_tracks)
    skipped = rng.random(count) < 0.2
    return Examples(
        users=_users(rng, n_users, n_tracks),
        tracks=_tracks(rng, n_tracks),
        user_row=users,
        track_row=tracks,
        random_rows=rng.integers(n_tracks, size=max(round(count * RANDOM_SHARE), 1), dtype=np.int32),
        device=np.array(DEVICES, object)[rng.integers(len(DEVICES), size=count)],
        hour_of_day=rng.integers(24, size=count),
        day_of_week=rng.integers(7, size=count),
        weight=np.where(skipped, 0.0, 1.0).astype(np.float32),
        skipped=skipped,
    )


def synthetic_pairs(n_users: int, n_tracks: int, count: int, *, seed: int) -> HeardPairs:
    """`count` pairs of who heard what, as the towers number them; pairs may come twice."""
    rng = np.random.default_rng(seed + 1)
    users = rng.integers(FIRST_KNOWN, n_users + FIRST_KNOWN, size=count, dtype=np.int32)
    tracks = zipf_tracks(rng, count, n_tracks) + np.int32(FIRST_KNOWN)
    return HeardPairs(users, tracks, n_users + FIRST_KNOWN, n_tracks + FIRST_KNOWN)


def _users(rng: np.random.Generator, n: int, n_tracks: int) -> pd.DataFrame:
    recent = np.array(track_ids(n_tracks), object)[zipf_tracks(rng, n * RECENT, n_tracks).reshape(n, RECENT)]
    artists = artist_ids(n_tracks)[rng.integers(-(-n_tracks // TRACKS_PER_ARTIST), size=(n, ARTISTS))]
    columns: dict[str, Any] = {
        "user_id": user_ids(n),
        "territory": territory_ids()[rng.integers(TERRITORY_COUNT, size=n)],
        "top_device": np.array(DEVICES, object)[rng.integers(len(DEVICES), size=n)],
        "recent_tracks": list(recent),
        "top_artists": list(artists),
        "top_artist_shares": list(rng.random((n, ARTISTS), np.float32)),
        "top_genres": list(genre_ids()[rng.integers(GENRE_COUNT, size=(n, GENRES))]),
        "top_genre_shares": list(rng.random((n, GENRES), np.float32)),
        "hour_shares": list(rng.random((n, HOURS), np.float32)),
        "device": "",
        "hour_of_day": -1,
        "day_of_week": -1,
    }
    numbers = {spec.name: rng.random(n, np.float32) for spec in USER_NUMBERS}
    return pd.DataFrame(columns | numbers)[[spec.name for spec in QUERY]]


def _tracks(rng: np.random.Generator, n: int) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "track_id": track_ids(n),
        "artist_id": artist_ids(n)[np.arange(n) // TRACKS_PER_ARTIST],
        "genre": genre_ids()[rng.integers(GENRE_COUNT, size=n)],
        **{name: list(rng.normal(size=(n, VECTOR_LENGTH)).astype(np.float32)) for name in VECTORS},
    }
    numbers = {spec.name: rng.random(n, np.float32) for spec in TOWER_NUMBERS}
    return pd.DataFrame(columns | numbers)[[spec.name for spec in TRACK]]


def artist_ids(n_tracks: int) -> npt.NDArray[np.object_]:
    """The artists of `n_tracks` tracks, in order."""
    return _names("artist", -(-n_tracks // TRACKS_PER_ARTIST))


def genre_ids() -> npt.NDArray[np.object_]:
    """The genres, in order."""
    return _names("genre", GENRE_COUNT)


def territory_ids() -> npt.NDArray[np.object_]:
    """The territories, in order."""
    return _names("territory", TERRITORY_COUNT)


def _names(kind: str, count: int) -> npt.NDArray[np.object_]:
    return np.array([f"{kind}{number:07d}" for number in range(count)], object)
