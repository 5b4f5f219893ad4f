"""The question every model is asked: who listened in the held-out days, to which tracks they had not heard before, and
what was known about users, tracks and listening at the cutoff. No model is here, and nothing after the cutoff but the
answers and the release dates of the tracks that came out meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from segue.dates import Split
from segue.errors import SegueError
from segue.features import TIMESTAMP
from segue.home import get_home
from segue.names import UNKNOWN_TERRITORY, Table
from trainers.examples import Catalogue, catalogue_at, users_at, with_new_releases
from trainers.gold import is_first, read_labels
from trainers.interactions import Indices, Interactions
from trainers.ranker.feedback import exposures, of_our_playlist

if TYPE_CHECKING:
    import pandas as pd


PAIR = ["user_id", "track_id"]
SHOWN_BEFORE = timedelta(days=7)
"""How long before the held-out days an answer may have shown what is heard in them: a weekly playlist lives that long."""


@dataclass(frozen=True)
class LeftOut:
    """New tracks heard in the window that are no answers: `out_of_reach`, as the track is not in the catalogue, and `brought`
    by a list of ours, skipped ones too."""

    out_of_reach: int
    brought: int


@dataclass(frozen=True)
class HeldOut:
    """One question.

    Args:
        split: the days.
        catalogue: the tracks that may be recommended; row number is the track's index everywhere here.
        interactions: listens before the cutoff with weight above zero; users by index.
        user_ids: the users asked (n,), sorted.
        users: their rows as known at the cutoff (n).
        asked: their indices in `interactions` (n,).
        first_seen: first listen before the cutoff (n,), NaT for a user without one.
        territories: their territories (n,).
        truth: (n, tracks) the first listens of the window with weight above zero.
        heard: (n, tracks) every listen before the cutoff, skips too, and what a list of ours brought afterwards: may not be
            recommended, by nobody, or whoever names it has a place that cannot be a hit.
        listeners: how many users had heard each track (tracks,), and `known_users` how many users there were.
        left_out: first listens of the window that are no answers.
    """

    split: Split
    catalogue: Catalogue
    interactions: Interactions
    user_ids: npt.NDArray[np.object_]
    users: pd.DataFrame
    asked: Indices
    first_seen: npt.NDArray[np.datetime64]
    territories: npt.NDArray[np.str_]
    truth: sp.csr_matrix
    heard: sp.csr_matrix
    listeners: Indices
    known_users: int
    left_out: LeftOut

    @property
    def tracks(self) -> int:
        return len(self.catalogue.frame)

    @property
    def wanted(self) -> Indices:
        """How many tracks each user's truth has (n,)."""
        return np.diff(self.truth.indptr).astype(np.int64)


def held_out(split: Split) -> HeldOut:
    """The question of `split`.

    Raises:
        SegueError: nobody listened before the cutoff, or nobody heard anything new in the held-out days.
    """
    import pandas as pd

    catalogue = with_new_releases(catalogue_at(split.cutoff), catalogue_at(split.end), split.cutoff, split.end)
    before = read_labels(None, split.cutoff, ("user_id", "track_id", TIMESTAMP, "weight"))
    wanted, brought, out_of_reach = _answers(split, before, catalogue)
    _require(before, wanted, split)
    user_ids = np.unique(wanted["user_id"].to_numpy(dtype=object))
    everyone = pd.Index(np.union1d(before["user_id"].unique(), user_ids))
    asked = everyone.get_indexer(pd.Index(user_ids))
    user, track = _places(everyone, before["user_id"]), _places(pd.Index(catalogue.track_ids), before["track_id"])
    heard = _marks(user[track >= 0], track[track >= 0], (len(everyone), len(catalogue.frame)))
    territories = _territories(everyone)
    first_seen = before.groupby("user_id", observed=True)["event_timestamp"].min()
    return HeldOut(
        split=split,
        catalogue=catalogue,
        interactions=_interactions(before, user, track, heard.shape, territories, split.cutoff),
        user_ids=user_ids,
        users=users_at(list(user_ids), split.cutoff),
        asked=asked,
        first_seen=first_seen.reindex(user_ids).to_numpy("datetime64[us]"),
        territories=territories[asked],
        truth=_truth(wanted, user_ids, catalogue),
        heard=_more(heard[asked], _truth(brought[brought["user_id"].isin(user_ids)], user_ids, catalogue)),
        listeners=np.asarray(heard.sum(axis=0)).ravel().astype(np.int64),
        known_users=int(before["user_id"].nunique()),
        left_out=LeftOut(out_of_reach, len(brought)),
    )


