"""Listeners of today as the platform knew them when they were new: there are too few newcomers at any time to learn by.

Nothing is computed anew: the feature store still has what was known of a listener at the end of their first day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from segue.features import TIMESTAMP
from trainers.examples import users_at

if TYPE_CHECKING:
    import pandas as pd


def when_new(user_ids: Sequence[str], listens: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """User rows (n, in the order asked) as known at the end of the first day of each in `listens` (labels rows), or at `until`
    if that came later. Their ids are ones that no model has seen."""
    import pandas as pd

    first = listens[listens["user_id"].isin(list(user_ids))].groupby("user_id", observed=True)[TIMESTAMP].min()
    ends = first.reindex(list(user_ids)).dt.floor("D") + pd.Timedelta(days=1)
    rows = users_at(user_ids, list(ends.clip(upper=pd.Timestamp(until))))
    return rows.assign(user_id=rows["user_id"].astype(object) + "~new")
