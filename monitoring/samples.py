"""Feature samples as flat tables: this week's listens with the features known then, and the release's reference.

Features come through Feast's point-in-time join, as in training. List features are told by one number or word each; ids
are left out, because a new id is not drift.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.answers import Answers, best_scores
from monitoring.drift import Comparison, compare_columns
from monitoring.findings import Finding, note
from monitoring.rules import Rules
from segue.features import TIMESTAMP, training_frame
from segue.names import UNKNOWN_TERRITORY, Service
from segue.release import release_path

if TYPE_CHECKING:
    import pandas as pd

IDENTIFIERS = frozenset(
    {"user_id", "track_id", "artist_id", "listen_id", "session_id", "album_id", "version_family", TIMESTAMP}
)
SCORES = frozenset({"score", "retrieval_score"})
REFERENCE = "reference.parquet"


def _first(items: Any) -> Any:
    return items[0] if len(items) else None


def _mean(items: Any) -> float | None:
    return float(np.mean(items)) if len(items) else None


def _peak(items: Any) -> str | None:
    return str(int(np.argmax(items))) if len(items) else None


_TOLD: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "top_genres": ("top_genre", _first),
    "top_genre_shares": ("top_genre_share", _first),
    "top_artist_shares": ("top_artist_share", _first),
    "recent_outcomes": ("recent_outcome", _mean),
    "hour_shares": ("busiest_hour", _peak),
}
"""How a list feature is told; another list is told by its length."""


def recent_features(listens: pd.DataFrame) -> pd.DataFrame:
    """Sampled listens (n rows) with the ranker's features as known at each; the retriever's are among them."""
    return training_frame(Service.RANKER, listens) if len(listens) else listens


def reference_of(version: str, rules: Rules) -> pd.DataFrame | None:
    """The release's reference sample, or None when it kept none. A longer one is cut to every k-th row."""
    import pandas as pd

    path = release_path(version) / REFERENCE
    if not path.exists():
        return None
    frame = pd.read_parquet(path)
    return frame.iloc[:: max(1, -(-len(frame) // rules.sample_rows))].reset_index(drop=True)


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """One scalar column per feature: identifiers and scores left out, lists told by `_TOLD` or their length."""
    import pandas as pd

    columns: dict[str, pd.Series] = {}
    if "territory" in frame.columns:
        frame = frame.assign(territory=frame["territory"].replace(UNKNOWN_TERRITORY, None))
    for name in sorted(set(frame.columns) - IDENTIFIERS - SCORES):
        values = frame[name]
        if values.map(np.ndim).max() == 1:
            told, measure = _TOLD.get(name, (f"{name}_count", len))
            columns[told] = pd.Series([measure(v) if np.ndim(v) else None for v in values], index=values.index)
        else:
            columns[name] = values
    return pd.DataFrame(columns, index=frame.index)


def compare_scores(now: Answers, earlier: Answers, reference: pd.DataFrame, version: str, rules: Rules) -> Comparison:
    """The best score of each list `version` gave this week, beside the best it would have given each user of its reference.

    The reference's `score` is of tracks the release would have shown (see `trainers/contents.py`), best first, as many as the
    user has rows: of those only the best compares like with like. A reference without scores leaves the earlier answers.
    """
    import pandas as pd

    shown = pd.DataFrame({"best score": best_scores(now, version, rules.sample_rows)}, dtype=float)
    if {"user_id", "score"} <= set(reference.columns):
        before = reference.groupby("user_id")["score"].max().to_frame("best score")
    else:
        before = pd.DataFrame({"best score": best_scores(earlier, version, rules.sample_rows)}, dtype=float)
    if shown.empty or before.empty:
        return Comparison(pd.DataFrame(), pd.DataFrame(), found=[_one_sided(shown)])
    return compare_columns(shown, before, "scores", rules)


def _one_sided(shown: pd.DataFrame) -> Finding:
    """What is missing is alarmed about where it is missing: in the log, or as fallbacks."""
    if shown.empty:
        return note("scores", "best score", "the log has no list ranked by the live release")
    says = "the release's first week: it is the baseline of the next"
    return note("scores", "best score", says, now=float(shown["best score"].median()))
