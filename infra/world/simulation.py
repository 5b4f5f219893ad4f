"""The world under way: one day after another, users in batches of a fixed size so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

import numpy as np

from infra.world.bots import bot_plays
from infra.world.catalogue import Catalogue, make_catalogue
from infra.world.day import Day
from infra.world.judgement import Plays, joined_plays, judge
from infra.world.listeners import Listeners, Tastes, drifted, first_tastes, make_listeners
from infra.world.listening import choose
from infra.world.memory import Memory
from infra.world.parameters import WorldParameters
from infra.world.sessions import sessions_of_day
from infra.world.shelves import shelves_of_day
from infra.world.space import Space, make_space, stream
from segue.errors import NotBegunError

_BATCH_USERS = 20_000
DAYS_PER_WEEK = 7

Offered = Callable[[Day, int], Plays]
"""What is played of what a recommender gave, on the day of that number; it may change what listeners remember."""


@dataclass(frozen=True)
class World:
    """What a world is made of, for `days` days, and what its listeners remember so far."""

    parameters: WorldParameters
    start: date
    days: int
    seed: int
    space: Space
    catalogue: Catalogue
    listeners: Listeners
    memory: Memory

    def day(self, number: int) -> date:
        """The date of day `number`."""
        return self.start + timedelta(days=number)

    def run(self, offered: Offered | None = None) -> Iterator[tuple[int, Tastes, Plays]]:
        """Every day in order, once: its number, the tastes of its week, its plays. A day depends on the days before it, and on
        what listeners were given by then."""
        for number, tastes in enumerate(self._tastes()):
            yield number, tastes, self._plays(self._day(tastes, number), number, offered)

    def as_on(self, number: int) -> Day:
        """What is true on day `number`, whatever is played until then."""
        return self._day(next(islice(self._tastes(), number, None)), number)

    def _tastes(self) -> Iterator[Tastes]:
        """The tastes of every day in order."""
        tastes = first_tastes(self.listeners.population)
        for number in range(self.days):
            if number and number % DAYS_PER_WEEK == 0:
                before = int(self.listeners.known[number - 1])
                tastes = drifted(self.parameters, tastes, week=number // DAYS_PER_WEEK, known=before, seed=self.seed)
            yield tastes

    def _day(self, tastes: Tastes, number: int) -> Day:
        shelves = shelves_of_day(self.parameters.catalogue, self.catalogue, day=number)
        return Day(self.parameters, self.space, self.catalogue, self.listeners.population, tastes, shelves)

    def _plays(self, day: Day, number: int, offered: Offered | None) -> Plays:
        known = int(self.listeners.known[number])
        starts = range(0, known, _BATCH_USERS)
        honest = [self._batch(day, number, np.arange(low, min(low + _BATCH_USERS, known), dtype=np.int32)) for low in starts]
        given = [offered(day, number)] if offered else []
        return joined_plays([*honest, *given, bot_plays(day, number=number, known=known, seed=self.seed)])

    def _batch(self, day: Day, number: int, users: np.ndarray) -> Plays:
        rng = stream(self.seed, "day", number, int(users[0]))
        sessions = sessions_of_day(day, users, weekday=self.day(number).weekday(), rng=rng)
        choices = choose(day, self.memory, sessions, rng)
        return judge(day, self.memory, sessions, choices, rng)


def make_world(
    *, start: date, days: int, users: int, tracks: int, seed: int, parameters: WorldParameters | None = None
) -> World:
    """A world before its first day; SegueError for sizes that make no world."""
    for name, value, least in (("days", days, 1), ("users", users, 2), ("tracks", tracks, 20), ("seed", seed, 0)):
        if value < least:
            raise NotBegunError(expected=f"--{name} of at least {least}", received=str(value), mend=f"give a larger --{name}")
    _check_last_day(start, days)
    chosen = parameters or WorldParameters()
    space = make_space(chosen.space, seed)
    listeners = make_listeners(chosen, space, users=users, days=days, seed=seed)
    return World(
        parameters=chosen,
        start=start,
        days=days,
        seed=seed,
        space=space,
        catalogue=make_catalogue(chosen, space, tracks=tracks, days=days, seed=seed),
        listeners=listeners,
        memory=Memory(len(listeners.population), chosen.listening),
    )


def _check_last_day(start: date, days: int) -> None:
    """Licences reach some months past the last day and releases twenty years before the first; dates must hold both."""
    if start.year < 1970 or start.year + days // 365 > 2200:
        received = f"--start {start.isoformat()} with --days {days}"
        raise NotBegunError(
            expected="a world between 1970 and 2200", received=received, mend="move --start or give fewer --days"
        )
