"""What a trained retriever finds without an index: vectors of users and tracks, and the best tracks by exact search."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.features import TIMESTAMP
from trainers.examples import Catalogue
from trainers.index import exact_search
from trainers.inputs import arrays, constants
from trainers.loading import ROWS_AT_ONCE, Floats
from trainers.retriever.towers import SavedTower

if TYPE_CHECKING:
    import pandas as pd


def vectors_of(saved: SavedTower, frame: pd.DataFrame) -> Floats:
    """Unit vectors (n, d) of the rows of `frame`."""
    slices = [frame.iloc[at : at + ROWS_AT_ONCE] for at in range(0, len(frame), ROWS_AT_ONCE)]
    return np.concatenate([saved.encode(constants(arrays(some, saved.tower.INPUTS))).numpy() for some in slices])


def heard_places(listens: pd.DataFrame, ids: npt.NDArray[Any], catalogue: Catalogue, until: datetime) -> tuple[Any, Any]:
    """Row among `ids` and row in `catalogue` of everything those users heard before `until`."""
    import pandas as pd

    pairs = listens.loc[listens[TIMESTAMP] < until, ["user_id", "track_id"]].drop_duplicates()
    user = pd.Index(ids).get_indexer(pd.Index(pairs["user_id"]))
    track = pd.Index(catalogue.track_ids).get_indexer(pd.Index(pairs["track_id"]))
    both = (user >= 0) & (track >= 0)
    return user[both], track[both]


def top_unheard(queries: Floats, vectors: Floats, heard: tuple[Any, Any], k: int) -> npt.NDArray[np.int32]:
    """The k best tracks (n, k) of each user that they have not heard, by exact search, some users at a time."""
    order = np.argsort(heard[0], kind="stable")
    user, track = heard[0][order], heard[1][order]
    step = max(1, 20_000_000 // len(vectors))
    parts = []
    for at in range(0, len(queries), step):
        low, high = np.searchsorted(user, (at, at + step))
        hidden = user[low:high] - at, track[low:high]
        parts.append(exact_search(queries[at : at + step], vectors, k, hidden=hidden))
    return np.concatenate(parts)
