"""What listeners did with tracks, as the ranker learns from it: first listens from the labels, places shown from the log.

A skip at the first or the last listen of a session says less about its track: at the start a listener is still looking for
something, at the end they are leaving. It is kept as evidence with a smaller weight. A track skipped late was half a success.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from segue.features import TIMESTAMP
from segue.names import Surface
from segue.predictions import shown_between
from segue.pseudonyms import pseudonym
from trainers.gold import is_first

if TYPE_CHECKING:
    import pandas as pd

SUCCESS = {"early_skip": 0.0, "late_skip": 0.5}
"""By outcome; 1 for a track heard to its end, and where the source cannot tell."""

LONGEST_SESSION = timedelta(days=2)


def first_plays(listens: pd.DataFrame, since: datetime, *, edge_weight: float) -> pd.DataFrame:
    """The first listens from `since` on (labels rows, oldest first): `user_id`, `track_id`, the time, `skipped`, `saved`,
    `success`, `brought` by a playlist of ours, and `certainty`, which is `edge_weight` for an early skip at the edge of a
    session and 1 for any other play, times how far the account is trusted."""
    near = listens[listens[TIMESTAMP] >= since - LONGEST_SESSION]
    inside = near["session_id"].duplicated(keep="first") & near["session_id"].duplicated(keep="last")
    new = near.assign(edge=~inside)[is_first(near) & (near[TIMESTAMP] >= since)]
    skipped = new["outcome"] == "early_skip"
    return (
        new[["user_id", "track_id", TIMESTAMP]]
        .astype({"user_id": object, "track_id": object})
        .assign(
            skipped=skipped,
            saved=new["saved"].astype("boolean").fillna(False).astype(bool),
            success=success_of(new).astype("float32"),
            brought=of_our_playlist(new),
            certainty=(np.where(skipped & new["edge"], edge_weight, 1.0) * new["integrity"].fillna(1.0)).astype(np.float32),
        )
    )


def success_of(listens: pd.DataFrame) -> pd.Series[float]:
    """How far each listen (n,) was heard out: 1 to the end or where the source cannot tell, a half, or 0."""
    return listens["outcome"].map(SUCCESS).astype("float64").fillna(1.0)


def of_our_playlist(listens: pd.DataFrame) -> pd.Series[bool]:
    """Which listens (n,) a weekly playlist of ours brought, by their surface."""
    return listens["surface"] == Surface.WEEKLY


def exposures(user_ids: list[str], since: datetime, until: datetime) -> pd.DataFrame:
    """What the service showed those users in `[since, until)`: `user_id`, `track_id`, `at`, `place` from 1, oldest first.

    The log names pseudonyms; whoever trains has the key and the ids. Empty when nothing was logged.
    """
    import pandas as pd

    records = list(shown_between(since, until))
    names = {pseudonym(user): user for user in user_ids} if records else {}
    rows = [
        (names[record.user], shown.track_id, record.at, place)
        for record in records
        if record.user in names
        for place, shown in enumerate(record.tracks, start=1)
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "track_id", "at", "place"])
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True)).sort_values("at", kind="stable", ignore_index=True)


def places_shown(shown: pd.DataFrame, plays: pd.DataFrame) -> pd.DataFrame:
    """One row per user and track that was shown: `user_id`, `track_id` and the highest `place` it had. What was shown only
    after it had been played did not lead to the play, and is left out."""
    both = shown.merge(plays[["user_id", "track_id", TIMESTAMP]], on=["user_id", "track_id"], how="left")
    before = both[~(both["at"] > both[TIMESTAMP])]
    return before.groupby(["user_id", "track_id"], sort=True)[["place"]].min().reset_index()
