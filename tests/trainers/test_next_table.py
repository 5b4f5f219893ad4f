"""The table of `segue bench next`: shares by session, their intervals, and when ours is called better."""

from __future__ import annotations

import numpy as np

from trainers.benches.next_table import Shares, rows_of
from trainers.sessions.next_track import NO_PLACE
from trainers.sessions.session_lists import Sessions
from trainers.sessions.shared_sessions import SharedSessions


def test_the_means_over_sessions_are_those_over_prefixes() -> None:
    shares = Shares.of(np.array([1, 2, NO_PLACE, 4, 30]), np.array([0, 0, 0, 7, 9]), 20)
    assert len(shares.mrr) == 3
    np.testing.assert_allclose([shares.hit_rate.mean(), shares.mrr.mean()], [3 / 5, (1 + 1 / 2 + 1 / 4) / 5])


def test_ours_is_better_only_where_the_interval_says_so() -> None:
    rng = np.random.default_rng(17)
    places = rng.integers(1, 60, 900)
    models = {"far behind": places + 20, "as good": rng.permutation(places), "ours": places}
    behind, equal, ours = rows_of(models, np.arange(900) // 3, 20)
    assert behind["ours_better_hit_rate"] == behind["ours_better_mrr"] == "yes"
    assert equal["ours_better_hit_rate"] == "unsure"
    assert ours["ours_better_hit_rate"] is None
    assert ours["hit_rate_low"] < ours["hit_rate"] < ours["hit_rate_high"]


def test_a_handful_of_sessions_proves_nothing() -> None:
    few = np.arange(10)
    assert rows_of({"theirs": np.full(10, NO_PLACE), "ours": np.ones(10, np.int64)}, few, 20)[0]["ours_better_mrr"] == "unsure"


def test_pairs_count_the_sessions_they_share_and_a_short_session_has_no_second_end() -> None:
    shared = SharedSessions().fit(Sessions.of([[0, 1, 1], [0, 1], [2]]), 3)
    last, before = shared.with_ends(np.array([[0, 1, -1], [0, -1, -1], [-1, -1, -1]]))
    assert last.tolist() == [[2, 2, 0], [2, 2, 0], [0, 0, 0]]
    assert before.tolist() == [[2, 2, 0], [0, 0, 0], [0, 0, 0]]
