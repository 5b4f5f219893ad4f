"""What can be played today: popularity by territory and genre to draw candidates from, and each artist's tracks.

Rebuilt every day, because tracks are released, age, and their licences begin and end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.world.catalogue import Catalogue
from infra.world.parameters import GENRES, TERRITORIES, CatalogueParameters
from infra.world.space import Flags, Floats, Ints


@dataclass(frozen=True)
class Shelves:
    """`order` lists today's tracks by genre; `cumulative` (territories, n) sums their popularity in that order, each
    territory ending at 1; `genre_ends` (genres + 1,) are positions in `order`. `by_artist` lists the same tracks by artist,
    `artist_starts` (artists + 1,) positions in it. `appeal` (n,) is the log popularity with the boost for the new."""

    order: Ints
    cumulative: npt.NDArray[np.float64]
    genre_ends: Ints
    by_artist: Ints
    artist_starts: Ints
    appeal: Floats
    licensed: Flags

    def draw(self, rng: np.random.Generator, territory: Ints, genre: Ints) -> Ints:
        """One track by popularity for each territory (n, 1) and genre (n, c); genre -1 draws from all of them."""
        edges = np.concatenate([np.zeros((len(TERRITORIES), 1)), self.cumulative], axis=1)
        whole = genre < 0
        low = edges[territory, np.where(whole, 0, self.genre_ends[genre])]
        high = edges[territory, np.where(whole, len(self.order), self.genre_ends[genre + 1])]
        target = low + rng.random(genre.shape) * (high - low)
        flat = (self.cumulative + np.arange(len(TERRITORIES))[:, None]).ravel()
        found = np.searchsorted(flat, target + territory, side="right") - territory * len(self.order)
        return self.order[np.minimum(found, len(self.order) - 1)]


def shelves_of_day(settings: CatalogueParameters, catalogue: Catalogue, *, day: int) -> Shelves:
    """The shelves of `day`."""
    tracks, count = catalogue.tracks, int(catalogue.released[day])
    age = day - tracks.release_day[:count]
    appeal = tracks.popularity[:count] + settings.fresh_boost * np.exp(-age / settings.fresh_days)
    licensed = (tracks.licence_from[:count] <= day) & (day < tracks.licence_to[:count])
    home = catalogue.artists.home[tracks.artist[:count]]
    order = np.argsort(tracks.genre[:count], kind="stable").astype(np.int32)
    boost = settings.home_boost * (home[order] == np.arange(len(TERRITORIES))[:, None])
    weights = np.exp(appeal[order].astype(np.float64) + boost) * licensed[order].T + 1e-12
    by_artist = np.argsort(tracks.artist[:count], kind="stable").astype(np.int32)
    return Shelves(
        order=order,
        cumulative=np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True),
        genre_ends=np.searchsorted(tracks.genre[order], np.arange(len(GENRES) + 1)).astype(np.int32),
        by_artist=by_artist,
        artist_starts=np.searchsorted(tracks.artist[by_artist], np.arange(catalogue.artists_known[day] + 1)).astype(np.int32),
        appeal=appeal.astype(np.float32),
        licensed=licensed,
    )
