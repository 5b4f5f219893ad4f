"""What is played in a session: all sessions of a day advance together, one track per step.

A step continues with the artist of the last track, or takes something from the library, or discovers. Library and
discovery candidates are drawn once per session; a Gumbel draw per candidate makes the repeated argmax a sample without
replacement from the softmax of the scores (Gumbel-max trick; Kool et al. 2019, "Stochastic beams and where to find them").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.world.day import Day
from infra.world.memory import NO_PLAYLIST, NO_TRACK, Memory
from infra.world.parameters import GENRES
from infra.world.sessions import Sessions
from infra.world.space import Bytes, Flags, Floats, Ints, Longs

DISCOVERY, LIBRARY, ARTIST, OFFERED = 0, 1, 2, 3
_NEVER = np.float32(-1e9)
_TEMPO_SCALE, _ENERGY_SCALE = np.float32(18.0), np.float32(0.22)


@dataclass(frozen=True)
class Choices:
    """What was put on, per session and step (n, longest): track (`NO_TRACK` after the end), how it was found, playlist."""

    track: Ints
    found: Bytes
    playlist: Bytes


@dataclass
class _Pool:
    """Candidates of each session (n, c): discovery first, then library. `score` changes: a played track never returns."""

    track: Ints
    playlist: Bytes
    score: Floats
    tempo: Floats
    energy: Floats


def choose(day: Day, memory: Memory, sessions: Sessions, rng: np.random.Generator) -> Choices:
    """Fill the sessions of a day, longest first, from what listeners know at its beginning."""
    settings = day.parameters.listening
    longest = int(sessions.length.max(initial=0))
    shape = (len(sessions), longest)
    choices = Choices(np.full(shape, NO_TRACK, np.int32), np.zeros(shape, np.int8), np.full(shape, NO_PLAYLIST, np.int8))
    pool = _pool(day, memory, sessions, rng)
    familiarity = day.population.familiarity[sessions.user]
    for step in range(longest):
        active = int(np.searchsorted(-sessions.length, -step))
        found = (rng.random(active) < familiarity[:active]).astype(np.int8)
        continues = (rng.random(active) < settings.artist_continuation) & (step > 0)
        _from_pool(day, pool, choices, found, step)
        _from_artist(day, memory, sessions, choices, np.flatnonzero(continues), step, rng)
        played = pool.track[:active] == choices.track[:active, step, None]
        pool.score[:active][played] = _NEVER
    return choices


def _pool(day: Day, memory: Memory, sessions: Sessions, rng: np.random.Generator) -> _Pool:
    settings, tracks = day.parameters.listening, day.catalogue.tracks
    new = day.shelves.draw(rng, sessions.territory[:, None], _genres(day, sessions, rng))
    known, playlist = memory.recall(rng, sessions.user, settings.library_candidates)
    track = np.concatenate([new, known], axis=1)
    cosine = np.einsum("nd,ncd->nc", sessions.wanted, tracks.vector[track])
    score = settings.taste_sharpness * cosine + rng.gumbel(size=track.shape).astype(np.float32)
    score[:, : new.shape[1]] -= settings.heard_penalty * memory.knows(sessions.user, new)
    score[~playable(day, sessions.user, sessions.territory, track)] = _NEVER
    lists = np.concatenate([np.full(new.shape, NO_PLAYLIST, np.int8), playlist], axis=1)
    return _Pool(track, lists, score, tracks.tempo[track] / _TEMPO_SCALE, tracks.energy[track] / _ENERGY_SCALE)


def _genres(day: Day, sessions: Sessions, rng: np.random.Generator) -> Ints:
    """A genre for each discovery candidate (n, c), by how near it lies to the session's taste; -1 for the charts."""
    settings = day.parameters.listening
    weights = np.exp(settings.genre_sharpness * sessions.wanted @ day.space.genres.T).astype(np.float64)
    cumulative = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    rows = np.arange(len(sessions))[:, None]
    drawn = rng.random((len(sessions), settings.candidates))
    genre = np.searchsorted((cumulative + rows).ravel(), drawn + rows) - rows * len(GENRES)
    charts = rng.random(genre.shape) < settings.charts_share
    return np.where(charts, -1, genre.clip(0, len(GENRES) - 1)).astype(np.int32)


def playable(day: Day, user: Ints, territory: Ints, track: Ints) -> Flags:
    """Whether each track (n, c) may be played by that user there today; never for `NO_TRACK`."""
    licensed = day.shelves.licensed[track, territory[:, None]]
    refused = day.catalogue.tracks.explicit[track] & ~day.population.explicit_allowed[user, None]
    return licensed & ~refused & (track != NO_TRACK)


def _from_pool(day: Day, pool: _Pool, choices: Choices, found: Bytes, step: int) -> None:
    settings, active = day.parameters.listening, len(found)
    score = pool.score[:active].copy()
    if step:
        last = choices.track[:active, step - 1]
        tempo = day.catalogue.tracks.tempo[last] / _TEMPO_SCALE
        energy = day.catalogue.tracks.energy[last] / _ENERGY_SCALE
        apart = (pool.tempo[:active] - tempo[:, None]) ** 2 + (pool.energy[:active] - energy[:, None]) ** 2
        score -= settings.proximity * apart.clip(0, 12)
    from_library = np.arange(score.shape[1]) >= settings.candidates
    score -= np.float32(1_000) * (from_library != (found[:, None] == LIBRARY))
    best = score.argmax(axis=1)
    rows = np.arange(active)
    exhausted = score[rows, best] < _NEVER / 2
    choices.track[:active, step] = np.where(exhausted, NO_TRACK, pool.track[rows, best])
    choices.found[:active, step] = np.where(best >= settings.candidates, LIBRARY, DISCOVERY)
    choices.playlist[:active, step] = pool.playlist[rows, best]


def _from_artist(
    day: Day, memory: Memory, sessions: Sessions, choices: Choices, rows: Longs, step: int, rng: np.random.Generator
) -> None:
    """Replace the choice of `rows` by another track of the last artist, where there is one left to play."""
    settings, tracks, shelves = day.parameters.listening, day.catalogue.tracks, day.shelves
    rows = rows[choices.track[rows, step - 1] != NO_TRACK]
    artist = tracks.artist[choices.track[rows, step - 1]]
    start, end = shelves.artist_starts[artist], shelves.artist_starts[artist + 1]
    drawn = rng.random((len(rows), settings.artist_candidates))
    track = shelves.by_artist[(start[:, None] + drawn * (end - start)[:, None]).astype(np.int64)]
    cosine = np.einsum("nd,ncd->nc", sessions.wanted[rows], tracks.vector[track])
    score = settings.taste_sharpness * cosine + 0.5 * shelves.appeal[track] + rng.gumbel(size=track.shape)
    score -= 0.5 * settings.heard_penalty * memory.knows(sessions.user[rows], track)
    score[~playable(day, sessions.user[rows], sessions.territory[rows], track)] = _NEVER
    score[(track[:, :, None] == choices.track[rows, None, :step]).any(axis=2)] = _NEVER
    best = score.argmax(axis=1)
    index = np.arange(len(rows))
    rows, taken = rows[score[index, best] > _NEVER / 2], track[index, best][score[index, best] > _NEVER / 2]
    choices.track[rows, step] = taken
    choices.found[rows, step] = ARTIST
    choices.playlist[rows, step] = NO_PLAYLIST
