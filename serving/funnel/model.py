"""A release opened for serving: verified, its models loaded once, its arrays in memory. It is never changed afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.features import fingerprint, shared_store
from segue.names import MODEL_SERVICES
from segue.policy import PolicySettings, policy_of
from segue.ranker.opened import open_ranker, ranker_kind, weighed
from segue.release import Manifest, check_fingerprint, release_path, verify
from segue.tensors import TensorSpec, to_tensors
from serving.funnel.tables import as_tensor, read_table

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # before TensorFlow: the models were saved by Keras 2
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Columns = Mapping[str, Sequence[Any]]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]
SESSION_LENGTH = 20
"""Tracks of a running session that are given to its model, the last ones."""


@dataclass(frozen=True)
class Model:
    """One release in memory. `track_ids` (m,) and `vectors` (m, d) are in the release's own track order; `searcher` is
    None when search is exact, `sessions` when the release has no session model. `query_specs` and `user_specs` name the
    columns the models read."""

    version: str
    manifest: Manifest
    track_ids: npt.NDArray[np.object_]
    vectors: Floats
    searcher: Any
    query_tower: Any
    ranker: Any
    ranker_tracks: dict[str, Any]
    sessions: Any
    query_specs: tuple[TensorSpec, ...]
    user_specs: tuple[TensorSpec, ...]
    policy: PolicySettings

    def queries(self, columns: Columns) -> Floats:
        """L2-normalised query vectors (n, d) of user columns."""
        answer: Floats = self.query_tower.encode(_tensors(columns, self.query_specs)).numpy()
        return answer

    def scores(self, columns: Columns, candidates: Indices, similarity: Floats) -> Floats:
        """One score (n, c) for candidates (n, c), track numbers of this release, with their dot products: the ranker's, which
        says what a listener would come to hear, and by the policy's weight how long they stay with what is put on."""
        users = self.ranker.encode_users(_tensors(columns, self.user_specs))
        return weighed(self.ranker.score(users, self.ranker_tracks, candidates, similarity), self.policy.staying)

    def nearest(self, queries: Floats, count: int) -> tuple[Indices, Floats]:
        """Track numbers and dot products (n, count) from the index, best first; only with a searcher. One that finds fewer,
        because it looks into some of its leaves only, fills up with what is no answer: track 0 at -inf here."""
        count = min(count, len(self.track_ids))
        numbers, similarity = (np.asarray(found) for found in self.searcher.search_batched(queries, final_num_neighbors=count))
        there = np.isfinite(similarity) & (numbers >= 0) & (numbers < len(self.track_ids))
        return np.where(there, numbers, 0).astype(np.int32), np.where(there, similarity, -np.inf).astype(np.float32)

    def following(self, numbers: Indices) -> Floats:
        """The probability (1, m) that each track comes next in a session of tracks `numbers` (l,), oldest first; only with
        a session model. The last `SESSION_LENGTH` are looked at, from the left of a row of that length: one shape, so that
        no session waits for TensorFlow to prepare."""
        row = np.full((1, SESSION_LENGTH), -1, dtype=np.int64)
        last = numbers[-SESSION_LENGTH:]
        row[0, : len(last)] = last
        answer: Floats = self.sessions.next(row).numpy()
        return answer


def load_model(version: str) -> Model:
    """Verify every file of a release, check that it was trained on the features served now, and open it.

    Raises:
        SegueError: a file is missing, added or changed, or the feature views are others; the sentence says which.
    """
    manifest = verify(version)
    check_features(manifest)
    folder = release_path(version)
    import pyarrow.parquet as pq
    import tensorflow as tf

    ranker = open_ranker(folder, ranker_kind(manifest))
    _one_thread_of_blas()
    ids = pq.read_table(folder / "tracks.parquet", columns=["track_id"])["track_id"].to_numpy(zero_copy_only=False)
    return Model(
        version=version,
        manifest=manifest,
        track_ids=ids.astype(object),
        vectors=read_table(folder / "vectors.npy"),
        searcher=_searcher(folder / "index"),
        query_tower=tf.saved_model.load(str(folder / "query_tower")),
        ranker=ranker,
        sessions=tf.saved_model.load(str(folder / "sessions")) if (folder / "sessions").is_dir() else None,
        ranker_tracks={p.stem: as_tensor(read_table(p)) for p in folder.glob("ranker_tracks/*.npy")},
        query_specs=_specs(manifest, "query"),
        user_specs=_specs(manifest, "ranker_users"),
        policy=policy_of(manifest.policy),
    )


def one_thread_each() -> None:
    """Let every operation of TensorFlow use one thread: where lists are made side by side, the threads of one are in the way
    of another. For a process that makes many lists, before it opens a model; afterwards TensorFlow keeps what it has."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def _one_thread_of_blas() -> None:
    """Products are small where lists are made, and what is divided among threads is added up in another order: with one thread
    a list is the same wherever it is made. SciPy's library, which compiled functions ask, has to be there to be told."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(1, "blas")


def check_features(manifest: Manifest) -> None:
    """Refuse a release that was trained on other feature views than the feature store serves now.

    Raises:
        SegueError: they differ, or nothing is served.
    """
    check_fingerprint(manifest, fingerprint(shared_store(), MODEL_SERVICES))


def _searcher(folder: Path) -> Any:
    if not folder.is_dir():
        return None
    from scann import scann_ops_pybind

    return scann_ops_pybind.load_searcher(str(folder))


def _specs(manifest: Manifest, model: str) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, kind, length) for name, kind, length in manifest.inputs[model])  # type: ignore[arg-type]


def _tensors(columns: Columns, specs: Sequence[TensorSpec]) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(array) for name, array in to_tensors(columns, specs).items()}