def _answers(split: Split, before: pd.DataFrame, catalogue: Catalogue) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """One row per user and new track of the window: the answers, and those that a list of ours had brought; and how many more
    name a track outside the catalogue."""
    import pandas as pd

    window = read_labels(split.cutoff, split.end)
    fresh = window[is_first(window)].drop_duplicates(PAIR)
    seen = pd.MultiIndex.from_frame(before[PAIR])
    fresh = fresh[~pd.MultiIndex.from_frame(fresh[PAIR]).isin(seen)]
    listed = fresh["track_id"].isin(catalogue.frame["track_id"]).to_numpy()
    brought, liked = _brought(fresh, split), (fresh["weight"] > 0).to_numpy()
    answers = liked & ~brought
    return fresh.loc[answers & listed, PAIR], fresh.loc[brought & listed, PAIR], int((answers & ~listed).sum())


def _brought(listens: pd.DataFrame, split: Split) -> npt.NDArray[np.bool_]:
    """Which of these listens (n,) a list of ours had brought: of the weekly playlist, or of an answer that showed the track to
    this user before. The live release made those lists, and would be asked for its own."""
    import pandas as pd

    shown = exposures(list(listens["user_id"].unique()), split.cutoff - SHOWN_BEFORE, split.end)
    first_shown = shown.groupby(PAIR)["at"].min().reindex(pd.MultiIndex.from_frame(listens[PAIR]))
    before = (first_shown.to_numpy() <= listens[TIMESTAMP].to_numpy()) & first_shown.notna().to_numpy()
    return np.asarray(before | of_our_playlist(listens).to_numpy(bool))


def _require(before: pd.DataFrame, wanted: pd.DataFrame, split: Split) -> None:
    if before.empty or wanted.empty:
        when = f"before {split.cutoff:%Y-%m-%d}" if before.empty else f"in {split.cutoff:%Y-%m-%d} to {split.end:%Y-%m-%d}"
        raise SegueError(
            expected="listens before the cutoff and first listens of known tracks after it",
            received=f"none {when}",
            mend="set SEGUE_HOLDOUT_DAYS so that the history reaches both sides of the cutoff, and train again",
        )


def _interactions(
    before: pd.DataFrame,
    user: Indices,
    track: Indices,
    shape: tuple[int, int],
    territories: npt.NDArray[np.str_],
    cutoff: datetime,
) -> Interactions:
    keep = (track >= 0) & (before["weight"].to_numpy() > 0)
    age = (cutoff - before["event_timestamp"]).dt.total_seconds().to_numpy() / 86_400
    return Interactions(
        users=user[keep].astype(np.int64),
        tracks=track[keep].astype(np.int64),
        weights=before["weight"].to_numpy(np.float32)[keep],
        n_users=shape[0],
        n_tracks=shape[1],
        age_days=age[keep].astype(np.float32),
        territories=list(territories),
    )


def _territories(everyone: pd.Index[str]) -> npt.NDArray[np.str_]:
    import pandas as pd

    accounts = pd.read_parquet(get_home().table(Table.USERS) / "data.parquet", columns=["user_id", "territory"])
    known = accounts.set_index("user_id")["territory"].reindex(everyone)
    return known.fillna(UNKNOWN_TERRITORY).to_numpy(dtype=np.str_)


def _truth(wanted: pd.DataFrame, user_ids: npt.NDArray[np.object_], catalogue: Catalogue) -> sp.csr_matrix:
    import pandas as pd

    rows = _places(pd.Index(user_ids), wanted["user_id"])
    columns = _places(pd.Index(catalogue.track_ids), wanted["track_id"])
    return _marks(rows, columns, (len(user_ids), len(catalogue.frame)))


def _more(marks: sp.csr_matrix, others: sp.csr_matrix) -> sp.csr_matrix:
    """1 wherever either has a mark."""
    both = (marks + others).tocsr()
    both.data[:] = 1
    return both


def _places(ids: pd.Index[str], named: pd.Series[str]) -> Indices:
    """Position of every name in `ids`, -1 where it is not there."""
    import pandas as pd

    return ids.get_indexer(pd.Index(named)).astype(np.int64)


def _marks(rows: Indices, columns: Indices, shape: tuple[int, int]) -> sp.csr_matrix:
    """(users, tracks) float32 with 1 at every named place."""
    marks = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    marks.data[:] = 1
    return marks
