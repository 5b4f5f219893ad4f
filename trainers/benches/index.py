"""`segue bench index`: ScaNN beside exact search, recall and queries per second, in one process on the same vectors.

Synthetic vectors are clustered as track vectors are (artists within genres); evenly spread ones would make any index look
bad. When a release is live its own vectors and size are measured too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.charts import draw_page
from segue.home import get_home
from segue.live_release import read_pointer
from segue.panels import Bar, Bars
from segue.release import release_path, verify
from segue.stage import Outcome, Progress, table
from trainers.evaluation.metrics import Doubles, bootstrap_interval
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
    headers = ["vectors", "tracks", "dimensions", "search", f"recall@{config.neighbours}", "95% low", "95% high"]
    path = _draw(get_home().chart("index"), rows, config)
    text = table([*headers, "queries/s", "build s"], [list(row.values()) for row in rows])
    return Outcome({"rows": rows, "chart": str(path)}, f"{text}\n\nThe chart is {path}")


def _draw(path: Path, rows: list[dict[str, Any]], config: BenchConfig) -> Path:
    names = [f"{row['search']}, {row['vectors']} ({row['tracks']:,})" for row in rows]
    ours = [row["search"] == "ScaNN" for row in rows]
    recall = [
        Bar(name, row["recall"], row["recall_low"], row["recall_high"], own)
        for name, row, own in zip(names, rows, ours, strict=True)
    ]
    rate = [Bar(name, row["queries_per_second"], ours=own) for name, row, own in zip(names, rows, ours, strict=True)]
    panels = [
        Bars(f"recall@{config.neighbours}", "share of the exact neighbours found", recall, from_zero=False, form=".5f"),
        Bars("queries a second", "all asked at once; more is better", rate, form=",.0f"),
    ]
    note = f"Black lines are 95 % intervals, with the {config.queries:,} queries drawn again. Blue is the index."
    return draw_page(path, "ScaNN beside exact search", panels, note=note)


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
    shares = overlap(exact, np.asarray(found))
    rows = [("exact", np.ones(len(queries)), exact_rate, 0.0), ("ScaNN", shares, rate, built)]
    about = {"vectors": name, "tracks": len(vectors), "dimensions": vectors.shape[1]}
    return [
        about
        | {"search": search}
        | _recall(shares, config)
        | {"queries_per_second": round(speed), "build_seconds": round(seconds, 1)}
        for search, shares, speed, seconds in rows
    ]


def _recall(shares: Doubles, config: BenchConfig) -> dict[str, float]:
    low, high = bootstrap_interval(shares, seed=config.seed)
    return {"recall": round(float(shares.mean()), 5), "recall_low": round(low, 5), "recall_high": round(high, 5)}


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


def overlap(exact: npt.NDArray[np.int32], found: npt.NDArray[Any]) -> Doubles:
    """Share (n,) of each query's exact neighbours (n, k) that are among the found ones (n, k), in any order."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True)]
    return np.array(shared) / exact.shape[1]


def _timed(search: Callable[[], npt.NDArray[Any]], queries: int) -> tuple[npt.NDArray[Any], float]:
    started = time.perf_counter()
    found = search()
    return found, queries / (time.perf_counter() - started)


def _unit(vectors: npt.NDArray[np.float64] | Floats) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
