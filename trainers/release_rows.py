"""What a release holds of the feature store. None of it depends on a model, so it is read while the ranker learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segue.dates import Split
from segue.features import TIMESTAMP, training_frame
from segue.names import UNKNOWN_TERRITORY, Service
from trainers.examples import Catalogue, catalogue_at, users_at
from trainers.first_listens import first_listens
from trainers.inputs import SOURCED

if TYPE_CHECKING:
    import pandas as pd

REFERENCE_ROWS, REFERENCE_USERS = 20_000, 1_000


@dataclass(frozen=True)
class ReleaseRows:
    """`catalogue` as of the end of the split; `listens` (n), the baseline of drift: at most 20,000 first listens before the
    cutoff, of accounts in no doubt, with the ranker's features known then, and `sourced` (n), what only the towers read;
    `users`, theirs as known at the cutoff, in order of first appearance.
    """

    catalogue: Catalogue
    listens: pd.DataFrame
    sourced: pd.DataFrame
    users: pd.DataFrame


def read_release_rows(split: Split, *, seed: int) -> ReleaseRows:
    """Read them; the same for the same seed."""
    rows = first_listens(None, split.cutoff, rows=REFERENCE_ROWS, seed=seed)
    rows = rows[rows["integrity"].fillna(1.0) >= 1]
    users = rows["user_id"].drop_duplicates()
    rows = rows[rows["user_id"].isin(users.sample(min(REFERENCE_USERS, len(users)), random_state=seed))].reset_index(drop=True)
    wanted = rows[["user_id", "track_id", TIMESTAMP, "device"]].assign(territory=rows["territory"].fillna(UNKNOWN_TERRITORY))
    return ReleaseRows(
        catalogue=catalogue_at(split.end),
        listens=training_frame(Service.RANKER, wanted),
        sourced=training_frame(Service.RETRIEVER, wanted, only=SOURCED)[list(SOURCED)],
        users=users_at(rows["user_id"].drop_duplicates().tolist(), split.cutoff),
    )
