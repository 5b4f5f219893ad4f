"""`segue listen`: the listeners of a simulated world hear their playlists of a week once, each track, and say what they think
of it. Their plays and saves are landed as events like any others; beside the truth stays how likely each of them, and each
track that might have stood there instead, was to be saved. Heard again, a week gives the same events."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.landing import schemas
from infra.world.judging import Judge
from infra.world.parameters import DEVICES
from infra.world.space import Floats, Ints, stream
from infra.world.writing import track_ids, user_ids
from segue.atomic import replacing_file
from segue.dates import days_of_week, start_of
from segue.errors import SegueError
from segue.home import get_home
from segue.names import Surface
from segue.predictions import Prediction, weekly_predictions
from segue.pseudonyms import pseudonym
from segue.settings import get_settings
from segue.stage import Outcome

_DAY_US = 86_400_000_000
_MINUTES, _LIST_MINUTES = 60_000_000, 6
_PLAYED_MS, _SKIPPED_MS = 200_000, 8_000
JUDGED = "judged"
"""Folder below `world/` of what `run` wrote down, by week: user pseudonym, track id, chance to be saved, whether it was in the
list."""


def run(*, week: date) -> Outcome:
    """Hear the visible playlists of `week`, track by track; land what came of it.

    Raises:
        SegueError: no playlists were made for that week, or the home holds no simulated world.
    """
    home = get_home()
    lists = list(weekly_predictions(week))
    if not lists:
        raise SegueError(
            expected=f"playlists of the week of {week}", received="none", mend=f"run `segue playlists --week {week}`"
        )
    judge = Judge(home)
    users = {pseudonym(user): number for number, user in enumerate(user_ids(np.arange(_users(home.world))))}
    shown = _pairs(users, [(one, [t.track_id for t in one.tracks]) for one in lists])
    instead = _pairs(users, [(one, one.explored.candidates) for one in lists if one.explored])
    saved = _land(judge, shown, week)
    _write_down(home.world / JUDGED / f"week={week}" / "data.parquet", judge, shown, instead)
    told = {"lists": len(lists), "plays": len(shown[0]), "saves": saved, "save_rate": saved / max(1, len(shown[0]))}
    text = f"{told['lists']} playlists of the week of {week} were heard: {told['plays']} plays, {saved} saves"
    return Outcome(told, f"{text}; the events are landed: run `segue features --as-of {days_of_week(week)[1]}`")


def _users(world: Path) -> int:
    return pq.ParquetFile(world / "truth" / "users.parquet").metadata.num_rows


def _pairs(users: dict[str, int], lists: list[tuple[Prediction, list[str]]]) -> tuple[Ints, Ints]:
    """Numbers of users and tracks, a pair for every track of every list; strangers to the world are left out."""
    known = [(users[one.user], tracks) for one, tracks in lists if one.user in users]
    who = np.repeat([user for user, _ in known], [len(tracks) for _, tracks in known]).astype(np.int32)
    return who, np.array([int(track[1:]) for _, tracks in known for track in tracks], dtype=np.int32)


def _land(judge: Judge, shown: tuple[Ints, Ints], week: date) -> int:
    """Draw what becomes of every play, and land it by day; gives the number of saves."""
    rng = stream(get_settings().seed, "hearing", week.toordinal())
    finishing, saving = judge.finishing(*shown), judge.saving(*shown)
    finished = rng.random(len(finishing)) < finishing
    saved = finished & (rng.random(len(saving)) < saving / np.maximum(finishing, 1e-9))
    day = np.repeat(rng.integers(0, 7, len(np.unique(shown[0]))), np.unique(shown[0], return_counts=True)[1])
    place = np.concatenate([np.arange(count) for count in np.unique(shown[0], return_counts=True)[1]])
    order = np.argsort(shown[0], kind="stable")
    at = np.empty(len(order), dtype=np.int64)
    at[order] = day * _DAY_US + 12 * 60 * _MINUTES + place * _LIST_MINUTES * _MINUTES
    for number in range(7):
        _land_day(week + timedelta(days=number), week, shown, at, finished, saved, at // _DAY_US == number)
    return int(saved.sum())


def _land_day(day: date, week: date, shown: Any, at: Any, finished: Any, saved: Any, today: Any) -> None:
    plays, saves = np.flatnonzero(today), np.flatnonzero(today & saved)
    rows = np.concatenate([plays, saves])
    is_save = np.arange(len(rows)) >= len(plays)
    begun = int(start_of(week).timestamp() * 1e6)
    ms = np.where(finished[rows], _PLAYED_MS, _SKIPPED_MS)
    times = pa.array(begun + at[rows] + ms * 1_000 + is_save * 1_000_000, pa.timestamp("us", tz="UTC"))
    columns: dict[str, Any] = {name: pa.nulls(len(rows), schemas.EVENTS.field(name).type) for name in schemas.EVENTS.names}
    columns |= {
        "event_id": pa.array([f"heard-{week}-{kind:d}-{row}" for kind, row in zip(is_save, rows, strict=True)]),
        "event_type": pa.array(np.where(is_save, "save", "play").tolist()),
        "user_id": pa.array(user_ids(shown[0][rows])),
        "track_id": pa.array(track_ids(shown[1][rows])),
        "occurred_at": times,
        "received_at": times,
        "ms_played": pa.array(ms, mask=is_save),
        "device": pa.array([DEVICES[0]] * len(rows)),
        "surface": pa.array([Surface.WEEKLY.value] * len(rows)),
    }
    path = get_home().landing_day("events", "events", day) / "heard.parquet"
    with replacing_file(path) as temporary:
        pq.write_table(pa.table(columns, schema=schemas.EVENTS), temporary)


def _write_down(path: Path, judge: Judge, shown: Any, instead: Any) -> None:
    names = {number: pseudonym(user) for number, user in enumerate(user_ids(np.arange(_users(get_home().world))))}
    parts = []
    for (users, tracks), in_list in ((shown, True), (instead, False)):
        chance: Floats = judge.saving(users, tracks)
        parts.append(
            pa.table(
                {
                    "user": pa.array([names[user] for user in users.tolist()], pa.string()),
                    "track_id": pa.array(track_ids(tracks), pa.string()),
                    "chance": pa.array(chance),
                    "in_list": pa.array([in_list] * len(users), pa.bool_()),
                }
            )
        )
    with replacing_file(path) as temporary:
        pq.write_table(pa.concat_tables(parts), temporary)
