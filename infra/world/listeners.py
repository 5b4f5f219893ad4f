"""Listeners: who they are, when they joined, what they like, and how that drifts from week to week.

Users are numbered by the day they joined, so the users of day d are a prefix. A batch depends only on the seed and its day.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from infra.world.parameters import (
    DAY_PARTS,
    DEVICES,
    GENRES,
    TERRITORIES,
    TERRITORY_SHARES,
    ListenerParameters,
    WorldParameters,
)
from infra.world.space import Flags, Floats, Ints, Space, around, growth, stream, unit


@dataclass(frozen=True)
class Population:
    """One row per user; `day_parts` (n, parts) and `devices` (n, devices) are shares; `joined_day` may be negative."""

    territory: Ints
    joined_day: Ints
    explicit_allowed: Flags
    bot: Flags
    sessions_per_day: Floats
    plays_per_session: Floats
    familiarity: Floats
    day_parts: Floats
    devices: Floats
    tastes: Floats
    taste_weights: Floats
    adventurousness: Floats
    """From 0 to 1 as they set it, NaN for who has not; whatever they like, so that who set it high is like who set it low."""

    def __len__(self) -> int:
        return len(self.territory)


@dataclass(frozen=True)
class Tastes:
    """What users like this week: unit vectors (n, k, d) and their weights (n, k), which sum to 1."""

    vectors: Floats
    weights: Floats


@dataclass(frozen=True)
class Listeners:
    """`known[d]` counts the users that have joined by day d."""

    population: Population
    known: Ints


def make_listeners(parameters: WorldParameters, space: Space, *, users: int, days: int, seed: int) -> Listeners:
    """The users of every day of the world, for about `users` users on day 56."""
    settings = parameters.listeners
    first = max(1, round(users * (1 - settings.joined_during)))
    known = growth(first, users, days)
    local = _local_taste(seed)
    batches = [_batch(parameters, space, local, first, -1, stream(seed, "users"))]
    for day in range(1, days):
        count = int(known[day] - known[day - 1])
        batches.append(_batch(parameters, space, local, count, day, stream(seed, "joins", day)))
    joined = (np.concatenate([getattr(batch, f.name) for batch in batches]) for f in fields(Population))
    return Listeners(Population(*joined), known)


def first_tastes(population: Population) -> Tastes:
    """The tastes of week 0, and of users who have not joined yet."""
    return Tastes(population.tastes, population.taste_weights)


def drifted(parameters: WorldParameters, tastes: Tastes, *, week: int, known: int, seed: int) -> Tastes:
    """The tastes of `week` from those of the week before: a random step on the sphere for the first `known` users."""
    settings, rng = parameters.listeners, stream(seed, "drift", week)
    step = rng.standard_normal((known, *tastes.vectors.shape[1:])) * (settings.drift / np.sqrt(tastes.vectors.shape[-1]))
    push = np.exp(rng.normal(0, settings.weight_drift, (known, tastes.weights.shape[1])))
    vectors, weights = tastes.vectors.copy(), tastes.weights.copy()
    vectors[:known] = unit(vectors[:known] + step)
    weights[:known] = _shares(weights[:known] * push)
    return Tastes(vectors, weights)


def _local_taste(seed: int) -> Floats:
    """How much more a territory likes a genre (territories, genres), as weights."""
    return np.exp(stream(seed, "local taste").normal(0, 0.7, (len(TERRITORIES), len(GENRES)))).astype(np.float32)


def _batch(
    parameters: WorldParameters, space: Space, local: Floats, count: int, day: int, rng: np.random.Generator
) -> Population:
    """`count` users who joined on `day`, or during the three years before when it is negative; bots only among the latter."""
    settings = parameters.listeners
    territory = rng.choice(len(TERRITORIES), count, p=TERRITORY_SHARES).astype(np.int32)
    shape = (count, settings.tastes)
    cumulative = np.cumsum(_shares(local), axis=1)[territory]
    genre = (rng.random(shape)[:, :, None] > cumulative[:, None, :]).sum(axis=2).clip(0, len(GENRES) - 1)
    bots = round(count * settings.bot_share) or 1 if day < 0 and count > 1 else 0
    bot = np.zeros(count, bool)
    bot[rng.choice(count, bots, replace=False)] = True
    return Population(
        territory=territory,
        joined_day=(-rng.integers(1, 1_000, count) if day < 0 else np.full(count, day)).astype(np.int32),
        explicit_allowed=rng.random(count) >= settings.explicit_refused,
        bot=bot,
        sessions_per_day=_log_normal(rng, count, settings.sessions_per_day, settings.activity_sigma),
        plays_per_session=_log_normal(rng, count, settings.plays_per_session, 0.3),
        familiarity=rng.beta(*settings.familiarity, count).astype(np.float32),
        day_parts=_shares(rng.gamma(1.2, size=(count, len(DAY_PARTS))) + 0.05),
        devices=_shares(rng.gamma(0.5, size=(count, len(DEVICES))) * (4, 1.5, 1, 0.5, 1, 1) + 1e-3),
        tastes=around(rng, space.genres[genre], parameters.space.taste_spread),
        taste_weights=_shares(rng.gamma(settings.taste_concentration, size=shape) + 0.02),
        adventurousness=_dials(settings, rng.random((2, count), dtype=np.float32)),
    )


def _dials(settings: ListenerParameters, drawn: Floats) -> Floats:
    """What users set their dial to, if they do; drawn last of all, so that a world without dials is the same one."""
    levels = np.array(settings.dial_levels, dtype=np.float32)
    return np.where(drawn[0] < settings.dial_set, levels[(drawn[1] * len(levels)).astype(np.intp)], np.nan).astype(np.float32)


def _log_normal(rng: np.random.Generator, count: int, mean: float, sigma: float) -> Floats:
    return rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, count).astype(np.float32)


def _shares(values: np.ndarray) -> Floats:
    return (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)
