"""Accounts that are no listeners, in four kinds: fast loops around the clock, slow farms that mimic people, one track over
and over for just as long as is paid for, and clusters of modest accounts that share their targets.

The kind of a bot is its turn among them (`KINDS`), so a small world has the loudest first. Nobody below the truth is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infra.world.day import Day
from infra.world.judgement import COMPLETE, EARLY_SKIP, LATE_SKIP, SURFACES, Plays, joined_plays
from infra.world.memory import NO_PLAYLIST
from infra.world.parameters import DAY_PARTS, UTC_OFFSETS
from infra.world.space import Bytes, Flags, Ints, Longs, stream
from segue.names import Surface

KINDS = ("fast", "slow", "one_track", "cluster")

_MICROSECONDS_PER_DAY = 86_400_000_000
_MICROSECONDS_PER_HOUR = 3_600_000_000
_PHONE, _WEB = 0, 5


@dataclass(frozen=True)
class _Doings:
    """What one bot does in a day, a row per play."""

    track: Ints
    starts_at: Longs
    ms_played: Longs
    outcome: Bytes
    saved: Flags
    device: int = _PHONE


def kinds_of(bot: Flags) -> Ints:
    """The place in `KINDS` of every user's kind, -1 of a listener."""
    return np.where(bot, (np.cumsum(bot) - 1) % len(KINDS), -1).astype(np.int32)


def bot_plays(day: Day, *, number: int, known: int, seed: int) -> Plays:
    """The plays of every bot on day `number`."""
    kind = kinds_of(day.population.bot[:known])
    bots = np.flatnonzero(kind >= 0).astype(np.int32)
    return joined_plays([_none(), *(_one(day, bot, KINDS[kind[bot]], number, seed) for bot in bots)])


def _one(day: Day, bot: np.int32, kind: str, number: int, seed: int) -> Plays:
    rng = stream(seed, "bot", int(bot), number)
    does = _DOES[kind](day, bot, rng, seed)
    count = len(does.track)
    return Plays(
        user=np.full(count, bot, np.int32),
        track=does.track,
        territory=np.full(count, day.population.territory[bot], np.int32),
        device=np.full(count, does.device, np.int32),
        surface=np.full(count, SURFACES.index(Surface.PLAYLIST), np.int32),
        playlist=np.full(count, NO_PLAYLIST, np.int8),
        starts_at=does.starts_at,
        ms_played=does.ms_played,
        outcome=does.outcome,
        liking=np.zeros(count, np.float32),
        saved=does.saved,
        added_to=np.full(count, NO_PLAYLIST, np.int8),
        disliked=np.zeros(count, bool),
    )


