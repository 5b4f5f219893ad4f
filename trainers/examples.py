"""Training examples: which listens, with which features as known then. Every feature comes through `segue.features`.

The task is discovery, so an example is a first listen. Its features are those of the snapshot before the day of the listen:
neither the user's recent tracks nor the track's popularity can contain the listen itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.errors import SegueError
from segue.features import TIMESTAMP, training_frame
from segue.names import Service
from segue.request_features import UNKNOWN_HOUR, UNKNOWN_WEEKDAY, day_of_week, hour_of_day
from trainers.gold import read_territories, read_tracks, release_times, tracks_at
from trainers.inputs import SOURCED, TRACK, USER_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

TRACK_FACTS = ("artist_id", "genre", "tempo", "energy", "duration_s", "explicit")
"""Track features that do not change from day to day."""

NOBODY = NOTHING = ""
"""Stands for the user of a track's row, and for the track of a user's: a service wants every join key."""

ROWS_ASKED_AT_ONCE = 1_000_000
"""Pairs of territory and track that are asked for in one frame: all of a large catalogue's would be many gigabytes."""

RANDOM_SHARE = 0.25
"""Tracks drawn evenly from the catalogue, per example: negatives that in-batch sampling would never show."""


@dataclass(frozen=True)
class Examples:
    """n first listens. `users` and `tracks` hold each (user, day) and (track, day) once; `user_row` and `track_row` (n,)
    point into them. `random_rows` (r,) points at tracks of the whole catalogue on days of listens, as further negatives.

    `weight` (n,) is 0 for an early skip, which `skipped` marks.
    """

    users: pd.DataFrame
    tracks: pd.DataFrame
    user_row: npt.NDArray[np.int32]
    track_row: npt.NDArray[np.int32]
    random_rows: npt.NDArray[np.int32]
    device: npt.NDArray[np.object_]
    hour_of_day: npt.NDArray[np.int64]
    day_of_week: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    skipped: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.user_row)


@dataclass(frozen=True)
class Catalogue:
    """Every track known at one instant; row i of `frame` is track i of every array beside it.

    `frame` has `track_id`, the track features of the retriever and the ranker, and `version_family`.
    `popularity` (territories + 1, tracks, 2) has plays and rank by territory over 30 days, NaN where never played there;
    its last row, all NaN, is for a listener whose territory is unknown.
    """

    frame: pd.DataFrame
    territories: tuple[str, ...]
    popularity: npt.NDArray[np.float32]

    @property
    def track_ids(self) -> npt.NDArray[np.object_]:
        return self.frame["track_id"].to_numpy(dtype=object)


def make_examples(listens: pd.DataFrame, *, seed: int) -> Examples:
    """The features of `listens` (labels rows) as known before the day of each, through the retriever's service."""
    import pandas as pd

    n = len(listens)
    keys = listens[["user_id", "track_id", TIMESTAMP]]
    both = pd.concat([keys, _random_tracks(keys, max(round(n * RANDOM_SHARE), 1), seed)], ignore_index=True)
    frame = _with_facts(training_frame(Service.RETRIEVER, both))
    day = both[TIMESTAMP].dt.floor("D")
    user_row, users = _unique(frame, both["user_id"], day)
    track_row, tracks = _unique(frame, both["track_id"], day)
    moments = listens[TIMESTAMP].dt.tz_localize(None).to_numpy()
    outcome = listens["outcome"].to_numpy(dtype=object)
    return Examples(
        users=users,
        tracks=tracks,
        user_row=user_row[:n],
        track_row=track_row[:n],
        random_rows=track_row[n:],
        device=listens["device"].to_numpy(dtype=object),
        hour_of_day=hour_of_day(moments),
        day_of_week=day_of_week(moments),
        weight=listens["weight"].fillna(1.0).to_numpy(dtype=np.float32),
        skipped=outcome == "early_skip",
    )


def _unique(frame: pd.DataFrame, ids: pd.Series[Any], day: pd.Series[Any]) -> tuple[npt.NDArray[np.int32], pd.DataFrame]:
    """The row number of each (id, day) among the distinct ones, and those rows of `frame`."""
    import pandas as pd

    codes, _ = pd.factorize(pd.MultiIndex.from_arrays([ids, day]))
    _, first = np.unique(codes, return_index=True)
    return codes.astype(np.int32), frame.iloc[first].reset_index(drop=True)


