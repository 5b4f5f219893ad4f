"""The days of a world on their way into the log: what arrives on which day, written where `segue features` looks."""

from __future__ import annotations

from datetime import date

import numpy as np

from infra.world.dirt import soiled
from infra.world.judgement import Plays
from infra.world.rows import MICROSECONDS_PER_DAY, Rows, joined, rows_of_day
from infra.world.simulation import World
from infra.world.space import stream
from infra.world.titles import missing_attributes
from infra.world.writing import Writer
from segue.home import Home

_UNIX = date(1970, 1, 1)


class Landing:
    """Lands one world in one home, day after day; what is still on its way after a day lands on a later one."""

    def __init__(self, home: Home, world: World) -> None:
        self.writer, self._world = Writer(home, world), world
        self._missing = missing_attributes(
            world.seed, len(world.catalogue.tracks), world.parameters.catalogue.missing_attribute
        )
        self._waiting: list[Rows] = []

    def land(self, number: int, plays: Plays) -> Rows:
        """Land what arrived on day `number`, and the tracks and accounts new on it; gives the rows that arrived."""
        rows = joined([*self._waiting, self._events(number, plays)])
        here = rows.received < (number + 1) * MICROSECONDS_PER_DAY
        arrived, self._waiting = rows.take(np.flatnonzero(here)), [rows.take(np.flatnonzero(~here))]
        self.writer.catalogue(number, self._missing)
        self.writer.accounts(number)
        self.writer.events(number, arrived)
        return arrived

    def _events(self, number: int, plays: Plays) -> Rows:
        world = self._world
        rows = rows_of_day(plays, day=number, rng=stream(world.seed, "events", number))
        epoch_us = (world.start - _UNIX).days * MICROSECONDS_PER_DAY
        return soiled(world.parameters.dirt, rows, stream(world.seed, "dirt", number), epoch_us=epoch_us)
