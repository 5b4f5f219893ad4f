"""A few accounts that are no listeners: they play a handful of tracks in a loop, to the end, around the clock."""

from __future__ import annotations

import numpy as np

from infra.world.day import Day
from infra.world.judgement import COMPLETE, SURFACES, Plays, joined_plays
from infra.world.memory import NO_PLAYLIST
from infra.world.space import Ints, stream
from segue.names import Surface

_MICROSECONDS_PER_DAY = 86_400_000_000
_WEB = 5


def bot_plays(day: Day, *, number: int, known: int, seed: int) -> Plays:
    """The plays of every bot on day `number`: no skips, no saves, a near constant pace."""
    bots = np.flatnonzero(day.population.bot[:known]).astype(np.int32)
    return joined_plays([_none(), *(_one(day, bot, number, seed) for bot in bots)])


def _one(day: Day, bot: np.int32, number: int, seed: int) -> Plays:
    settings, rng = day.parameters.bots, stream(seed, "bot", int(bot), number)
    count = 0 if rng.random() < settings.idle_days else int(rng.poisson(settings.plays_per_day))
    track = _loop(day, bot, seed)[np.arange(count) % settings.loop]
    slot = _MICROSECONDS_PER_DAY // max(count, 1)
    return Plays(
        user=np.full(count, bot, np.int32),
        track=track,
        territory=np.full(count, day.population.territory[bot], np.int32),
        device=np.full(count, _WEB, np.int32),
        surface=np.full(count, SURFACES.index(Surface.PLAYLIST), np.int32),
        playlist=np.full(count, NO_PLAYLIST, np.int8),
        starts_at=np.arange(count) * slot + rng.integers(0, max(slot // 20, 1), count),
        ms_played=day.catalogue.tracks.duration_ms[track],
        outcome=np.full(count, COMPLETE, np.int8),
        liking=np.zeros(count, np.float32),
        saved=np.zeros(count, bool),
        added_to=np.full(count, NO_PLAYLIST, np.int8),
        disliked=np.zeros(count, bool),
    )


def _loop(day: Day, bot: np.int32, seed: int) -> Ints:
    """The tracks a bot pushes, the same every day: drawn from those that are licensed everywhere from the beginning on."""
    tracks = day.catalogue.tracks
    there = np.flatnonzero(~tracks.restricted[: day.catalogue.released[0]])
    return stream(seed, "bot", int(bot)).choice(there, day.parameters.bots.loop).astype(np.int32)


def _none() -> Plays:
    return Plays(*(np.zeros(0, kind) for kind in ("i4", "i4", "i4", "i4", "i4", "i1", "i8", "i8", "i1", "f4", "?", "i1", "?")))
