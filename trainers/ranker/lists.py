"""The lists a ranker learns from: a user at one midnight, the retriever's tracks for them, and what they did with those.

Tracks they played that the retriever did not find are kept beside the list: they teach the heads about skips and saves only.
As positives of the first head they would teach it that a low retrieval score is a good one. Tracks they played from a playlist
of ours are taken out of it to the same end: as positives they would teach it to repeat the release that made the playlist.
Where the log knows its place, what was shown stays among what is `listed`, and the place explains it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
EXTRA_PLAYS = 24
MARKS = ("retrieved", "played")
PLAY_MARKS: dict[str, Any] = {"skipped": bool, "saved": bool, "success": np.float32, "certainty": np.float32}
BROUGHT = "brought"


@dataclass(frozen=True)
class Lists:
    """n lists of c tracks, row numbers of a catalogue; what the users did is (n, c).

    `retrieved` marks the retriever's candidates but for what a playlist of ours brought; the others are further plays, tracks
    that were shown, or padding with neither. `success` is 1 for a play to the end, a half for one that was skipped late, 0
    else. `certainty` is what a play weighs as evidence of a skip or of none. `place` is where the track was shown, from 1, and
    0 where it was not.
    """

    users: pd.DataFrame
    candidates: npt.NDArray[np.int32]
    scores: Floats
    retrieved: npt.NDArray[np.bool_]
    played: npt.NDArray[np.bool_]
    skipped: npt.NDArray[np.bool_]
    saved: npt.NDArray[np.bool_]
    success: Floats
    certainty: Floats
    place: npt.NDArray[np.int32]

    @property
    def listed(self) -> npt.NDArray[np.bool_]:
        """What the listener could have chosen: the candidates and what was shown."""
        return self.retrieved | (self.place > 0)

    def some(self, which: npt.NDArray[Any]) -> Lists:
        """The lists that `which` marks, or has the row numbers of."""
        rows = {field.name: getattr(self, field.name)[which] for field in fields(self) if field.name != "users"}
        return Lists(self.users[which] if which.dtype == bool else self.users.iloc[which], **rows)


def make_lists(
    users: pd.DataFrame,
    found: npt.NDArray[np.int32],
    plays: pd.DataFrame,
    queries: Floats,
    vectors: Floats,
    shown: pd.DataFrame | None = None,
) -> Lists:
    """Lists of users (n) from what the retriever found (n, k), what they played for the first time and what they were shown.

    Args:
        plays: `user` and `track` (row numbers), `skipped`, `saved`, `success`, `certainty`, `brought`.
        queries: (n, d); vectors: (m, d), for the score of a track the retriever did not find.
        shown: `user`, `track`, `place`; None and empty are the same.
    """
    n, k = found.shape
    candidates = np.concatenate([found, np.zeros((n, EXTRA_PLAYS), np.int32)], axis=1)
    kinds = dict.fromkeys(MARKS, bool) | PLAY_MARKS | {"place": np.int32}
    marks: dict[str, npt.NDArray[Any]] = {name: np.zeros(candidates.shape, kind) for name, kind in kinds.items()}
    marks["retrieved"][:, :k] = True
    events = plays.assign(played=True, place=0) if shown is None or shown.empty else _with_shown(plays, shown)
    user, track = events["user"].to_numpy(np.int64), events["track"].to_numpy(np.int64)
    place = _places(found, user, track, len(vectors))
    outside = place < 0
    place[outside] = k + events[outside].groupby("user").cumcount().to_numpy()
    fits = place < k + EXTRA_PLAYS
    at = user[fits], place[fits]
    candidates[at] = track[fits]
    for name in ("played", "place", *PLAY_MARKS):
        marks[name][at] = events[name].to_numpy(marks[name].dtype)[fits]
    brought = fits & events[BROUGHT].to_numpy(bool)
    marks["retrieved"][user[brought], place[brought]] = False
    scores = np.einsum("nd,ncd->nc", queries, vectors[candidates]).astype(np.float32)
    padding = ~(marks["retrieved"] | marks["played"] | (marks["place"] > 0))
    return Lists(users, candidates, np.where(padding, scores.min(axis=1, keepdims=True), scores), **marks)


def _with_shown(plays: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """One row per (user, track) that was played, shown or both; plays first."""
    both = plays.assign(played=True).merge(shown, on=["user", "track"], how="outer", sort=False)
    both = both.sort_values(["played", "user", "place"], kind="stable", ignore_index=True)
    for name, kind in {"played": bool, "place": np.int32, BROUGHT: bool, **PLAY_MARKS}.items():
        both[name] = both[name].astype("float64").fillna(0).astype(kind)
    return both


def _places(found: npt.NDArray[np.int32], user: Indices, track: Indices, m: int) -> Indices:
    """Column of `found` (n, k) where each (user, track) is, -1 where it is not."""
    keys = (np.arange(len(found))[:, None] * m + found).ravel()
    order = np.argsort(keys)
    wanted = user * m + track
    near = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[near] == wanted, near % found.shape[1], -1)
