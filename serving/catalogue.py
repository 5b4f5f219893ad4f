"""Every track as known at the last as-of day, as columns of arrays: what the policy rules and the fallbacks look at.

Row i is track i of every array; rows are sorted by track id. A release numbers its tracks on its own, and maps its
numbers to these rows when it is loaded, so that a new licence needs no new release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.names import Table
from serving.gold import read_snapshot, read_table

if TYPE_CHECKING:
    import pandas as pd

Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
NO_TRACK = -1


@dataclass(frozen=True)
class Licences:
    """Windows (w,) in which a track row may be played in a territory; `valid_to` is the first day it may not."""

    row: Rows
    territory: npt.NDArray[np.object_]
    valid_from: npt.NDArray[np.datetime64]
    valid_to: npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Popular:
    """Every track row in order of popularity; `share` (tracks,) is its plays over those of the most played one.

    `log_plays_by_place` is what `Catalogue.log_plays` has for them, in the order of the chart. `charted` is how many of the
    first were played at all; `territory` is None for the worldwide chart.
    """

    territory: str | None
    order: Rows
    share: npt.NDArray[np.float32]
    charted: int
    log_plays_by_place: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Catalogue:
    """Columns over tracks (m,). `artist` and `family` are codes; a track without one has a code of its own."""

    ids: npt.NDArray[np.object_]
    title: npt.NDArray[np.object_]
    artist_id: npt.NDArray[np.object_]
    artist_name: npt.NDArray[np.object_]
    genre: npt.NDArray[np.object_]
    artist: Rows
    family: Rows
    explicit: Mask
    everywhere: Mask
    licences: Licences
    plays: npt.NDArray[np.float32]
    territory_plays: dict[str, npt.NDArray[np.float32]]
    accounts: dict[str, tuple[str | None, bool]]
    saves: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    _playable: dict[tuple[str | None, date, date], Mask] = field(default_factory=dict)
    _popular: dict[str | None, Popular] = field(default_factory=dict)
    _row_of: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._row_of.update({track: row for row, track in enumerate(self.ids)})

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def log_plays(self) -> npt.NDArray[np.float32]:
        """log(1 + plays worldwide in 30 days) of each track (m,), what the policy calls popularity."""
        return np.log1p(self.plays, dtype=np.float32)

    @cached_property
    def usual_log_plays(self) -> float:
        """The median of `log_plays` over the tracks that anybody plays now; 0 where nobody plays any."""
        played = self.log_plays[self.log_plays > 0]
        return float(np.median(played.astype(np.float64))) if len(played) else 0.0

    @cached_property
    def saves_by_artist(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Plays and saves of each artist in 30 days, by code (artists,); no saves where no source reports any."""
        saves = self.saves if len(self.saves) else np.zeros_like(self.plays)
        plays, saved = (np.bincount(self.artist, of, self.artist_count).astype(np.float32) for of in (self.plays, saves))
        return plays, saved

    @cached_property
    def usual_save_rate(self) -> float:
        """Saves over plays of all tracks in 30 days; 0 where nobody saved any."""
        plays, saves = self.saves_by_artist
        return float(saves.sum(dtype=np.float64) / max(plays.sum(dtype=np.float64), 1))

    @cached_property
    def genres(self) -> dict[str, int]:
        """The code of each genre there is."""
        return {genre: code for code, genre in enumerate(sorted(set(self.genre) - {None}))}

    @cached_property
    def genre_code(self) -> Rows:
        """The code of each track's genre (m,), -1 for none."""
        return np.fromiter((self.genres.get(genre, -1) for genre in self.genre), np.int32, len(self))

    @cached_property
    def artist_codes(self) -> dict[str, int]:
        """The code in `artist` of each artist id there is."""
        return {artist: int(code) for artist, code in zip(self.artist_id, self.artist, strict=True) if artist is not None}

    @cached_property
    def artist_count(self) -> int:
        return int(self.artist.max(initial=-1)) + 1

    def row(self, track_id: str) -> int:
        """The row of a track, `NO_TRACK` when it is unknown."""
        return self._row_of.get(track_id, NO_TRACK)

    def rows(self, track_ids: Sequence[str] | None) -> Rows:
        """The rows of the tracks that are known, unknown ones left out."""
        found = self.places(track_ids) if track_ids is not None else np.empty(0, dtype=np.int32)
        return found[found >= 0]

    def places(self, track_ids: Sequence[str]) -> Rows:
        """The row of each track, `NO_TRACK` for an unknown one."""
        return np.fromiter(map(self._row_of.get, track_ids, repeat(NO_TRACK)), np.int32, len(track_ids))

    def playable(self, territory: str | None, first: date, last: date) -> Mask:
        """Which tracks (m,) may be played in `territory` on every day from `first` to `last`; kept for the next caller.

        An unknown territory has no licence of its own: only what is licensed everywhere.
        """
        key = (territory, first, last)
        if key not in self._playable:
            if len(self._playable) > 512:  # a service that runs for months
                self._playable.clear()
            self._playable[key] = self.everywhere | self._licensed(territory, first, last)
        return self._playable[key]

    def _licensed(self, territory: str | None, first: date, last: date) -> Mask:
        windows = self.licences
        here = windows.territory == territory
        licensed = np.ones(len(self), dtype=bool)
        for number in range((last - first).days + 1):
            day = np.datetime64(first + timedelta(days=number))
            open_now = here & (windows.valid_from <= day) & (windows.valid_to > day)
            today = np.zeros(len(self), dtype=bool)
            today[windows.row[open_now]] = True
            licensed &= today
        return licensed

    def popular(self, territory: str | None) -> Popular:
        """Every track, best first: by plays in the territory, then worldwide, then by id. A territory without plays of
        its own gets the worldwide chart."""
        known = territory if territory in self.territory_plays else None
        if known not in self._popular:
            here = self.plays if known is None else self.territory_plays[known]
            order = np.lexsort((np.arange(len(self)), -self.plays, -here)).astype(np.int32)
            share = (here / max(float(here.max(initial=0)), 1.0)).astype(np.float32)
            self._popular[known] = Popular(known, order, share, int((here > 0).sum()), self.log_plays[order])
        return self._popular[known]

    def account(self, user_id: str) -> tuple[str | None, bool]:
        """Territory and whether explicit tracks are allowed; an unknown user has no territory and allows them."""
        return self.accounts.get(user_id, (None, True))


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
    worldwide, saves, by_territory = _popularity(row_of, as_of)
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
        accounts=_accounts(),
        saves=saves,
    )


