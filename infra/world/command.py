"""`segue world`: simulates a streaming service day by day, lands its events and keeps the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from infra.world.bots import bot_plays, joined_plays
from infra.world.catalogue import Catalogue, make_catalogue
from infra.world.dirt import soiled
from infra.world.judgement import COMPLETE, EARLY_SKIP, Plays, judge
from infra.world.listeners import Listeners, drifted, first_tastes, make_listeners
from infra.world.listening import Day, choose
from infra.world.memory import Memory
from infra.world.parameters import WorldParameters
from infra.world.rows import MICROSECONDS_PER_DAY, Rows, joined, rows_of_day
from infra.world.sessions import sessions_of_day
from infra.world.shelves import shelves_of_day
from infra.world.space import Space, make_space, stream
from infra.world.titles import missing_attributes
from infra.world.writing import Writer
from segue.errors import SegueError
from segue.home import get_home
from segue.stage import Outcome, Progress

_UNIX = date(1970, 1, 1)


@dataclass
class World:
    """A world under way: what it is made of, and what its listeners remember."""

    parameters: WorldParameters
    start: date
    seed: int
    space: Space
    catalogue: Catalogue
    listeners: Listeners
    memory: Memory

    def days(self, count: int) -> Iterator[tuple[int, Day, Plays]]:
        """Simulate `count` days in order."""
        tastes = first_tastes(self.listeners.population)
        for number in range(count):
            known = int(self.listeners.known[number])
            if number and number % 7 == 0:
                before = int(self.listeners.known[number - 1])
                tastes = drifted(self.parameters, tastes, week=number // 7, known=before, seed=self.seed)
            shelves = shelves_of_day(self.parameters.catalogue, self.catalogue, day=number)
            day = Day(self.parameters, self.space, self.catalogue, self.listeners.population, tastes, shelves)
            yield number, day, self._plays(day, number, known)

    def _plays(self, day: Day, number: int, known: int) -> Plays:
        weekday = (self.start + timedelta(days=number)).weekday()
        sessions = sessions_of_day(
            self.parameters, day.population, day.tastes, day=number, weekday=weekday, known=known, seed=self.seed
        )
        choices = choose(day, self.memory, sessions, stream(self.seed, "choices", number))
        honest = judge(day, self.memory, sessions, choices, stream(self.seed, "judgement", number))
        return joined_plays([honest, bot_plays(day, number=number, known=known, seed=self.seed)])


def make_world(*, start: date, days: int, users: int, tracks: int, seed: int) -> World:
    """A world before its first day; raises SegueError for sizes that make no world."""
    for name, value, least in (("days", days, 1), ("users", users, 2), ("tracks", tracks, 10), ("seed", seed, 0)):
        if value < least:
            raise SegueError(expected=f"--{name} of at least {least}", received=str(value), mend=f"give a larger --{name}")
    parameters = WorldParameters()
    space = make_space(parameters.space, seed)
    listeners = make_listeners(parameters, space, users=users, days=days, seed=seed)
    return World(
        parameters=parameters,
        start=start,
        seed=seed,
        space=space,
        catalogue=make_catalogue(parameters, space, tracks=tracks, days=days, seed=seed),
        listeners=listeners,
        memory=Memory(len(listeners.population), parameters.listening),
    )


def run(*, start: date, days: int, users: int, tracks: int, seed: int) -> Outcome:
    """Simulate `days` days from `start` and land them; the same arguments give the same bytes."""
    progress = Progress("world")
    with progress.step("catalogue and listeners"):
        world = make_world(start=start, days=days, users=users, tracks=tracks, seed=seed)
        writer = Writer(get_home(), start, world.catalogue, world.listeners.population, seed=seed)
    with progress.step("days"):
        counts = _land(world, writer, days, progress)
    summary = {"days": days, **counts}
    return Outcome(summary, text=str(summary))


def _land(world: World, writer: Writer, days: int, progress: Progress) -> dict[str, Any]:
    missing = missing_attributes(world.seed, len(world.catalogue.tracks), world.parameters.catalogue.missing_attribute)
    epoch_us = (world.start - _UNIX).days * MICROSECONDS_PER_DAY
    waiting: list[Rows] = []
    counts = {"events": 0, "early": 0, "complete": 0, "plays": 0}
    released, known = 0, 0
    for number, _, plays in world.days(days):
        rows = rows_of_day(plays, day=number, rng=stream(world.seed, "events", number))
        waiting.append(soiled(world.parameters.dirt, rows, stream(world.seed, "dirt", number), epoch_us=epoch_us))
        arrived, waiting = _arrived(waiting, number)
        writer.tracks(number, released, int(world.catalogue.released[number]), missing)
        writer.users(number, known, int(world.listeners.known[number]))
        released, known = int(world.catalogue.released[number]), int(world.listeners.known[number])
        counts["events"] += writer.events(number, arrived)
        counts["plays"] += len(plays.user)
        counts["early"] += int((plays.outcome == EARLY_SKIP).sum())
        counts["complete"] += int((plays.outcome == COMPLETE).sum())
        if (number + 1) % 7 == 0:
            progress.say(f"{number + 1} of {days} days, {counts['events']:,} events")
    return counts


def _arrived(waiting: list[Rows], number: int) -> tuple[Rows, list[Rows]]:
    """What arrived by the end of day `number`, and what is still on its way."""
    rows = joined(waiting)
    here = rows.received < (number + 1) * MICROSECONDS_PER_DAY
    return rows.take(np.flatnonzero(here)), [rows.take(np.flatnonzero(~here))]
