"""A tiny release with real SavedModels, promoted in a moment, whose taste is known: a listener whose month was energetic gets
the energetic (odd) half of the checkerboard of `gold_tables`, another the quiet half."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from segue.atomic import write_json
from segue.dates import start_of
from segue.features import fingerprint, shared_store
from segue.home import get_home
from segue.live_release import point_to
from segue.names import MODEL_SERVICES, Table
from segue.policy import DEFAULT_POLICY
from segue.release import MANIFEST, Manifest, file_entries, release_path

QUERY = [
    ("user_id", "string", None),
    ("mean_energy_30d", "float", None),
    ("recent_tracks", "string", 50),
    ("device", "string", None),
]
CONTEXT = [("hour_of_day", "int", None), ("day_of_week", "int", None)]
RANKER_USERS = [("territory", "string", None), ("plays_30d", "float", None), ("recent_outcomes", "int", 200)]
_TYPES = {"float": tf.float32, "int": tf.int64, "string": tf.string}


class Query(tf.Module):
    @tf.function
    def encode(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        energetic = tf.cast(inputs["mean_energy_30d"] > 0.45, tf.float32)
        return tf.math.l2_normalize(tf.stack([1 - energetic, energetic, 0.1 * tf.ones_like(energetic)], axis=1), axis=1)


class Ranker(tf.Module):
    @tf.function
    def encode_users(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"plays": tf.math.log1p(tf.maximum(inputs["plays_30d"], 0.0))}

    @tf.function
    def score(
        self, users: dict[str, tf.Tensor], tracks: dict[str, tf.Tensor], candidates: tf.Tensor, retrieval_scores: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        complete = tf.sigmoid(4 * retrieval_scores + tf.gather(tracks["quality"], candidates))
        complete += 0 * users["plays"][:, None]
        return {"score": complete, "heads": tf.stack([complete, 1 - complete, 0.1 * complete], axis=-1)}


class Following(tf.Module):
    """Tracks follow one another in the release's order, around a circle; the one before the last is the least likely."""

    def __init__(self, tracks: int) -> None:
        super().__init__()
        self.tracks = tracks

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)])
    def next(self, tracks: tf.Tensor) -> tf.Tensor:
        played = tf.reduce_sum(tf.cast(tracks >= 0, tf.int64), axis=1)
        last = tf.gather(tracks, tf.maximum(played - 1, 0), batch_dims=1)
        ahead = (tf.range(self.tracks, dtype=tf.int64)[None] - last[:, None] - 1) % self.tracks
        return tf.nn.softmax(-tf.cast(ahead, tf.float32) / 100)


def make_release(
    version: str = "fake-1", *, as_of: date, live: bool = True, policy: dict[str, Any] | None = None, sessions: bool = True
) -> Path:
    """Seal a release over every track of the gold tables, and make it live."""
    folder = release_path(version)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tracks = pq.read_table(get_home().table(Table.TRACKS) / "data.parquet").sort_by("track_id")
    tracks = tracks.take(np.random.default_rng(5).permutation(len(tracks)))  # a release has its own order
    pq.write_table(tracks.select(["track_id"]), folder / "tracks.parquet")
    np.save(folder / "vectors.npy", _vectors(tracks), allow_pickle=False)
    (folder / "ranker_tracks").mkdir()
    quality = np.random.default_rng(6).normal(size=len(tracks)).astype(np.float32)
    np.save(folder / "ranker_tracks" / "quality.npy", quality, allow_pickle=False)
    _save_models(folder)
    if sessions:
        tf.saved_model.save(Following(len(tracks)), str(folder / "sessions"))
    _seal(folder, version, as_of, len(tracks), DEFAULT_POLICY.model_dump() if policy is None else policy)
    if live:
        point_to(version)
    return folder


def _vectors(tracks: pa.Table) -> Any:
    energetic = (tracks["energy"].to_numpy() > 0.45).astype(np.float32)
    noise = np.random.default_rng(7).normal(scale=0.2, size=len(tracks)).astype(np.float32)
    vectors = np.stack([1 - energetic, energetic, noise], axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _save_models(folder: Path) -> None:
    query, ranker = Query(), Ranker()
    query.encode.get_concrete_function(_signature([*QUERY, *CONTEXT]))
    ranker.encode_users.get_concrete_function(_signature(RANKER_USERS))
    ranker.score.get_concrete_function(
        {"plays": tf.TensorSpec([None], tf.float32)},
        {"quality": tf.TensorSpec([None], tf.float32)},
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None, None], tf.float32),
    )
    tf.saved_model.save(query, str(folder / "query_tower"))
    tf.saved_model.save(ranker, str(folder / "ranker"))


def _signature(specs: list[tuple[str, str, int | None]]) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec([None] if length is None else [None, length], _TYPES[kind]) for name, kind, length in specs}


def _seal(folder: Path, version: str, as_of: date, tracks: int, policy: dict[str, Any]) -> None:
    manifest = Manifest(
        version=version,
        created_at=datetime.now(UTC),
        as_of=as_of,
        trained_through=start_of(as_of),
        feature_fingerprint=fingerprint(shared_store(), MODEL_SERVICES),
        hyperparameters={},
        policy=policy,
        metrics={},
        libraries={},
        inputs={"query": [*QUERY, *CONTEXT], "track": [], "ranker_users": RANKER_USERS, "ranker_tracks": []},
        tracks=tracks,
        dimensions=3,
        files=file_entries(folder),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
