"""Training examples: which listens, with which features as known then. Every feature comes through `segue.features`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segue.errors import SegueError

if TYPE_CHECKING:
    import pandas as pd


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


def catalogue_at(instant: datetime) -> Catalogue:
    """The catalogue as known at `instant`, a midnight UTC."""
    raise NotImplementedError


def users_at(user_ids: Sequence[str], instant: datetime) -> pd.DataFrame:
    """User rows (n, in the order asked) as known at `instant`: `user_id` and the features of the retriever and the ranker;
    a user without history has nulls."""
    raise NotImplementedError


def read_labels(since: datetime | None, until: datetime) -> pd.DataFrame:
    """Rows of the `labels` table with `since <= event_timestamp < until`, oldest first.

    Raises:
        SegueError: there is no labels table.
    """
    raise NotImplementedError


__all__ = ["Catalogue", "SegueError", "catalogue_at", "read_labels", "users_at"]
