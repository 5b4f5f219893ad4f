"""The index bench measures what it says, on vectors small enough to check."""

from __future__ import annotations

import numpy as np
from sealed_releases import seal

from segue.home import Home
from segue.live_release import point_to
from trainers.benches import index as bench_index
from trainers.benches.index import BenchConfig, clustered, exact_in_blocks, measure, overlap, queries_for

SMALL = BenchConfig(dimensions=16, genres=5, artists_per_genre=10, queries=20, neighbours=50)


def test_vectors_are_unit_clustered_and_the_same_for_the_same_seed() -> None:
    vectors = clustered(500, SMALL)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors, clustered(500, SMALL))
    likeness = vectors @ vectors.T
    assert np.quantile(likeness, 0.98) > 0.6 > np.quantile(np.abs(likeness), 0.5)


def test_blocks_do_not_change_what_exact_search_finds() -> None:
    vectors = clustered(300, SMALL)
    queries = queries_for(vectors, SMALL)
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :7]
    np.testing.assert_array_equal(exact_in_blocks(queries, vectors, 7, at_once=900), best)


def test_overlap_counts_shared_neighbours_in_any_order() -> None:
    exact = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int32)
    np.testing.assert_array_equal(overlap(exact, np.array([[4, 3, 2, 1], [5, 6, 0, 9]])), [1, 0.5])


def test_scann_is_measured_beside_exact_search() -> None:
    exact, scann = measure("synthetic", clustered(3_000, SMALL), SMALL)
    assert (exact["search"], exact["recall"], scann["search"]) == ("exact", 1.0, "ScaNN")
    assert 0.9 < scann["recall_low"] <= scann["recall"] <= scann["recall_high"] <= 1
    assert min(exact["queries_per_second"], scann["queries_per_second"]) > 0


def test_the_live_releases_own_vectors_are_measured_too(home: Home, monkeypatch) -> None:
    numbers = ("recall", "recall_low", "recall_high", "queries_per_second", "build_seconds")
    row = dict.fromkeys(("vectors", "tracks", "dimensions", "search", *numbers), 0)
    monkeypatch.setattr(bench_index, "measure", lambda name, vectors, _: [row | {"vectors": name, "tracks": len(vectors)}])
    assert [found["vectors"] for found in bench_index.bench_index(scale=0.01).summary["rows"]] == ["synthetic"]
    seal("a")
    point_to("a")
    outcome = bench_index.bench_index(scale=0.01)
    rows = outcome.summary["rows"]
    assert [(found["vectors"], found["tracks"]) for found in rows] == [("synthetic", 1_000), ("a", 2)]
    assert home.chart("index").read_bytes().startswith(b"\x89PNG")
    assert str(home.chart("index")) in outcome.text
