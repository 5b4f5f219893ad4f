"""The baseline of drift: the scores it holds are of lists as serving makes them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from segue.release import CANDIDATES
from trainers import contents

TRACKS = CANDIDATES + 100


def _shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Scores of what one listener is shown by a ranker that likes best what the retriever likes least, track n being the nth
    best of the retriever and worth n."""
    near = np.linspace(1.0, 0.0, TRACKS, dtype=np.float32)
    queries, vectors = np.array([[1.0]], np.float32), near[:, None]
    monkeypatch.setattr(contents, "vectors_of", lambda tower, _: queries if tower == "query" else vectors)
    monkeypatch.setattr(contents, "heard_places", lambda *_: (np.empty(0, np.int64), np.empty(0, np.int64)))
    monkeypatch.setattr(contents, "ranker_tracks", lambda *_: {})
    ranker = SimpleNamespace(
        inputs=SimpleNamespace(read_users=lambda read: read),
        user_half=lambda read: read,
        scored=lambda users, tracks, found, scores: {"score": tf.cast(found, tf.float32)},
    )
    retriever = SimpleNamespace(query="query", track="track")
    task = SimpleNamespace(known=SimpleNamespace(frame=None), listens=None, split=SimpleNamespace(cutoff=None))
    monkeypatch.setattr(contents, "arrays", lambda *_: {})
    fitted: Any = SimpleNamespace(task=task, retriever=retriever, ranker=ranker)
    shown, _ = contents._shown_scores(fitted, pd.DataFrame({"user_id": ["u"]}), 0.0)
    return shown["u"]


def test_the_baseline_of_drift_has_the_best_of_as_many_candidates_as_serving_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    best = CANDIDATES - 1 - np.arange(contents.SHOWN)
    np.testing.assert_array_equal(_shown(monkeypatch), best)


def test_the_best_of_fewer_candidates_are_other_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "CANDIDATES", 200)
    assert _shown(monkeypatch).max() == 199
