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

import numpy as np
import numpy.typing as npt

from segue.policy import SMALL_BEYOND
from segue.trending import chart

Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
NO_TRACK = -1
MASK_BYTES = 256 * 2**20
"""What the masks of one catalogue that are kept for the next caller may take, a byte a track each; the last one stays."""


@dataclass(frozen=True)
class Licences:
    """Windows (w,) in which a track row may be played in a territory; `valid_to` is the first day it may not."""

    row: Rows
    territory: npt.NDArray[np.object_]
    valid_from: npt.NDArray[np.datetime64]
    valid_to: npt.NDArray[np.datetime64]

    @cached_property
    def of_territory(self) -> dict[str, Rows]:
        """The numbers of the windows of each territory that has any, in their order."""
        import pandas as pd

        code, names = pd.factorize(self.territory)
        narrow = code.astype(np.min_scalar_type(len(names)))  # NumPy sorts short integers without comparing them
        order = np.argsort(narrow, kind="stable").astype(np.int32)
        ends = np.cumsum(np.bincount(code, minlength=len(names)))
        return dict(zip(names, np.split(order, ends[:-1]) if len(names) else (), strict=True))


@dataclass(frozen=True)
class Popular:
    """Every track row in order of popularity; `share` (tracks,) is its plays there lately over those of the first.

    `log_plays_by_place` is what `Catalogue.log_plays` has for them, in the order of the chart; `territory` is None for the
    worldwide chart.
    """

    territory: str | None
    order: Rows
    share: npt.NDArray[np.float32]
    log_plays_by_place: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Columns over tracks (m,). `artist` and `family` are codes; a track without one has a code of its own. `lately` is
    `segue.trending.lately` of each, or one number for all."""

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
    lately: npt.NDArray[np.float32] = field(default_factory=lambda: np.ones(1, dtype=np.float32))
    _playable: dict[tuple[str | None, date, date], Mask] = field(default_factory=dict)
    _popular: dict[str | None, Popular] = field(default_factory=dict)
    _row_of: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._row_of.update({track: row for row, track in enumerate(self.ids)})
        _ = self.licences.of_territory  # made while the catalogue is, for whom nobody waits

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
    def of_small_artist(self) -> Mask:
        """Which tracks (m,) are by an artist beyond `SMALL_BEYOND` of all plays worldwide, or by one whom nobody plays."""
        played = np.bincount(self.artist, self.plays, self.artist_count)
        fewest_first = np.sort(played)
        as_much = fewest_first[::-1].cumsum()[::-1]  # of an artist and all that are played as much or more
        before = (as_much[np.searchsorted(fewest_first, played)] - played) / max(played.sum(), 1)
        return np.asarray(((played == 0) | (before >= SMALL_BEYOND))[self.artist])

    def small_chart(self, territory: str | None) -> Rows:
        """The tracks by small artists in the order of `popular`; kept for the next caller."""
        chart = self.popular(territory)
        if chart.territory not in self._small_charts:
            self._small_charts[chart.territory] = chart.order[self.of_small_artist[chart.order]]
        return self._small_charts[chart.territory]

    @cached_property
    def _small_charts(self) -> dict[str | None, Rows]:
        return {}

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
        """Which tracks (m,) may be played in `territory` on every day from `first` to `last`, not to be written to; kept for
        the next caller.

        A territory without a window, which a request may name at will, has what is licensed everywhere and no mask of its own.
        """
        here = self.licences.of_territory.get(territory) if territory is not None else None
        if here is None:
            return self.everywhere
        key = (territory, first, last)
        mask = self._playable.get(key)
        if mask is None:
            mask = self._playable[key] = self.everywhere | self._licensed(here, first, last)
            for old in list(self._playable)[: -max(1, MASK_BYTES // len(self))]:  # of days gone by first
                self._playable.pop(old, None)
        return mask

    def _licensed(self, here: Rows, first: date, last: date) -> Mask:
        """Which tracks (m,) the windows with these numbers let be played on every day."""
        row, valid_from, valid_to = (of[here] for of in (self.licences.row, self.licences.valid_from, self.licences.valid_to))
        licensed = np.ones(len(self), dtype=bool)
        for number in range((last - first).days + 1):
            day = np.datetime64(first + timedelta(days=number))
            today = np.zeros(len(self), dtype=bool)
            today[row[(valid_from <= day) & (valid_to > day)]] = True
            licensed &= today
        return licensed

    def popular(self, territory: str | None) -> Popular:
        """Every track, best first: by plays of 30 days in the territory and how much of them was lately, then worldwide, then
        by id. A territory without plays of its own gets the worldwide chart."""
        known = territory if territory in self.territory_plays else None
        if known not in self._popular:
            plays = self.plays if known is None else self.territory_plays[known]
            order, here = chart(plays, self.plays, self.lately), plays * self.lately
            share = (here / (float(here.max(initial=0)) or 1.0)).astype(np.float32)
            self._popular[known] = Popular(known, order, share, self.log_plays[order])
        return self._popular[known]

    def account(self, user_id: str) -> tuple[str | None, bool]:
        """Territory and whether explicit tracks are allowed; an unknown user has no territory and allows them."""
        return self.accounts.get(user_id, (None, True))