def _fast(day: Day, bot: np.int32, rng: np.random.Generator, seed: int) -> _Doings:
    """A handful of tracks in a loop, to the end, at a near constant pace, day and night."""
    settings = day.parameters.bots
    count = _how_many(day, rng, settings.plays_per_day)
    track = _targets(day, stream(seed, "bot", int(bot)), settings.loop)[np.arange(count) % settings.loop]
    slot = _MICROSECONDS_PER_DAY // max(count, 1)
    starts = np.arange(count) * slot + rng.integers(0, max(slot // 20, 1), count)
    return _Doings(
        track, starts, day.catalogue.tracks.duration_ms[track], np.full(count, COMPLETE, np.int8), np.zeros(count, bool), _WEB
    )


def _one_track(day: Day, bot: np.int32, rng: np.random.Generator, seed: int) -> _Doings:
    """One track again and again, left as soon as the play counts."""
    count = _how_many(day, rng, day.parameters.bots.repeats_per_day)
    track = np.repeat(_targets(day, stream(seed, "bot", int(bot)), 1), count)
    ms_played = rng.integers(31_000, 46_000, count)
    return _Doings(
        track, _in_a_row(day, bot, rng, ms_played), ms_played, np.full(count, LATE_SKIP, np.int8), np.zeros(count, bool)
    )


def _slow(day: Day, bot: np.int32, rng: np.random.Generator, seed: int) -> _Doings:
    """As much as a keen listener, when listeners listen: the farm's targets among what is popular, which it skips at times."""
    settings = day.parameters.bots
    count = _how_many(day, rng, settings.slow_plays_per_day)
    targets = _targets(day, stream(seed, "slow farm"), settings.slow_targets)
    cover = rng.random(count) < settings.slow_cover
    track = np.where(cover, _popular(day, bot, rng, count), rng.choice(targets, count)).astype(np.int32)
    drawn = rng.random(count)
    outcome = np.select([cover & (drawn < 0.15), cover & (drawn < 0.23)], [EARLY_SKIP, LATE_SKIP], COMPLETE).astype(np.int8)
    duration = day.catalogue.tracks.duration_ms[track]
    skipped = [rng.integers(2_000, 28_000, count), (0.5 * duration).astype(np.int64)]
    ms_played = np.select([outcome == EARLY_SKIP, outcome == LATE_SKIP], skipped, duration)
    saved = ~cover & (rng.random(count) < settings.slow_save_rate)
    return _Doings(track, _in_a_row(day, bot, rng, ms_played), ms_played, outcome, saved)


def _cluster(day: Day, bot: np.int32, rng: np.random.Generator, seed: int) -> _Doings:
    """One modest session a day of a list that all accounts of the cluster share, in another order each time."""
    settings = day.parameters.bots
    count = _how_many(day, rng, settings.cluster_plays_per_day)
    targets = _targets(day, stream(seed, "cluster"), settings.cluster_targets)
    shuffled = np.concatenate([np.zeros(0, np.int32), *(rng.permutation(targets) for _ in range(-(-count // len(targets))))])
    cover = rng.random(count) < settings.cluster_cover
    track = np.where(cover, _popular(day, bot, rng, count), shuffled[:count]).astype(np.int32)
    ms_played = day.catalogue.tracks.duration_ms[track]
    return _Doings(
        track, _in_a_row(day, bot, rng, ms_played), ms_played, np.full(count, COMPLETE, np.int8), np.zeros(count, bool)
    )


_DOES: dict[str, Callable[[Day, np.int32, np.random.Generator, int], _Doings]] = {
    "fast": _fast,
    "slow": _slow,
    "one_track": _one_track,
    "cluster": _cluster,
}


def _how_many(day: Day, rng: np.random.Generator, usual: float) -> int:
    return 0 if rng.random() < day.parameters.bots.idle_days else int(rng.poisson(usual))


def _targets(day: Day, rng: np.random.Generator, count: int) -> Ints:
    """What is pushed, the same every day: drawn from those that are licensed everywhere from the beginning on."""
    tracks = day.catalogue.tracks
    there = np.flatnonzero(~tracks.restricted[: day.catalogue.released[0]])
    return rng.choice(there, count).astype(np.int32)


def _popular(day: Day, bot: np.int32, rng: np.random.Generator, count: int) -> Ints:
    territory = np.full((count, 1), day.population.territory[bot])
    return day.shelves.draw(rng, territory, np.full((count, 1), -1))[:, 0].astype(np.int32)


def _in_a_row(day: Day, bot: np.int32, rng: np.random.Generator, ms_played: Longs) -> Longs:
    """When the plays begin: one after another within parts of the day as people have them, each part with its share."""
    part = np.sort(rng.integers(0, len(DAY_PARTS), len(ms_played)))
    spent = ms_played * 1_000 + rng.exponential(2_000_000, len(ms_played)).astype(np.int64)
    starts = np.zeros(len(ms_played), np.int64)
    for number, (begin, end) in enumerate(DAY_PARTS):
        local = begin + 0.3 * rng.random() * (end - begin) - UTC_OFFSETS[day.population.territory[bot]]
        here = part == number
        starts[here] = local % 24 * _MICROSECONDS_PER_HOUR + np.cumsum(spent[here]) - spent[here]
    return starts


def _none() -> Plays:
    return Plays(*(np.zeros(0, kind) for kind in ("i4", "i4", "i4", "i4", "i4", "i1", "i8", "i8", "i1", "f4", "?", "i1", "?")))
