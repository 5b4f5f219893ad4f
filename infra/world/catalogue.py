"""Artists and tracks: what exists, since when, where it may be played, and where it lies in the latent space.

Tracks are numbered in order of release batch: the catalogue of day 0, then what each day adds. A batch depends only on the
seed, its day and the batches before it. This file holds the truth; what players are told of it is in `writing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from infra.world.parameters import GENRES, TERRITORIES, TERRITORY_SHARES, WorldParameters
from infra.world.space import Bytes, Flags, Floats, Ints, Longs, Space, around, growth, stream

ALWAYS = 1_000_000
"""A licence bound, in days, that no world reaches."""

ORIGINAL, REMASTER, LIVE, RADIO_EDIT = 0, 1, 2, 3
VERSION_KINDS = ("original", "remaster", "live", "radio_edit")
LABEL_TYPES = ("self_released", "independent", "major")
_INDEPENDENT_FROM, _MAJOR_FROM = -0.3, 1.2


@dataclass(frozen=True)
class Artists:
    vector: Floats
    genre: Ints
    home: Ints
    popularity: Floats


@dataclass(frozen=True)
class Tracks:
    """One row per track; `family` is the row of the original; licence bounds are (n, territories), in days."""

    vector: Floats
    artist: Ints
    genre: Ints
    popularity: Floats
    tempo: Floats
    energy: Floats
    duration_ms: Longs
    explicit: Flags
    release_day: Ints
    family: Ints
    kind: Bytes
    restricted: Flags
    licence_from: Ints
    licence_to: Ints

    def __len__(self) -> int:
        return len(self.artist)


T = TypeVar("T", Artists, Tracks)


@dataclass(frozen=True)
class Catalogue:
    """`released[d]` and `artists_known[d]` count the rows that exist on day d: always a prefix."""

    artists: Artists
    tracks: Tracks
    released: Ints
    artists_known: Ints


def make_catalogue(parameters: WorldParameters, space: Space, *, tracks: int, days: int, seed: int) -> Catalogue:
    """The catalogue of every day of the world, for about `tracks` tracks on day 56."""
    settings = parameters.catalogue
    first = max(1, round(tracks * (1 - settings.released_during)))
    released = growth(first, tracks, days)
    artists = _artists(parameters, space, max(1, round(first / settings.tracks_per_artist)), stream(seed, "artists"))
    known, made = [len(artists.genre)], _batch(parameters, space, artists, None, first, -1, stream(seed, "tracks"))
    for day in range(1, days):
        rng = stream(seed, "releases", day)
        count = int(released[day] - released[day - 1])
        artists = _join(artists, _artists(parameters, space, int(rng.binomial(count, settings.debut_share)), rng))
        made = _join(made, _batch(parameters, space, artists, made, count, day, rng))
        known.append(len(artists.genre))
    return Catalogue(artists, made, released, np.array(known, np.int32))


def label_types(parameters: WorldParameters, artists: Artists, seed: int) -> Ints:
    """The kind of label each artist is with (n,), a number in `LABEL_TYPES`: the more popular, the larger, by and large."""
    standing = artists.popularity / parameters.catalogue.artist_popularity_sigma
    standing = standing + stream(seed, "labels").normal(size=len(standing))
    return np.digitize(standing, [_INDEPENDENT_FROM, _MAJOR_FROM]).astype(np.int32)


def _artists(parameters: WorldParameters, space: Space, count: int, rng: np.random.Generator) -> Artists:
    weights = 1 / np.arange(2, len(GENRES) + 2) ** 0.6
    genre = rng.choice(len(GENRES), count, p=weights / weights.sum()).astype(np.int32)
    return Artists(
        vector=around(rng, space.genres[genre], parameters.space.artist_spread),
        genre=genre,
        home=rng.choice(len(TERRITORIES), count, p=TERRITORY_SHARES).astype(np.int32),
        popularity=rng.normal(0, parameters.catalogue.artist_popularity_sigma, count).astype(np.float32),
    )


def _batch(
    parameters: WorldParameters,
    space: Space,
    artists: Artists,
    before: Tracks | None,
    count: int,
    day: int,
    rng: np.random.Generator,
) -> Tracks:
    """`count` tracks released on `day`, or over the past twenty years when `before` is None: originals, then versions."""
    settings = parameters.catalogue
    offset = 0 if before is None else len(before)
    versions = min(int(rng.binomial(count, settings.version_share)), max(count - 1, 0))
    originals = _originals(parameters, space, artists, count - versions, offset, day, rng, history=before is None)
    pool = originals if before is None else before
    if not versions:
        return originals
    return _join(originals, _versions(parameters, pool, versions, day, rng, history=before is None))


def _originals(
    parameters: WorldParameters,
    space: Space,
    artists: Artists,
    count: int,
    offset: int,
    day: int,
    rng: np.random.Generator,
    *,
    history: bool,
) -> Tracks:
    settings = parameters.catalogue
    weights = np.exp(artists.popularity.astype(np.float64) * 0.6)
    artist = rng.choice(len(weights), count, p=weights / weights.sum()).astype(np.int32)
    vector = around(rng, artists.vector[artist], parameters.space.track_spread)
    genre = artists.genre[artist]
    release = -np.floor(rng.exponential(1_500, count)).clip(0, 7_300) - 1 if history else np.full(count, day)
    noise = rng.normal(0, settings.track_popularity_sigma, count)
    restricted, begin, end = _licences(parameters, artists.home[artist], release.astype(np.int32), rng)
    return Tracks(
        vector=vector,
        artist=artist,
        genre=genre,
        popularity=(artists.popularity[artist] + noise).astype(np.float32),
        tempo=space.tempo(rng, vector, genre),
        energy=space.energy(rng, vector, genre),
        duration_ms=(rng.lognormal(np.log(205_000), 0.22, count).clip(80_000, 420_000)).astype(np.int64),
        explicit=rng.random(count) < settings.explicit_share,
        release_day=release.astype(np.int32),
        family=np.arange(offset, offset + count, dtype=np.int32),
        kind=np.full(count, ORIGINAL, np.int8),
        restricted=restricted,
        licence_from=begin,
        licence_to=end,
    )


def _versions(
    parameters: WorldParameters,
    pool: Tracks,
    count: int,
    day: int,
    rng: np.random.Generator,
    *,
    history: bool,
) -> Tracks:
    """Remasters, live takes and radio edits of originals in `pool`: near the original, less popular, licensed alike."""
    source = rng.choice(np.flatnonzero(pool.kind == ORIGINAL), count).astype(np.int32)
    kind = rng.choice([REMASTER, LIVE, RADIO_EDIT], count).astype(np.int8)
    vector = around(rng, pool.vector[source], parameters.space.version_spread)
    length = np.select([kind == LIVE, kind == RADIO_EDIT], [1.25, 0.85], 1.0)
    release = np.floor(pool.release_day[source] * rng.random(count)) - 1 if history else np.full(count, day)
    begin = np.maximum(pool.licence_from[source], release[:, None])
    return Tracks(
        vector=vector,
        artist=pool.artist[source],
        genre=pool.genre[source],
        popularity=(pool.popularity[source] - rng.uniform(0.5, 2.0, count)).astype(np.float32),
        tempo=np.where(kind == LIVE, pool.tempo[source] * 1.03, pool.tempo[source]).astype(np.float32),
        energy=np.where(kind == LIVE, pool.energy[source] ** 0.8, pool.energy[source]).astype(np.float32),
        duration_ms=(pool.duration_ms[source] * length).astype(np.int64),
        explicit=pool.explicit[source] & (kind != RADIO_EDIT),
        release_day=release.astype(np.int32),
        family=pool.family[source],
        kind=kind,
        restricted=pool.restricted[source],
        licence_from=np.where(pool.restricted[source, None], begin, -ALWAYS).astype(np.int32),
        licence_to=pool.licence_to[source],
    )


def _licences(parameters: WorldParameters, home: Ints, release: Ints, rng: np.random.Generator) -> tuple[Flags, Ints, Ints]:
    """Which tracks (n,) are restricted, and the first and the first forbidden day by territory (n, territories)."""
    settings, shape = parameters.catalogue, (len(home), len(TERRITORIES))
    restricted = rng.random(len(home)) < settings.restricted_share
    kept = rng.random(shape) < settings.territory_kept
    kept[np.arange(len(home)), home] = True
    ends = rng.random(shape) < settings.window_ends
    begin = np.maximum(release[:, None], 0) + rng.integers(0, 20, shape) * (rng.random(shape) < 0.3)
    end = np.where(ends, begin + rng.integers(15, 90, shape), ALWAYS)
    begin = np.where(release[:, None] < 0, np.where(rng.random(shape) < 0.9, release[:, None], begin), begin)
    first = np.where(restricted[:, None], np.where(kept, begin, ALWAYS), -ALWAYS)
    return restricted, first.astype(np.int32), np.where(restricted[:, None], end, ALWAYS).astype(np.int32)


def _join(first: T, second: T) -> T:
    return type(first)(*(np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in fields(first)))
