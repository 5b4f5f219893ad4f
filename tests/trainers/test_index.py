"""The index finds what exact search finds, from any folder, without a pickle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from trainers.index import IndexConfig, build_index, exact_search, load_index, recall, save_index

K = 50


CENTRES = np.random.default_rng(16).normal(size=(40, 16))
"""What tracks cluster around and listeners look for: a question far from all tracks has no near ones that could be missed."""


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    """Clustered unit vectors (n, 16), as tracks are."""
    vectors = CENTRES[rng.integers(len(CENTRES), size=n)] + 0.5 * rng.normal(size=(n, CENTRES.shape[1]))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return _unit(np.random.default_rng(17), 4_000)


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return _unit(np.random.default_rng(18), 50)


def test_exact_search_is_best_first_with_equal_scores_by_row() -> None:
    vectors = np.array([[0, 1], [1, 0], [1, 0], [0.6, 0.8]], np.float32)
    assert exact_search(np.array([[1, 0]], np.float32), vectors, 4).tolist() == [[1, 2, 3, 0]]


def test_exact_search_puts_hidden_tracks_last() -> None:
    vectors = np.eye(3, dtype=np.float32)
    found = exact_search(np.array([[3, 2, 1]], np.float32), vectors, 2, hidden=(np.array([0]), np.array([0])))
    assert found.tolist() == [[1, 2]]


def test_exact_search_for_more_than_there_are_gives_all() -> None:
    assert exact_search(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 9).shape == (2, 2)


def test_the_index_finds_nearly_all_and_a_crippled_one_does_not(vectors: np.ndarray, queries: np.ndarray) -> None:
    good = build_index(vectors, IndexConfig(neighbours=K))
    poor = build_index(vectors, IndexConfig(neighbours=K, leaves_searched=0.001, reorder=1.0))
    assert recall(good, queries, vectors, K) > 0.95
    assert recall(poor, queries, vectors, K) < 0.9


def test_a_moved_index_answers_the_same_and_holds_no_pickle(vectors: np.ndarray, queries: np.ndarray, tmp_path: Path) -> None:
    searcher = build_index(vectors, IndexConfig(neighbours=K))
    save_index(searcher, tmp_path / "made")
    shutil.move(tmp_path / "made", tmp_path / "moved")
    again, _ = load_index(tmp_path / "moved").search_batched(queries)
    np.testing.assert_array_equal(again, searcher.search_batched(queries)[0])
    assert not list((tmp_path / "moved").glob("*.pkl"))
    assert b"made" not in (tmp_path / "moved" / "scann_assets.pbtxt").read_bytes()
