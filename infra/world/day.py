"""One day of the world, as every step of it sees it, and the one place that says how much a user likes a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.world.catalogue import Catalogue
from infra.world.listeners import Population, Tastes
from infra.world.parameters import WorldParameters
from infra.world.shelves import Shelves
from infra.world.space import Floats, Ints, Space


@dataclass(frozen=True)
class Day:
    """What every step of one day reads."""

    parameters: WorldParameters
    space: Space
    catalogue: Catalogue
    population: Population
    tastes: Tastes
    shelves: Shelves


def likeness(day: Day, user: Ints, track: Ints) -> Floats:
    """How much users (n,) like tracks (n,): the soft maximum over their tastes of weight and cosine, about -0.6 to 0.9."""
    tastes, tracks = day.tastes, day.catalogue.tracks.vector
    return affinity(tastes.vectors[user], tastes.weights[user], tracks[track], day.parameters.listening.taste_sharpness)


def affinity(tastes: Floats, weights: Floats, tracks: Floats, sharpness: float) -> Floats:
    """The same of tastes (n, k, d) with weights (n, k) and track vectors (n, d)."""
    cosines = np.einsum("nkd,nd->nk", tastes, tracks)
    weighted = sharpness * cosines + np.log(weights / weights.max(axis=1, keepdims=True))
    top = weighted.max(axis=1)
    return ((top + np.log(np.exp(weighted - top[:, None]).sum(axis=1))) / sharpness).astype(np.float32)
