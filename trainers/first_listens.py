"""Which listens a retriever is taught by, and a release remembers: a sample of the first ones, read so that what is left out
is never held as rows of a frame."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from segue.errors import SegueError
from segue.features import TIMESTAMP
from trainers.gold import label_table

if TYPE_CHECKING:
    import pandas as pd

HALF_LIFE_DAYS = 14.0
"""How the sample favours new listens: one this old is half as likely to be drawn."""

COLUMNS = (
    "user_id",
    "track_id",
    TIMESTAMP,
    "territory",
    "device",
    "outcome",
    "weight",
    "integrity",
    "first_listen",
)
"""What is read of a label that may become an example."""


def first_listens(since: datetime | None, until: datetime, *, rows: int, seed: int) -> pd.DataFrame:
    """At most `rows` first listens of `[since, until)`, newer ones likelier, oldest first; the same for the same seed.

    Weighted sampling without replacement by exponential keys (Efraimidis and Spirakis 2006).

    Raises:
        SegueError: there is none.
    """
    table = label_table(since, until, COLUMNS, first=True)
    if not table.num_rows:
        raise SegueError(
            expected=f"first listens {f'from {since:%Y-%m-%d} ' if since else ''}to before {until:%Y-%m-%d}",
            received="only listens to tracks their listeners had heard before",
            mend="choose another as-of day, or move the days that teach the ranker with SEGUE_HOLDOUT_DAYS",
        )
    if table.num_rows > rows:
        at = table[TIMESTAMP].to_pandas()
        age = (at.max() - at).dt.total_seconds().to_numpy() / 86_400
        keys = np.random.default_rng(seed).exponential(size=len(at)) * 2.0 ** (age / HALF_LIFE_DAYS)
        table = table.take(np.sort(np.argpartition(keys, rows)[:rows]))
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype(dict.fromkeys(frame.columns[frame.dtypes == "category"], object))
