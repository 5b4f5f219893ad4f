"""What lists are worth beside being right, on examples worked out by hand, and beside Evidently's own figures."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from trainers.evaluation import list_metrics, metrics
from trainers.evaluation.evidently_bias import popularity_bias
from trainers.interactions import NOTHING

LISTS = np.array([[3, 0, 1], [4, 5, 2], [2, 6, NOTHING]])
GENRES = list_metrics.one_hot(["rock", "rock", "jazz", "jazz", None])


def _history(*users: dict[int, float], tracks: int = 5) -> sp.csr_matrix:
    dense = np.zeros((len(users), tracks))
    for row, heard in enumerate(users):
        dense[row, list(heard)] = list(heard.values())
    return sp.csr_matrix(dense)


def test_coverage_counts_each_shown_track_once() -> None:
    assert list_metrics.coverage(LISTS, 8) == 7 / 8
    assert list_metrics.coverage(np.array([[1, 2], [2, 1]]), 8) == 0.25
    assert list_metrics.coverage(np.full((2, 2), NOTHING), 8) == 0


def test_novelty_is_the_mean_self_information_in_bits() -> None:
    listeners = np.array([7, 3, 0])  # of 7 users: p is 8/8, 4/8 and 1/8, so 0, 1 and 3 bits
    found = list_metrics.novelty(np.array([[0, 1], [2, NOTHING], [NOTHING, NOTHING]]), listeners, 7)
    np.testing.assert_allclose(found, [0.5, 3, np.nan])


def test_diversity_is_zero_within_one_genre_and_one_between_two() -> None:
    lists = np.array([[0, 1, NOTHING], [0, 2, NOTHING], [0, 1, 2], [3, NOTHING, NOTHING], [4, 0, NOTHING]])
    np.testing.assert_allclose(list_metrics.diversity(lists, GENRES), [0, 1, 2 / 3, np.nan, 1], atol=1e-12)


def test_the_same_artist_is_nearer_than_the_same_genre() -> None:
    """Tracks 0 and 1 share genre and artist, 0 and 2 the genre alone: cosines 1 and 1/2."""
    facts = sp.hstack([list_metrics.one_hot(["a", "a", "a"]), list_metrics.one_hot(["x", "x", "y"])], format="csr")
    found = list_metrics.diversity(np.array([[0, 1], [0, 2]]), list_metrics.unit_rows(facts))
    np.testing.assert_allclose(found, [0, 0.5], atol=1e-12)


def test_calibration_is_zero_for_the_same_mix_and_the_hand_calculation_for_the_opposite() -> None:
    lists = np.array([[0, 2], [2, 3], [0, 1], [0, 4], [0, 1]])
    history = _history({1: 2, 3: 2}, {0: 3}, {0: 3, 2: 1}, {4: 1}, {})
    found = list_metrics.calibration_error(lists, history, GENRES)
    same, none_in_common = 0.0, math.log(1 / 0.01)
    three_to_one = 0.75 * math.log(0.75 / (0.99 * 1 + 0.01 * 0.75)) + 0.25 * math.log(0.25 / (0.01 * 0.25))
    np.testing.assert_allclose(found, [same, none_in_common, three_to_one, np.nan, np.nan], atol=1e-12)


def test_popularity_leaves_unheard_tracks_out_and_its_lift_does_not() -> None:
    listeners, lists = np.array([8, 4, 0, 2, 1]), np.array([[0, 2], [2, NOTHING], [3, 4]])
    np.testing.assert_allclose(list_metrics.popularity(lists, listeners), [8, np.nan, 1.5])
    lift = list_metrics.popularity_lift(lists, listeners, _history({1: 5}, {1: 1}, {}))
    np.testing.assert_allclose(lift, [4 / 4, 0 / 4, np.nan])


def test_gini_is_zero_for_equal_exposure_and_the_hand_calculation_for_unequal() -> None:
    assert list_metrics.gini(np.array([3.0, 3, 3, 0])) == 0
    # shown 1, 2 and 6 times: (-2 * 1 + 0 * 2 + 2 * 6) / (2 * 9)
    np.testing.assert_allclose(list_metrics.gini(np.array([[6.0, 1, 0, 2], [5, 0, 0, 0]])), [10 / 18, np.nan])


def test_serendipity_is_the_distance_of_the_hits_from_the_history() -> None:
    lists = np.array([[0, 2], [0, 2], [0, 2], [0, 2]])
    hit = np.array([[True, False], [False, True], [True, True], [False, False]])
    history = _history({1: 9}, {1: 1}, {1: 1, 3: 1}, {1: 1})
    np.testing.assert_allclose(list_metrics.serendipity(lists, hit, history, GENRES), [0, 1, 0.5, np.nan])


def test_the_interval_of_coverage_and_gini_holds_the_point_and_what_other_users_would_show() -> None:
    """100 samples of 60 users from one distribution: about 95 intervals hold the mean over all samples."""
    rng, weights = np.random.default_rng(4), 1 / np.arange(1, 201)
    samples = [np.stack([rng.choice(200, 5, replace=False, p=weights / weights.sum()) for _ in range(60)]) for _ in range(100)]
    ends = np.stack([list_metrics.exposure_intervals(lists, 200, seed=1, draws=200) for lists in samples])
    exposure = [np.bincount(lists.ravel(), minlength=200).astype(float) for lists in samples]
    points = np.array(
        [[list_metrics.coverage(s, 200), float(list_metrics.gini(e))] for s, e in zip(samples, exposure, strict=True)]
    )
    assert ((ends[..., 0] < points) & (points < ends[..., 1])).all()
    held = (ends[..., 0] <= points.mean(axis=0)) & (points.mean(axis=0) <= ends[..., 1])
    assert (held.mean(axis=0) >= 0.88).all()


def test_lists_that_show_nothing_have_no_interval() -> None:
    assert np.isnan(list_metrics.exposure_intervals(np.full((4, 3), NOTHING), 9, seed=1)).all()
    assert all(math.isnan(value) for value in popularity_bias(np.full((4, 3), NOTHING), np.ones(9, np.int64)))


def test_popularity_bias_is_evidentlys_and_our_formulas_for_its_intervals_are_the_same() -> None:
    rng = np.random.default_rng(2)
    lists = np.stack([rng.choice(40, 6, replace=False) for _ in range(30)])
    lists[0, 3:] = NOTHING
    listeners = rng.integers(0, 5, size=50)
    popularity, gini = popularity_bias(lists, listeners)
    assert popularity == pytest.approx(np.nanmean(list_metrics.popularity(lists, listeners)))
    exposure = np.bincount(lists[lists != NOTHING], minlength=50).astype(float)
    assert gini == pytest.approx(float(list_metrics.gini(exposure)))


def test_serendipity_is_evidentlys_where_a_list_has_one_hit_and_its_documented_mean_where_it_has_more() -> None:
    """Evidently's code takes 1 minus the *sum* of the similarities over the hits: ours, put back into theirs, is theirs."""
    rng = np.random.default_rng(3)
    genres = list_metrics.one_hot(list(rng.integers(0, 4, size=40)))
    lists = np.stack([rng.choice(40, 6, replace=False) for _ in range(25)])
    history = sp.csr_matrix((rng.random((25, 40)) < 0.2).astype(float))
    for truth in (np.eye(6, dtype=bool)[rng.integers(0, 6, size=25)], rng.random((25, 6)) < 0.4):
        ours = list_metrics.serendipity(lists, truth, history, genres)
        hits = truth.sum(axis=1)
        expected = _evidently_serendipity(lists, truth, history, genres)
        assert np.nanmean(1 - hits * (1 - ours)) == pytest.approx(expected)
        assert (np.nanmean(ours) == pytest.approx(expected)) == (hits.max() == 1)


