"""Sealed releases and stored evaluations made by hand, for tests that judge and do not train."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from segue.atomic import write_json
from segue.dates import split_at
from segue.release import MANIFEST, Manifest, file_entries, release_path
from trainers.evaluation import result as evaluation
from trainers.evaluation.result import FUNNEL, LIVE_FUNNEL, POPULAR, LiveState

FINGERPRINT = "f" * 64
AS_OF = date(2026, 11, 15)


def seal(version: str, *, as_of: date = AS_OF, fingerprint: str = FINGERPRINT, holdout_days: int = 7) -> Manifest:
    """A release folder with one small file and a manifest that fits it."""
    folder = release_path(version)
    folder.mkdir(parents=True)
    np.save(folder / "vectors.npy", np.zeros((2, 2), np.float32))
    manifest = manifest_of(version, as_of, fingerprint=fingerprint, holdout_days=holdout_days)
    manifest = manifest.model_copy(update={"files": file_entries(folder)})
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def manifest_of(version: str, as_of: date, *, fingerprint: str = FINGERPRINT, holdout_days: int = 7) -> Manifest:
    """One of a release without files."""
    index = {"kind": "exact", "recall_at_2": 1.0}
    return Manifest(
        version=version,
        created_at=datetime(2026, 11, 16, tzinfo=UTC),
        as_of=as_of,
        trained_through=split_at(as_of, holdout_days).cutoff,
        feature_fingerprint=fingerprint,
        hyperparameters={},
        policy={},
        metrics={"index": index, "examples": 2},
        libraries={},
        inputs={},
        tracks=2,
        dimensions=2,
        files={},
    )


def store_evaluation(
    version: str,
    funnel: np.ndarray,
    popular: np.ndarray,
    *,
    live: tuple[str, np.ndarray] | None = None,
    state: LiveState = LiveState.NONE,
    coverage: float = 0.5,
) -> None:
    """An evaluation with the given NDCG by user (n,); `live` names the live release and its NDCG."""
    users = pd.DataFrame({"user_id": [f"u{n:05d}" for n in range(len(funnel))], FUNNEL: funnel, POPULAR: popular})
    if live is not None:
        users[LIVE_FUNNEL], state = live[1], LiveState.COMPARED
    row = {"model": FUNNEL, "ndcg": float(funnel.mean()), "coverage": coverage, "users": len(funnel)}
    report: dict[str, Any] = {
        "version": version,
        "k": 30,
        "users": len(funnel),
        "tracks": 120,
        "live": {"version": live[0] if live else None, "state": state.name.lower()},
        "models": [row],
    }
    evaluation.store(version, report, users, b"")
