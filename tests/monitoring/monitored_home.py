"""A home worth monitoring, made without training: small gold tables, the feature store, a sealed release, a prediction log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from gold_listens import track_id, user_id
from gold_tables import AS_OF, Gold, write_gold

from infra.mart.feast_apply import apply_and_materialise
from monitoring import samples
from monitoring.findings import Finding, State, Verdict, as_rows
from monitoring.listening import Window, sample
from monitoring.summary import Summary
from segue.dates import end_of, start_of
from segue.features import fingerprint, shared_store
from segue.home import Home
from segue.live_release import point_to
from segue.names import MODEL_SERVICES, Surface
from segue.predictions import PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.release import MANIFEST, Manifest, file_entries, release_path
from segue.stage import Outcome

USERS, TRACKS = 40, 60
RELEASE_AS_OF = AS_OF - timedelta(days=7)

Change = Callable[[pd.DataFrame], pd.DataFrame]


def monitored(home: Home) -> Gold:
    """Gold tables, materialised features, a live release trained a week ago, and last week's answers."""
    gold = write_gold(home, users=USERS, tracks=TRACKS)
    apply_and_materialise(AS_OF)
    seal("r1")
    point_to("r1", at=start_of(AS_OF))
    log_answers(home, "r1", AS_OF - timedelta(days=1))
    return gold


def seal(
    version: str, *, week_end: date = RELEASE_AS_OF, as_of: date = RELEASE_AS_OF, change: Change | None = None
) -> Manifest:
    """A release of `as_of` whose reference is the sampled week that ends with `week_end`, `change`d."""
    folder = release_path(version)
    folder.mkdir(parents=True)
    reference = samples.recent_features(sample(Window(week_end - timedelta(days=6), week_end), 20_000))
    reference["score"] = scores_of(reference["user_id"])
    (change(reference) if change else reference).to_parquet(folder / "reference.parquet")
    pd.DataFrame({"track_id": [track_id(n) for n in range(TRACKS)]}).to_parquet(folder / "tracks.parquet")
    np.save(folder / "vectors.npy", unit_vectors(TRACKS))
    manifest = Manifest(
        version=version,
        created_at=datetime(2026, 11, 9, tzinfo=UTC),
        as_of=as_of,
        trained_through=end_of(RELEASE_AS_OF),
        feature_fingerprint=fingerprint(shared_store(), MODEL_SERVICES),
        hyperparameters={},
        policy={},
        metrics={},
        libraries={},
        inputs={},
        tracks=TRACKS,
        dimensions=8,
        files=file_entries(folder),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return manifest


def scores_of(users: pd.Series) -> np.ndarray:
    """The best score of each user's list in `log_answers`, repeated for their listens."""
    best = {user_id(n): max(t.score for t in answer(n, AS_OF, "r1").tracks) for n in range(USERS)}
    return users.map(best).to_numpy()


def unit_vectors(count: int) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def answer(user: int, day: date, release: str, *, tracks: int = 30, score: float | None = None) -> Prediction:
    """One weekly playlist of user number `user`, for the week that begins on `day`."""
    rng = np.random.default_rng(user)
    picks = [
        PredictedTrack(
            track_id=track_id((user + n) % TRACKS),
            score=rng.normal() if score is None else score,
            source="retriever",
            reason="r",
        )
        for n in range(tracks)
    ]
    return Prediction(
        request_id=f"q{user}",
        at=start_of(day),
        surface=Surface.WEEKLY,
        user=pseudonym(user_id(user)),
        release=release,
        week=day,
        tracks=picks,
        latency_ms=1.0 + user,
    )


def log_answers(home: Home, release: str, day: date, *, score: float | None = None, tracks: int = 30) -> None:
    path = home.predictions / f"day={day}" / f"weekly-{release}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [answer(n, day, release, score=score, tracks=tracks).model_dump_json() for n in range(USERS)]
    path.write_text("\n".join(lines) + "\n")


def summary_of(verdict: Verdict) -> Summary:
    """A report with 4 of 21 features moved, and the verdict asked for."""
    moved = [Finding("features", "plays_7d", State.MOVED, 31.0, 20.0, 0.5, 0.12)] * (0 if verdict is Verdict.OK else 4)
    kept = [Finding("features", "tempo", State.OK, 120.0, 121.0, 0.01, 0.12)] * (21 - len(moved))
    return Summary(
        as_of=AS_OF,
        verdict=verdict,
        reason=f"{len(moved)} of 21 features moved",
        retrain=verdict is Verdict.DRIFT,
        release="r1",
        release_as_of=RELEASE_AS_OF,
        recent="2026-11-09 to 2026-11-15",
        training="2026-10-12 to 2026-11-08",
        moved=len(moved),
        compared=21,
        left_out=[],
        sampled_now=200,
        sampled_before=200,
        findings=as_rows([*moved, *kept]),
        surfaces=[],
    )


def states_of(outcome: Outcome) -> dict[str, str]:
    """State by name of the stored report."""
    stored = json.loads((Path(outcome.summary["report"]) / "summary.json").read_text())
    return {finding["name"]: finding["state"] for finding in stored["findings"]}


def alarms_of(outcome: Outcome) -> list[str]:
    return [name for name, state in states_of(outcome).items() if state == "alarm"]