def _evidently_serendipity(lists: np.ndarray, hit: np.ndarray, history: sp.csr_matrix, genres: sp.csr_matrix) -> float:
    from evidently import DataDefinition, Dataset, Recsys, Report
    from evidently.metrics import Serendipity

    names = [f"genre {n}" for n in range(genres.shape[1])]

    def with_genres(frame: pd.DataFrame) -> pd.DataFrame:
        frame[names] = genres.toarray()[frame["track"]]
        return frame

    n, k = lists.shape
    columns = {
        "user": np.repeat(np.arange(n), k),
        "track": lists.ravel(),
        "place": np.tile(np.arange(k) + 1, n),
        "target": hit.ravel().astype(int),
    }
    users, tracks = history.nonzero()
    ranking = Recsys(user_id="user", item_id="track", prediction="place", target="target", recommendations_type="rank")
    data = Dataset.from_pandas(with_genres(pd.DataFrame(columns)), data_definition=DataDefinition(ranking=[ranking]))
    heard = with_genres(pd.DataFrame({"user": users, "track": tracks}))
    report = Report([Serendipity(k=k, item_features=names)]).run(data, None, additional_data={"current_train_data": heard})
    return float(report.dict()["metrics"][0]["value"])


def test_hits_count_alike_with_metrics() -> None:
    truth = sp.csr_matrix(([1.0], ([0], [3])), shape=(3, 8))
    hit = metrics.hits(LISTS, truth)
    assert list_metrics.serendipity(LISTS, hit, _history({0: 1}, {}, {}, tracks=8), sp.identity(8, format="csr"))[0] == 1
