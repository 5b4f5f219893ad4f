"""What listeners do with a list they were given: open it now and then, hear it from the top, go on where they stopped.

How often and how far somebody listens is their own and the same whatever the list holds; whether a track is heard to the end,
skipped, saved or disliked follows from the truth (`judgement.py`), as for everything else that is played.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.world.day import Day
from infra.world.judgement import Plays, judge
from infra.world.listening import OFFERED, Choices, playable
from infra.world.memory import NO_PLAYLIST, NO_TRACK
from infra.world.parameters import DEVICES, UTC_OFFSETS
from infra.world.sessions import MICROSECONDS_PER_HOUR, Sessions
from infra.world.simulation import World
from infra.world.space import Flags, Ints, Longs, stream


@dataclass(frozen=True)
class OfferParameters:
    """No part of `WorldParameters`: a world that is given nothing is the same without them.

    The hours lie in the gap after noon, which is longer than a list, so that a listener does one thing at a time.
    """

    opened: float = 0.3
    """How often a day a list is opened for each session a day that its listener has."""
    begins: tuple[float, float] = (15.0, 15.4)
    """Local hours."""
    longest: int = 25


class Offers:
    """The lists all listeners of a world have now, and how far each has heard theirs. Call it once for each day."""

    def __init__(self, world: World, parameters: OfferParameters | None = None) -> None:
        self._world, self._settings = world, parameters or OfferParameters()
        self._lists = np.full((len(world.listeners.population), 1), NO_TRACK, np.int32)
        self._next = np.zeros(len(self._lists), np.int64)

    def give(self, lists: Ints) -> None:
        """Everybody's new list (users, length), best first, `NO_TRACK` where there is nothing; the old ones are gone."""
        self._lists, self._next = lists, np.zeros(len(lists), np.int64)

    def __call__(self, day: Day, number: int) -> Plays:
        """The plays of the lists on day `number`, which the listeners remember."""
        rng = stream(self._world.seed, "offered", number)
        sessions = self._sessions(day, np.arange(self._world.listeners.known[number], dtype=np.int32), rng)
        track = self._taken(sessions)
        track[track >= len(day.shelves.licensed)] = NO_TRACK  # not released yet
        track[~playable(day, sessions.user, sessions.territory, track)] = NO_TRACK
        found, nowhere = np.full(track.shape, OFFERED, np.int8), np.full(track.shape, NO_PLAYLIST, np.int8)
        return judge(day, self._world.memory, sessions, Choices(track, found, nowhere), rng)

    def _sessions(self, day: Day, users: Ints, rng: np.random.Generator) -> Sessions:
        """Who opens their list today, and for how long. Every draw is made for everybody: it is the same for any lists."""
        population, (first, last) = day.population, self._settings.begins
        opens = rng.random(len(users)) < 1 - np.exp(-self._settings.opened * population.sessions_per_day[users])
        length = np.minimum(rng.geometric(1 / population.plays_per_session[users].clip(1.01)), self._settings.longest)
        hour = first + rng.random(len(users)) * (last - first) - np.array(UTC_OFFSETS)[population.territory[users]]
        device = rng.integers(0, len(DEVICES), len(users))
        mood = day.tastes.weights[users].argmax(axis=1)
        here = opens & ~population.bot[users] & self._left(users)
        return Sessions(
            user=users[here],
            territory=population.territory[users[here]],
            starts_at=(hour[here] % 24 * MICROSECONDS_PER_HOUR).astype(np.int64),
            length=length[here].astype(np.int32),
            device=device[here].astype(np.int32),
            mood=mood[here].astype(np.int32),
            wanted=day.tastes.vectors[users[here], mood[here]],
        )

    def _left(self, users: Ints) -> Flags:
        return self._next[users] < self._lists.shape[1]

    def _taken(self, sessions: Sessions) -> Ints:
        """The next tracks of each session's list (n, longest); afterwards the list goes on behind them."""
        places: Longs = self._next[sessions.user, None] + np.arange(self._settings.longest)
        there = (np.arange(self._settings.longest) < sessions.length[:, None]) & (places < self._lists.shape[1])
        taken = self._lists[sessions.user[:, None], np.where(there, places, 0)]
        self._next[sessions.user] += sessions.length
        return np.where(there, taken, NO_TRACK).astype(np.int32)
