"""The catalogue as the gold tables have it: columns of arrays from tracks, licences, accounts and the last popularity."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.names import Table
from segue.trending import lately
from serving.tracks.catalogue import Catalogue, Licences, Mask, Rows
from serving.tracks.gold import read_snapshot, read_table

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
_ALWAYS, _NEVER = np.datetime64("1900-01-01"), np.datetime64("2200-01-01")
"""Where a licence without a first day begins and one without a last day ends, as in `serving/weekly/audit.py`."""


def load_catalogue(as_of: date | None = None) -> Catalogue:
    """The catalogue from the gold tables, with the popularity of the last snapshot at or before `as_of`.

    Raises:
        SegueError: there is no `tracks` table.
    """
    tracks = read_table(Table.TRACKS).sort_values("track_id", ignore_index=True)
    ids = tracks["track_id"].to_numpy(dtype=object)
    row_of = {track: row for row, track in enumerate(ids)}
    licences = _licences(row_of)
    licensed = np.zeros(len(ids), dtype=bool)
    licensed[licences.row] = True
    everywhere = _bool(tracks["licensed_everywhere"], where_null=~licensed)
    worldwide, recent, saves, by_territory = _popularity(row_of, as_of)
    return Catalogue(
        ids=ids,
        title=_text(tracks["title"]),
        artist_id=_text(tracks["artist_id"]),
        artist_name=_text(tracks["artist_name"]),
        genre=_text(tracks["genre"]),
        artist=_codes(tracks["artist_id"]),
        family=_codes(tracks["version_family"]),
        explicit=_bool(tracks["explicit"], where_null=np.zeros(len(ids), dtype=bool)),
        everywhere=everywhere,
        licences=licences,
        plays=worldwide,
        territory_plays=by_territory,
        lately=lately(recent, worldwide),
        accounts=_accounts(),
        saves=saves,
    )


def _licences(row_of: dict[Any, int]) -> Licences:
    frame = read_table(Table.LICENCES)
    frame = frame[frame["track_id"].isin(list(row_of)) & frame["territory"].notna()]
    start, end = _days(frame["valid_from"], where_null=_ALWAYS), _days(frame["valid_to"], where_null=_NEVER)
    rows = np.array([row_of[track] for track in frame["track_id"]], dtype=np.int32)
    return Licences(rows, frame["territory"].to_numpy(dtype=object), start, end)


def _days(column: pd.Series[Any], *, where_null: np.datetime64) -> npt.NDArray[np.datetime64]:
    """In whole days, because nanoseconds reach from 1677 to 2262 only, and within `_ALWAYS` and `_NEVER`."""
    days = column.to_numpy("datetime64[D]")
    return np.clip(np.where(np.isnat(days), where_null, days), _ALWAYS, _NEVER)


def _popularity(row_of: dict[Any, int], as_of: date | None) -> tuple[Floats, Floats, Floats, dict[str, Floats]]:
    """Plays of the last 30 and of the last 7 days and saves of 30 days worldwide (m,), and plays of 30 days by territory."""
    worldwide, recent, saves = np.zeros((3, len(row_of)), dtype=np.float32)
    everywhere = read_snapshot(Table.TRACK_FEATURES, as_of)
    if everywhere is not None:
        _put(worldwide, row_of, everywhere["track_id"], everywhere["plays_30d"])
        _put(recent, row_of, everywhere["track_id"], everywhere["plays_7d"])
        _put(saves, row_of, everywhere["track_id"], everywhere["plays_30d"] * everywhere["save_rate_30d"])
    by_territory: dict[str, Floats] = {}
    local = read_snapshot(Table.TRACK_TERRITORY_FEATURES, as_of)
    for territory, rows in local.groupby("territory") if local is not None else ():
        plays = np.zeros(len(row_of), dtype=np.float32)
        _put(plays, row_of, rows["track_id"], rows["territory_plays_30d"])
        if plays.any():
            by_territory[str(territory)] = plays
    return worldwide, recent, saves, by_territory


def _put(out: npt.NDArray[np.float32], row_of: dict[Any, int], track_ids: pd.Series[Any], values: pd.Series[Any]) -> None:
    for track, value in zip(track_ids, values.fillna(0), strict=True):
        if track in row_of:
            out[row_of[track]] = value


def _accounts() -> dict[str, tuple[str | None, bool]]:
    frame = read_table(Table.USERS)
    allowed = _bool(frame["explicit_allowed"], where_null=np.ones(len(frame), dtype=bool))
    return {
        user: (territory, bool(explicit))
        for user, territory, explicit in zip(frame["user_id"], _text(frame["territory"]), allowed, strict=True)
    }


def _text(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    return column.astype(object).where(column.notna(), None).to_numpy(dtype=object)


def _codes(column: pd.Series[Any]) -> Rows:
    """Equal values share a code; a null has one of its own."""
    codes = column.astype("category").cat.codes.to_numpy(np.int32)
    return np.where(codes < 0, codes.size + np.arange(codes.size), codes).astype(np.int32)


def _bool(column: pd.Series[Any], *, where_null: Mask) -> Mask:
    null = column.isna().to_numpy(bool)
    return np.where(null, where_null, column.where(~null, False).astype(bool))
