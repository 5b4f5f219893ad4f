"""Who listens on a day, and when: the daily rhythm. What is played in a session is decided in `listening.py`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.world.day import Day
from infra.world.parameters import DAY_PARTS, UTC_OFFSETS
from infra.world.space import Floats, Ints, Longs

_MORNING, _SATURDAY = 0, 5
_MORNING_DEVICES = np.array([2.0, 0.5, 1.0, 0.3, 3.0, 0.5])
"""How much likelier each of `DEVICES` is in the morning."""

MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Sessions:
    """One row per session of a day, longest first: `starts_at` in microseconds from the day's midnight UTC,
    `mood` which of the user's tastes rules it, `wanted` (n, d) that taste."""

    user: Ints
    territory: Ints
    starts_at: Longs
    length: Ints
    device: Ints
    mood: Ints
    wanted: Floats

    def __len__(self) -> int:
        return len(self.user)


def sessions_of_day(day: Day, users: Ints, *, weekday: int, rng: np.random.Generator) -> Sessions:
    """The sessions of `users` (u,), bots apart, on one day (`weekday` 0 is Monday)."""
    population, settings = day.population, day.parameters.listeners
    busier = settings.weekend_factor if weekday >= _SATURDAY else 1.0
    expected = population.sessions_per_day[users, None] * population.day_parts[users] * busier
    begins = (rng.random(expected.shape) < 1 - np.exp(-expected)) & ~population.bot[users, None]
    found, part = np.nonzero(begins)
    user = users[found]
    wanted = rng.geometric(1 / population.plays_per_session[user].clip(1.01))
    length = np.minimum(wanted, day.parameters.listening.longest_session).astype(np.int32)
    order = np.argsort(-length, kind="stable")
    return _described(day, user[order], part[order], length[order], rng)


def _described(day: Day, user: Ints, part: Longs, length: Ints, rng: np.random.Generator) -> Sessions:
    population, tastes = day.population, day.tastes
    mood = _pick(rng, tastes.weights[user])
    devices = population.devices[user] * np.where(part[:, None] == _MORNING, _MORNING_DEVICES, 1.0)
    return Sessions(
        user=user,
        territory=population.territory[user],
        starts_at=_start(rng, part, population.territory[user]),
        length=length,
        device=_pick(rng, devices),
        mood=mood,
        wanted=tastes.vectors[user, mood],
    )


def _start(rng: np.random.Generator, part: Longs, territory: Ints) -> Longs:
    windows = np.array(DAY_PARTS)[part]
    local = windows[:, 0] + rng.random(len(part)) * (windows[:, 1] - windows[:, 0])
    return ((local - np.array(UTC_OFFSETS)[territory]) % 24 * MICROSECONDS_PER_HOUR).astype(np.int64)


def _pick(rng: np.random.Generator, weights: np.ndarray) -> Ints:
    """One column per row (n, k), in proportion to the weights."""
    cumulative = np.cumsum(weights, axis=1)
    drawn = rng.random((len(weights), 1)) * cumulative[:, -1:]
    return (drawn > cumulative[:, :-1]).sum(axis=1).astype(np.int32)
