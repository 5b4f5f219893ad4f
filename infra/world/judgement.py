"""How a listener judges what was put on: heard to the end, skipped early or late, saved, added to a playlist, disliked.

Turns the choices of a day into plays, one row each, with their times; and updates what listeners remember.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.world.day import Day, likeness
from infra.world.listening import ARTIST, DISCOVERY, LIBRARY, OFFERED, Choices
from infra.world.memory import NO_PLAYLIST, NO_TRACK, Memory
from infra.world.parameters import ListeningParameters
from infra.world.sessions import Sessions
from infra.world.space import Bytes, Flags, Floats, Ints, Longs
from segue.names import Surface

COMPLETE, LATE_SKIP, EARLY_SKIP = 0, 1, 2
SURFACES = tuple(Surface)
_SURFACE = {surface: index for index, surface in enumerate(SURFACES)}
_LONGEST_EARLY_MS = 29_000


@dataclass(frozen=True)
class Plays:
    """One row per play of a day. `starts_at` in microseconds from the day's midnight UTC; `liking` is the true affinity."""

    user: Ints
    track: Ints
    territory: Ints
    device: Ints
    surface: Ints
    playlist: Bytes
    starts_at: Longs
    ms_played: Longs
    outcome: Bytes
    liking: Floats
    saved: Flags
    added_to: Bytes
    disliked: Flags


def joined_plays(parts: list[Plays]) -> Plays:
    """The plays of several groups of users as one."""
    return Plays(*(np.concatenate([getattr(part, name) for part in parts]) for name in Plays.__dataclass_fields__))


def judge(day: Day, memory: Memory, sessions: Sessions, choices: Choices, rng: np.random.Generator) -> Plays:
    """Play the choices; afterwards `memory` knows them."""
    session, step = np.nonzero(choices.track != NO_TRACK)
    user, track, found = sessions.user[session], choices.track[session, step], choices.found[session, step]
    liking, familiar = likeness(day, user, track), memory.knows(user, track)
    outcome = _outcome(day, liking, familiar, rng)
    ms_played = _ms_played(outcome, day.catalogue.tracks.duration_ms[track], rng)
    saved, added, disliked = _feedback(day, outcome, liking, familiar, rng)
    playlist = np.where(added, sessions.mood[session], NO_PLAYLIST).astype(np.int8)
    plays = Plays(
        user=user,
        track=track,
        territory=sessions.territory[session],
        device=sessions.device[session],
        surface=_surface(found, choices.playlist[session, step], rng),
        playlist=choices.playlist[session, step],
        starts_at=sessions.starts_at[session] + _elapsed(session, ms_played, rng),
        ms_played=ms_played,
        outcome=outcome,
        liking=liking,
        saved=saved,
        added_to=playlist,
        disliked=disliked,
    )
    _remember(memory, plays, familiar, rng)
    return plays


def _outcome(day: Day, liking: Floats, familiar: Flags, rng: np.random.Generator) -> Bytes:
    settings = day.parameters.listening
    completes = rng.random(len(liking)) < finishing(settings, liking, familiar)
    hasty = settings.early_given_skip - 0.5 * (liking - settings.judgement_centre)
    early = rng.random(len(liking)) < np.clip(hasty, 0.1, 0.95)
    return np.select([completes, early], [COMPLETE, EARLY_SKIP], LATE_SKIP).astype(np.int8)


def finishing(settings: ListeningParameters, liking: Floats, familiar: Flags) -> Floats:
    """The chance that a play is heard to the end."""
    logit = settings.judgement_sharpness * (liking - settings.judgement_centre) + settings.familiar_bonus * familiar
    return _logistic(logit)


def saving(settings: ListeningParameters, liking: Floats, familiar: Flags) -> Floats:
    """The chance that a track which is put on is saved: it is heard to the end, and they are fond of it."""
    keen = settings.save_rate * np.where(familiar, np.float32(0.3), np.float32(1))
    return np.asarray(finishing(settings, liking, familiar) * _fondness(settings, liking) * keen, dtype=np.float32)


def _fondness(settings: ListeningParameters, liking: Floats) -> Floats:
    return _logistic(8 * (liking - settings.judgement_centre - 0.2))


def _ms_played(outcome: Bytes, duration_ms: Longs, rng: np.random.Generator) -> Longs:
    drawn = rng.random(len(outcome))
    to_the_end = np.where(drawn < 0.8, 1.0, 0.85 + 0.15 * rng.random(len(outcome))) * duration_ms
    late = 31_000 + drawn * (0.78 * duration_ms - 31_000)
    early = 1_200 + drawn**1.5 * (_LONGEST_EARLY_MS - 1_200)
    return np.select([outcome == COMPLETE, outcome == LATE_SKIP], [to_the_end, late], early).astype(np.int64)


def _feedback(
    day: Day, outcome: Bytes, liking: Floats, familiar: Flags, rng: np.random.Generator
) -> tuple[Flags, Flags, Flags]:
    """Saved, added to a playlist, disliked (n,) each."""
    settings, drawn = day.parameters.listening, rng.random((3, len(outcome)))
    fond = _fondness(settings, liking) * (outcome == COMPLETE)
    saved = drawn[0] < settings.save_rate * fond * np.where(familiar, 0.3, 1.0)
    added = drawn[1] < settings.playlist_rate * fond
    sour = _logistic(8 * (settings.judgement_centre - 0.1 - liking)) * (outcome == EARLY_SKIP)
    return saved, added, drawn[2] < settings.dislike_rate * sour


def _surface(found: Bytes, playlist: Bytes, rng: np.random.Generator) -> Ints:
    drawn = rng.random(len(found))
    home, radio, search = (_SURFACE[surface] for surface in (Surface.HOME, Surface.RADIO, Surface.SEARCH))
    discovery = np.select([drawn < 0.45, drawn < 0.8], [home, radio], search)
    artist = np.where(drawn < 0.6, search, _SURFACE[Surface.SIMILAR])
    library = np.where(playlist != NO_PLAYLIST, _SURFACE[Surface.PLAYLIST], _SURFACE[Surface.LIBRARY])
    ways = [found == DISCOVERY, found == ARTIST, found == LIBRARY, found == OFFERED]
    return np.select(ways, [discovery, artist, library, _SURFACE[Surface.WEEKLY]]).astype(np.int32)


def _elapsed(session: Longs, ms_played: Longs, rng: np.random.Generator) -> Longs:
    """Microseconds from the start of each play's session to its own start; rows are in the order of the session."""
    pause = rng.exponential(2.0, len(session)) + (rng.random(len(session)) < 0.03) * rng.uniform(60, 420, len(session))
    spent = ms_played * 1_000 + (pause * 1_000_000).astype(np.int64)
    before = np.cumsum(spent) - spent
    starts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]]) if len(session) else np.zeros(0, np.int64)
    return before - np.repeat(before[starts], np.diff(np.r_[starts, len(session)]))


def _remember(memory: Memory, plays: Plays, familiar: Flags, rng: np.random.Generator) -> None:
    kept = (plays.outcome == COMPLETE) & ~familiar & (rng.random(len(plays.user)) < _logistic(10 * (plays.liking - 0.35)))
    kept |= plays.saved | (plays.added_to != NO_PLAYLIST)
    memory.keep(plays.user[kept], plays.track[kept], plays.added_to[kept])
    memory.hear(plays.user, plays.track)


def _logistic(value: Floats) -> Floats:
    return (1 / (1 + np.exp(-value))).astype(np.float32)
