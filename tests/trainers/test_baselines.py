"""The baselines keep the suite's promises, and each ranks a small case as a hand would."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from recommender_suite import RecommenderSuite, checkerboard

from segue.errors import SegueError
from trainers.baselines.ials import Ials, IalsConfig
from trainers.baselines.item_knn import ItemKnn, ItemKnnConfig
from trainers.baselines.popular import Popular, PopularConfig
from trainers.interactions import Interactions


class TestPopular(RecommenderSuite):
    personal = False

    def make(self) -> Popular:
        return Popular()


class TestItemKnn(RecommenderSuite):
    def make(self) -> ItemKnn:
        return ItemKnn()


class TestIals(RecommenderSuite):
    def make(self) -> Ials:
        return Ials(IalsConfig(factors=8))


def _listens(rows: list[tuple[int, int, float, float]], territories: list[str], n_tracks: int) -> Interactions:
    users, tracks, weights, ages = (np.array(column) for column in zip(*rows, strict=True))
    return Interactions(
        users, tracks, weights.astype(np.float32), len(territories), n_tracks, ages.astype(np.float32), territories
    )


def test_popularity_is_counted_in_the_listeners_own_territory() -> None:
    rows = [(0, 0, 1, 0), (1, 0, 1, 0), (1, 1, 1, 0), (2, 2, 1, 0), (2, 2, 1, 0), (2, 1, 1, 0)]
    model = Popular().fit(_listens(rows, ["DE", "DE", "SE"], 4))
    np.testing.assert_array_equal(model.recommend(np.array([0, 2]), 3), [[0, 1, 2], [2, 1, 0]])


def test_a_territory_without_listens_gets_what_is_popular_everywhere() -> None:
    rows = [(0, 3, 1, 0), (0, 3, 1, 0), (0, 1, 1, 0)]
    model = Popular().fit(_listens(rows, ["DE", "NO"], 4))
    np.testing.assert_array_equal(model.recommend(np.array([1]), 2), [[3, 1]])


def test_two_old_listens_are_less_popular_than_one_new_listen() -> None:
    rows = [(0, 0, 1, 21), (1, 0, 1, 21), (1, 1, 1, 0)]
    listens = _listens(rows, ["DE", "DE"], 2)
    assert Popular(PopularConfig(half_life_days=7)).fit(listens).recommend(np.array([0]), 1) == [[1]]
    assert Popular(PopularConfig(half_life_days=1e6)).fit(listens).recommend(np.array([0]), 1) == [[0]]


def test_item_knn_similarity_is_the_shrunk_cosine() -> None:
    """Tracks 0 and 1 share both listeners of 1; weights are log1p(1), so the cosine is 2 / (sqrt(3) sqrt(2))."""
    matrix = sp.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]], np.float32))
    unit = np.log1p(1.0)
    config = ItemKnnConfig(shrinkage=0.5, inverse_frequency=False, neighbours=3, half_life_days=None)
    found = ItemKnn(config).fit(Interactions.from_matrix(matrix))._neighbours.toarray()
    assert found[0, 1] == pytest.approx(2 * unit**2 / (np.sqrt(6) * unit**2 + 0.5), rel=1e-5)
    assert found[0, 2] == pytest.approx(unit**2 / (np.sqrt(6) * unit**2 + 0.5), rel=1e-5)
    np.testing.assert_array_equal(np.diag(found), 0)


def test_item_knn_without_shrinkage_has_no_nan_for_a_track_nobody_heard() -> None:
    matrix = sp.csr_matrix(np.array([[1, 1, 0], [1, 1, 0]], np.float32))
    found = ItemKnn(ItemKnnConfig(shrinkage=0.0, half_life_days=None)).fit(Interactions.from_matrix(matrix))._neighbours
    assert np.isfinite(found.toarray()).all()
    assert found[2].nnz == 0


def test_item_knn_in_blocks_gives_the_same_neighbours_as_at_once() -> None:
    listens = Interactions.from_matrix(checkerboard())
    blocks, whole = (ItemKnn(ItemKnnConfig(tracks_at_once=n)).fit(listens)._neighbours for n in (7, 1_000))
    assert abs(blocks - whole).max() == 0


def test_ials_trains_without_a_warning_about_threads() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Ials(IalsConfig(factors=4, iterations=1)).fit(Interactions.from_matrix(checkerboard()))


def test_listens_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(SegueError, match="one row per listen"):
        Interactions(np.array([0, 1]), np.array([0]), np.array([1.0], np.float32), 2, 1)