def _with_facts(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the facts of tracks on their first day, which have no snapshot yet, from the catalogue."""
    new = frame["age_days"].isna() & frame["artist_id"].isna()
    if not new.any():
        return frame
    tracks = read_tracks().set_index("track_id")
    facts = tracks.assign(duration_s=tracks["duration_ms"] / 1000.0).reindex(frame["track_id"]).set_axis(frame.index)
    return frame.assign(**{name: frame[name].where(~new, facts[name]) for name in TRACK_FACTS})


def _random_tracks(keys: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Tracks drawn evenly from those already seen when the listen beside them happened."""
    rng = np.random.default_rng(seed)
    drawn = keys.iloc[np.sort(rng.integers(len(keys), size=count))].reset_index(drop=True)
    tracks = read_tracks().sort_values(["first_seen_at", "track_id"], ignore_index=True)
    known = np.searchsorted(_instants(tracks["first_seen_at"]), _instants(drawn[TIMESTAMP]), side="right")
    chosen = (rng.random(count) * np.maximum(known, 1)).astype(int)
    return drawn.assign(track_id=tracks["track_id"].to_numpy(dtype=object)[chosen])


def _instants(times: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """UTC microseconds; a missing time counts as always."""
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)


def catalogue_at(instant: datetime) -> Catalogue:
    """The catalogue as known at `instant`, a midnight UTC.

    Raises:
        SegueError: no track was known then.
    """
    import pandas as pd

    tracks = tracks_at(instant)
    if tracks.empty:
        raise SegueError(
            expected=f"tracks released or heard before {instant:%Y-%m-%d}", received="none", mend="choose a later as-of day"
        )
    rows = pd.DataFrame({"user_id": NOBODY, "track_id": tracks["track_id"], TIMESTAMP: pd.Timestamp(instant)})
    names = [spec.name for spec in TRACK]
    frame = training_frame(Service.RETRIEVER, rows, only=names)[names]
    territories, popularity = _popularity(tracks["track_id"], instant)
    return Catalogue(frame.assign(version_family=tracks["version_family"]), territories, popularity)


def with_new_releases(known: Catalogue, later: Catalogue, since: datetime, until: datetime) -> Catalogue:
    """`known` at `since`, and the tracks of `later` with a release date in `[since, until)`, with their facts, the
    vectors that `since` knew of them, and no history.

    A track that a source merely began to play then stays out: that it is listed would already say it was played.
    """
    import pandas as pd

    tracks = read_tracks()
    released = release_times(tracks)
    fresh = tracks["track_id"][(released >= since) & (released < until)]
    added = later.frame[later.frame["track_id"].isin(fresh) & ~later.frame["track_id"].isin(known.frame["track_id"])]
    if added.empty:
        return known
    facts = [name for name in ("track_id", "version_family", *TRACK_FACTS) if name in added.columns]
    rows = pd.DataFrame({"user_id": NOBODY, "track_id": added["track_id"], TIMESTAMP: pd.Timestamp(since)})
    vectors = training_frame(Service.RETRIEVER, rows, only=SOURCED)
    added = added[facts].reindex(columns=known.frame.columns).assign(**{name: vectors[name] for name in SOURCED})
    unplayed = np.full((known.popularity.shape[0], len(added), known.popularity.shape[2]), np.nan, dtype=np.float32)
    frame = pd.concat([known.frame, added], ignore_index=True)
    return Catalogue(frame, known.territories, np.concatenate([known.popularity, unplayed], axis=1))


def _popularity(track_ids: pd.Series[Any], instant: datetime) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Territories, and their plays and ranks (territories + 1, tracks, 2) of `track_ids`, NaN where there are none."""
    import pandas as pd

    territories = tuple(read_territories())
    names = ("territory_plays_30d", "territory_rank")
    popularity = np.full((len(territories) + 1, len(track_ids), 2), np.nan, dtype=np.float32)
    step = max(1, ROWS_ASKED_AT_ONCE // max(len(track_ids), 1))
    for at in range(0, len(territories), step):
        some = territories[at : at + step]
        place = pd.MultiIndex.from_product([some, track_ids], names=["territory", "track_id"])
        rows = place.to_frame(index=False).assign(user_id=NOBODY, **{TIMESTAMP: pd.Timestamp(instant)})
        frame = training_frame(Service.RANKER, rows, only=names)
        for n, column in enumerate(names):
            plays = frame[column].to_numpy(np.float32, na_value=np.nan)
            popularity[at : at + len(some), :, n] = plays.reshape(len(some), -1)
    return territories, popularity


def users_at(user_ids: Sequence[str], instant: datetime | Sequence[datetime]) -> pd.DataFrame:
    """User rows (n, in the order asked) as known at `instant`, or each at one of its own: `user_id`, the features of the
    retriever and the ranker, and an unknown moment; a user without history has nulls."""
    import pandas as pd

    rows = pd.DataFrame({"user_id": list(user_ids), "track_id": NOTHING, TIMESTAMP: pd.to_datetime(instant, utc=True)})
    names = list(USER_COLUMNS)
    frame = training_frame(Service.RETRIEVER, rows, only=names)[names]
    return frame.assign(device="", hour_of_day=UNKNOWN_HOUR, day_of_week=UNKNOWN_WEEKDAY)


__all__ = [
    "Catalogue",
    "Examples",
    "catalogue_at",
    "make_examples",
    "users_at",
    "with_new_releases",
]
