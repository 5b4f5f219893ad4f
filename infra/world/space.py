"""The latent space the world lives in, and its streams of random numbers: genres, and the axes tempo and energy follow."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.world.parameters import CALIBRATION_DAYS, GENRES, SpaceParameters

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


def stream(seed: int, subject: str, *keys: int) -> np.random.Generator:
    """Random numbers that depend on the seed, a subject and (say) a day: a longer world has the same first days."""
    return np.random.default_rng([seed, zlib.crc32(subject.encode()), *keys])


def growth(first: int, last: int, days: int) -> Ints:
    """How many there are on each day (days,): `first` on day 0, `last` on day 56, and on at that pace."""
    return (first + (last - first) * np.arange(days, dtype=np.int64) // (CALIBRATION_DAYS - 1)).astype(np.int32)


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Vectors (..., d) scaled to length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def around(rng: np.random.Generator, parents: Floats, spread: float) -> Floats:
    """One unit vector near each parent (n, d); the noise has the expected length `spread`."""
    return unit(parents + rng.standard_normal(parents.shape) * (spread / np.sqrt(parents.shape[-1])))


@dataclass(frozen=True)
class Space:
    """Genre centroids (g, d); the axes (d,) along which tempo and energy rise; their mean by genre (g,)."""

    genres: Floats
    tempo_axis: Floats
    energy_axis: Floats
    tempo_by_genre: Floats
    energy_by_genre: Floats

    def tempo(self, rng: np.random.Generator, vectors: Floats, genre: Ints) -> Floats:
        """Beats per minute (n,) of tracks at `vectors` (n, d)."""
        along = vectors @ self.tempo_axis * np.sqrt(vectors.shape[1])
        noise = rng.standard_normal(len(genre)) * 5
        return np.clip(self.tempo_by_genre[genre] + 14 * along + noise, 55, 195).astype(np.float32)

    def energy(self, rng: np.random.Generator, vectors: Floats, genre: Ints) -> Floats:
        """Energy 0 to 1 (n,) of tracks at `vectors` (n, d)."""
        along = vectors @ self.energy_axis * np.sqrt(vectors.shape[1])
        logit = self.energy_by_genre[genre] + along + rng.standard_normal(len(genre)) * 0.3
        return (1 / (1 + np.exp(-logit))).astype(np.float32)


def make_space(parameters: SpaceParameters, seed: int) -> Space:
    """The space of one seed; it never changes while the world runs."""
    rng = stream(seed, "space")
    families = unit(rng.standard_normal((parameters.parents, parameters.dimensions)))
    parent = np.arange(len(GENRES)) % parameters.parents
    axes = unit(rng.standard_normal((2, parameters.dimensions)))
    return Space(
        genres=around(rng, families[parent], parameters.genre_spread),
        tempo_axis=axes[0],
        energy_axis=axes[1],
        tempo_by_genre=rng.normal(115, 15, len(GENRES)).astype(np.float32),
        energy_by_genre=rng.normal(0.3, 0.8, len(GENRES)).astype(np.float32),
    )
