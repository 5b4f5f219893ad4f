"""Popularity within the genres a listener plays: what a service without embeddings can say about a new release.

The score of a track is the listener's share of its genre times its plays of the last days. A track without a play counts as
many as the mean track of its genre. Told how releases start (`expects_a_start`), it counts those of the last held-out days as
earlier releases of their genre in their first days instead, so that it lists releases for being new.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainers.gold import release_times
from trainers.interactions import Floats, Indices, recommend_by_score

if TYPE_CHECKING:
    import pandas as pd

SPAN = timedelta(days=7)


class PopularByGenre:
    """Built from gold as known at `until`; scores any track of `tracks`, in their order."""

    def __init__(self, listens: pd.DataFrame, tracks: pd.DataFrame, until: datetime, *, expects_a_start: bool = False) -> None:
        """`listens` are labels before `until`; `tracks` (m) have `track_id`, `genre` and `release_date`."""
        lately = listens.loc[listens["event_timestamp"] >= until - SPAN, "track_id"].value_counts()
        plays = tracks["track_id"].map(lately)
        expected = plays.fillna(0.0).groupby(tracks["genre"]).transform("mean")
        unplayed = plays.isna() & ~tracks["track_id"].isin(listens["track_id"].unique())
        if expects_a_start:
            released = release_times(tracks)
            expected = expected.where(released < until, tracks["genre"].map(_starts(listens, tracks, released, until)))
        self._plays = plays.where(~unplayed, expected).fillna(0.0).to_numpy(np.float32)
        self._genres, self._genre_of = np.unique(tracks["genre"].fillna("").to_numpy(dtype=str), return_inverse=True)

    def scores(self, users: pd.DataFrame) -> Floats:
        """(n, m) for user rows with `top_genres` and their shares; one without any likes all alike."""
        scores: Floats = self._shares(users)[:, self._genre_of] * self._plays
        return scores

    def recommend(self, users: pd.DataFrame, k: int, exclude: sp.csr_matrix | None = None) -> Indices:
        """The best `k` tracks (n, k)."""
        rows = np.arange(len(users))
        return recommend_by_score(lambda some: self.scores(users.iloc[some]), rows, k, exclude, len(self._plays))

    def _shares(self, users: pd.DataFrame) -> npt.NDArray[np.float32]:
        place = {genre: column for column, genre in enumerate(self._genres)}
        shares = np.zeros((len(users), len(self._genres)), np.float32)
        for row, (genres, values) in enumerate(zip(users["top_genres"], users["top_genre_shares"], strict=True)):
            if np.ndim(genres) == 0 or not len(genres):
                shares[row] = 1.0
                continue
            for genre, value in zip(genres, values, strict=True):
                if genre in place:
                    shares[row, place[genre]] = value
        return shares


def _starts(listens: pd.DataFrame, tracks: pd.DataFrame, released: pd.Series[Any], until: datetime) -> pd.Series[float]:
    """Genre to the mean plays in their first days of the releases whose first days are all in `listens`."""
    whole = tracks.assign(released=released)
    whole = whole[(released >= listens["event_timestamp"].min().floor("D")) & (released <= until - SPAN)]
    first = listens.merge(whole[["track_id", "released"]], on="track_id")
    counts = first.loc[first["event_timestamp"] < first["released"] + SPAN, "track_id"].value_counts()
    return whole["track_id"].map(counts).fillna(0.0).groupby(whole["genre"]).mean()
