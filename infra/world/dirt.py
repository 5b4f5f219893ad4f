"""What goes wrong on the way to a log: duplicates, late arrivals, wrong clocks, missing fields, unknown tracks, garbage.

Each event carries at most one defect, kept in `Rows.defect` for the truth; the log itself does not tell.
Of the two deliveries of a duplicate the second is the defect.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infra.world.parameters import DirtParameters
from infra.world.rows import MICROSECONDS_PER_DAY, MISSING, NO_TIME, PLAY, Rows, garbage_code, joined
from infra.world.space import Flags

DEFECTS = (
    "clean", "duplicate", "late", "clock_ahead", "clock_reset", "missing_event_id", "missing_user", "missing_track",
    "missing_time", "missing_ms", "missing_device", "missing_territory", "unknown_track", "garbage_type", "garbage_ms",
    "garbage_user",
)  # fmt: skip
_CODE = {name: code for code, name in enumerate(DEFECTS)}

GARBAGE_TYPES = ("plya", "PLAY", "", "undefined", '{"type": "play"}')
GARBAGE_USERS = ("", "u 1\t", "\u0000\u0000", "not a user", "'; drop table users; --")
UNKNOWN_TRACKS = tuple(f"t9{number:07d}" for number in range(40))
_HOUR = MICROSECONDS_PER_DAY // 24


def soiled(settings: DirtParameters, rows: Rows, rng: np.random.Generator, *, epoch_us: int) -> Rows:
    """`rows` with defects, and the copies of the duplicates after them. `epoch_us` is the Unix time of day 0."""
    chances = np.array([getattr(settings, name) for name in DEFECTS[1:]])
    defect = np.searchsorted(np.cumsum(chances), rng.random(len(rows)), side="right") + 1
    defect = np.where(defect >= len(DEFECTS), 0, defect)
    defect = np.where(np.isin(defect, [_CODE["missing_ms"], _CODE["garbage_ms"]]) & (rows.kind != PLAY), 0, defect)
    marked = replace(rows, defect=defect.astype(np.int8))
    times = _times(settings, marked, rng, epoch_us)
    first = replace(times, defect=np.where(_is(times, "duplicate"), 0, times.defect).astype(np.int8))
    return joined([_names(first, rng), _copies(times, rng)])


def _is(rows: Rows, name: str) -> Flags:
    return rows.defect == _CODE[name]


def _times(settings: DirtParameters, rows: Rows, rng: np.random.Generator, epoch_us: int) -> Rows:
    """Late arrivals come 1 to 5 days later; a clock is 2 to 48 hours ahead, or starts again in 1970."""
    count = len(rows)
    days_late = rng.integers(1, settings.latest_days + 1, count) * MICROSECONDS_PER_DAY
    ahead = (rng.uniform(2, 48, count) * _HOUR).astype(np.int64)
    reset = rng.integers(0, MICROSECONDS_PER_DAY, count) - epoch_us
    wrong = [_is(rows, "clock_ahead"), _is(rows, "clock_reset"), _is(rows, "missing_time")]
    occurred = np.select(wrong, [rows.occurred + ahead, reset, np.full(count, NO_TIME)], rows.occurred)
    received = rows.received + np.where(_is(rows, "late"), days_late, 0)
    return replace(rows, occurred=occurred, received=received)


def _names(rows: Rows, rng: np.random.Generator) -> Rows:
    count = len(rows)
    kinds = garbage_code(0) - rng.integers(0, len(GARBAGE_TYPES), count)
    users = garbage_code(0) - rng.integers(0, len(GARBAGE_USERS), count)
    unknown = garbage_code(0) - rng.integers(0, len(UNKNOWN_TRACKS), count)
    absurd = np.where(rng.random(count) < 0.5, -rows.ms_played - 2, rows.ms_played + 10**12)
    user = np.select([_is(rows, "missing_user"), _is(rows, "garbage_user")], [MISSING, users], rows.user)
    track = np.select([_is(rows, "missing_track"), _is(rows, "unknown_track")], [MISSING, unknown], rows.track)
    played = np.select([_is(rows, "missing_ms"), _is(rows, "garbage_ms")], [MISSING, absurd], rows.ms_played)
    return replace(
        rows,
        sequence=np.where(_is(rows, "missing_event_id"), MISSING, rows.sequence),
        kind=np.where(_is(rows, "garbage_type"), kinds, rows.kind).astype(np.int8),
        user=user.astype(np.int32),
        track=track.astype(np.int32),
        ms_played=played.astype(np.int64),
        device=np.where(_is(rows, "missing_device"), MISSING, rows.device).astype(np.int8),
        territory=np.where(_is(rows, "missing_territory"), MISSING, rows.territory).astype(np.int8),
    )


def _copies(rows: Rows, rng: np.random.Generator) -> Rows:
    """A second delivery of each duplicate: mostly seconds later, sometimes the next day."""
    copies = rows.take(np.flatnonzero(_is(rows, "duplicate")))
    soon = rng.exponential(20, len(copies)) * 1_000_000
    later = rng.uniform(0, 2, len(copies)) * MICROSECONDS_PER_DAY
    wait = np.where(rng.random(len(copies)) < 0.8, soon, later).astype(np.int64)
    return replace(copies, received=copies.received + wait)