def _licences(row_of: dict[Any, int]) -> Licences:
    import pandas as pd

    frame = read_table(Table.LICENCES)
    frame = frame[frame["track_id"].isin(list(row_of)) & frame["territory"].notna()]
    start = pd.to_datetime(frame["valid_from"]).fillna(pd.Timestamp("1900-01-01")).to_numpy("datetime64[D]")
    end = pd.to_datetime(frame["valid_to"], errors="coerce").fillna(pd.Timestamp("2200-01-01")).to_numpy("datetime64[D]")
    rows = np.array([row_of[track] for track in frame["track_id"]], dtype=np.int32)
    return Licences(rows, frame["territory"].to_numpy(dtype=object), start, end)


def _popularity(
    row_of: dict[Any, int], as_of: date | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], dict[str, npt.NDArray[np.float32]]]:
    """Plays and saves of the last 30 days worldwide (m,), and plays by territory."""
    worldwide, saves = np.zeros((2, len(row_of)), dtype=np.float32)
    everywhere = read_snapshot(Table.TRACK_FEATURES, as_of)
    if everywhere is not None:
        _put(worldwide, row_of, everywhere["track_id"], everywhere["plays_30d"])
        _put(saves, row_of, everywhere["track_id"], everywhere["plays_30d"] * everywhere["save_rate_30d"])
    by_territory: dict[str, npt.NDArray[np.float32]] = {}
    local = read_snapshot(Table.TRACK_TERRITORY_FEATURES, as_of)
    for territory, rows in local.groupby("territory") if local is not None else ():
        plays = np.zeros(len(row_of), dtype=np.float32)
        _put(plays, row_of, rows["track_id"], rows["territory_plays_30d"])
        if plays.any():
            by_territory[str(territory)] = plays
    return worldwide, saves, by_territory


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
