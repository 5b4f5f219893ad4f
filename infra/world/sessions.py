"""Who listens on a day, and when: the daily rhythm. What is played in a session is decided in `listening.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infra.world.parameters import TERRITORIES, UTC_OFFSETS, WorldParameters
from infra.world.space import Floats, Ints, Longs, stream

if TYPE_CHECKING:
    from infra.world.listeners import Population, Tastes

DAY_PARTS = ((6.5, 9.0), (11.5, 13.5), (17.0, 19.5), (21.75, 23.25))
"""Local hours between which a session begins. The gaps are longer than a session, so a user's sessions do not overlap."""

_MORNING, _PHONE, _CAR = 0, 0, 4
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


def sessions_of_day(
    parameters: WorldParameters, population: Population, tastes: Tastes, *, day: int, weekday: int, known: int, seed: int
) -> Sessions:
    """The sessions of the first `known` users, bots apart, on day `day` (`weekday` 0 is Monday)."""
    settings, rng = parameters.listeners, stream(seed, "sessions", day)
    busier = settings.weekend_factor if weekday >= 5 else 1.0
    expected = population.sessions_per_day[:known, None] * population.day_parts[:known] * busier
    begins = (rng.random(expected.shape) < 1 - np.exp(-expected)) & ~population.bot[:known, None]
    user, part = (found.astype(np.int32) for found in np.nonzero(begins))
    length = np.minimum(rng.geometric(1 / population.plays_per_session[user].clip(1.01)), parameters.listening.longest_session)
    order = np.argsort(-length, kind="stable")
    user, part, length = user[order], part[order], length[order].astype(np.int32)
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


_MORNING_DEVICES = np.array([2.0, 0.5, 1.0, 0.3, 3.0, 0.5])


def _start(rng: np.random.Generator, part: Ints, territory: Ints) -> Longs:
    windows = np.array(DAY_PARTS)[part]
    local = windows[:, 0] + rng.random(len(part)) * (windows[:, 1] - windows[:, 0])
    return ((local - np.array(UTC_OFFSETS)[territory]) % 24 * MICROSECONDS_PER_HOUR).astype(np.int64)


def _pick(rng: np.random.Generator, weights: np.ndarray) -> Ints:
    """One column per row (n, k), in proportion to the weights."""
    cumulative = np.cumsum(weights, axis=1)
    drawn = rng.random((len(weights), 1)) * cumulative[:, -1:]
    return (drawn > cumulative[:, :-1]).sum(axis=1).astype(np.int32)


assert len(UTC_OFFSETS) == len(TERRITORIES)  # noqa: S101 - two tables of this room that must agree
