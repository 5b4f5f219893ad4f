"""The session model of a release: from the listens before the cutoff to `sessions/`, what radio goes on with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.features import TIMESTAMP
from trainers.examples import Catalogue
from trainers.session_lists import Sessions
from trainers.sessions import SessionConfig, SessionModel

if TYPE_CHECKING:
    import pandas as pd

RADIO = SessionConfig(dimensions=64, sampled=512, uniform=256, passes=2, rate=2e-3, table_rate=1e-2)
"""Smaller than the bench's and trained twice as fast in fewer passes, because every weekly training pays for it."""
NEWEST_PLAYS = 200_000
"""Most plays that are learned from, the last ones: the loop must not wait for its radio."""


def sessions_of(listens: pd.DataFrame, catalogue: Catalogue) -> Sessions:
    """The sessions of labels, by row of `catalogue`, oldest first: what was skipped early, or is in no session or not in the
    catalogue, left out."""
    import pandas as pd

    numbers = pd.Index(catalogue.track_ids).get_indexer(pd.Index(listens["track_id"]))
    kept = (numbers >= 0) & (listens["weight"].to_numpy() > 0) & listens["session_id"].notna().to_numpy()
    rows = listens.loc[kept, ["session_id", TIMESTAMP]].assign(track=numbers[kept])
    if rows.empty:
        return Sessions.of([])
    rows["began"] = rows.groupby("session_id")[TIMESTAMP].transform("min")
    rows = rows.sort_values(["began", "session_id", TIMESTAMP], kind="stable")
    ends = np.flatnonzero(rows["session_id"].to_numpy()[1:] != rows["session_id"].to_numpy()[:-1]) + 1
    starts = np.concatenate([[0], ends, [len(rows)]]).astype(np.int64)
    return Sessions(rows["track"].to_numpy(np.int64), starts)


def write_sessions(
    folder: Path, listens: pd.DataFrame, catalogue: Catalogue, config: SessionConfig, *, seed: int
) -> dict[str, Any]:
    """Train on `listens` and write `sessions/`; what there is to say about it. Nothing is written where no session has two
    plays, or no pass is asked for.

    Raises:
        SegueError: the training diverged.
    """
    sessions = sessions_of(listens, catalogue)
    first = int(np.searchsorted(sessions.starts, max(len(sessions.tracks) - NEWEST_PLAYS, 0)))
    newest = sessions.some(min(first, len(sessions)), len(sessions))
    if not config.passes or not (newest.lengths > 1).any():
        return {"sessions": 0}
    model = SessionModel(config, seed=seed).fit(newest, len(catalogue.frame))
    model.save(folder / "sessions")
    return {"sessions": len(newest), "session_loss": [round(loss, 4) for loss in model.losses]}
