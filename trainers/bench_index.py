"""`segue bench index`: ScaNN beside exact search, recall and queries per second, in one process on the same vectors.

Synthetic vectors are clustered as track vectors are (artists within genres); evenly spread ones would make any index look
bad. When a release is live its own vectors and size are measured too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.live_release import read_pointer
from segue.release import release_path, verify
from segue.stage import Outcome, Progress, table
from trainers.index import IndexConfig, build_index, exact_search

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BenchConfig:
    """Sizes at scale 1. A query is a track of the same clusters, moved by `query_noise`; all are asked at once."""

    tracks: int = 100_000
    dimensions: int = 64
    genres: int = 40
    artists_per_genre: int = 100
    spread: float = 0.4
    query_noise: float = 0.5
    queries: int = 1_000
    neighbours: int = 500
    seed: int = 17


def bench_index(*, scale: float) -> Outcome:
    """Both searches at `scale` times 100,000 vectors, and on the live release's vectors when there is one."""
    progress, config = Progress("bench index"), BenchConfig()
    cases = {"synthetic": clustered(max(1_000, round(config.tracks * scale)), config)}
    pointer = read_pointer()
    if pointer is not None:
        verify(pointer.version)
        cases[pointer.version] = np.load(release_path(pointer.version) / "vectors.npy", allow_pickle=False)
    rows = []
    for name, vectors in cases.items():
        with progress.step(f"{name}, {len(vectors)} vectors"):
            rows += measure(name, vectors, config)
    headers = ["vectors", "tracks", "dimensions", "search", f"recall@{config.neighbours}", "queries/s", "build s"]
    text = table(headers, [list(row.values()) for row in rows])
    return Outcome({"rows": rows}, text)


def clustered(count: int, config: BenchConfig) -> Floats:
    """Unit vectors (count, d) around artists, which lie around genres."""
    rng = np.random.default_rng(config.seed)
    genres = rng.normal(size=(config.genres, config.dimensions))
    shape = (config.genres * config.artists_per_genre, config.dimensions)
    artists = np.repeat(genres, config.artists_per_genre, axis=0) + rng.normal(scale=config.spread * 2, size=shape)
    of = rng.integers(len(artists), size=count)
    return _unit(artists[of] + rng.normal(scale=config.spread, size=(count, config.dimensions)))


def measure(name: str, vectors: Floats, config: BenchConfig) -> list[dict[str, Any]]:
    """One row for exact search and one for ScaNN over `vectors` (m, d)."""
    queries, k = queries_for(vectors, config), min(config.neighbours, len(vectors))
    exact, exact_rate = _timed(lambda: exact_in_blocks(queries, vectors, k), len(queries))
    started = time.perf_counter()
    searcher = build_index(vectors, IndexConfig(neighbours=k))
    built = time.perf_counter() - started
    searcher.search_batched_parallel(queries[:8])  # the first call is slower: it sets threads up
    found, rate = _timed(lambda: searcher.search_batched_parallel(queries)[0], len(queries))
    rows = [("exact", 1.0, exact_rate, 0.0), ("ScaNN", overlap(exact, np.asarray(found)), rate, built)]
    about = {"vectors": name, "tracks": len(vectors), "dimensions": vectors.shape[1]}
    return [
        about | {"search": search, "recall": round(share, 5), "queries_per_second": round(speed), "build_seconds": round(b, 1)}
        for search, share, speed, b in rows
    ]


def queries_for(vectors: Floats, config: BenchConfig) -> Floats:
    """Unit vectors (queries, d) near vectors drawn from all: `query_noise` is the length of the move."""
    rng = np.random.default_rng(config.seed + 1)
    near = vectors[rng.integers(len(vectors), size=config.queries)]
    moves = _unit(rng.normal(size=near.shape))
    return _unit(near + config.query_noise * moves)


def exact_in_blocks(queries: Floats, vectors: Floats, k: int, *, at_once: int = 20_000_000) -> npt.NDArray[np.int32]:
    """`exact_search`, a few queries at a time so that the scores stay small."""
    step = max(1, at_once // len(vectors))
    parts = [exact_search(queries[at : at + step], vectors, k) for at in range(0, len(queries), step)]
    return np.concatenate(parts)


def overlap(exact: npt.NDArray[np.int32], found: npt.NDArray[Any]) -> float:
    """Share of the exact neighbours (n, k) that are among the found ones (n, k), in any order."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True)]
    return float(np.mean(shared) / exact.shape[1])


def _timed(search: Callable[[], npt.NDArray[Any]], queries: int) -> tuple[npt.NDArray[Any], float]:
    started = time.perf_counter()
    found = search()
    return found, queries / (time.perf_counter() - started)


def _unit(vectors: npt.NDArray[np.float64] | Floats) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
