"""The kNNs of sessions and the sequential rules, against answers worked out by hand."""

from __future__ import annotations

import numpy as np

from trainers.baselines.sequential_rules import SequentialRules, SequentialRulesConfig
from trainers.baselines.session_item_knn import SessionItemKnn, SessionItemKnnConfig
from trainers.baselines.session_knn import SessionKnn, SessionKnnConfig
from trainers.sessions.next_track import accuracy, ranks_of
from trainers.sessions.session_lists import Sessions

A, B, C, D, E = range(5)
SESSIONS = Sessions.of([[A, B, C], [A, D], [B, C, C], [E]])
PLAIN = SessionKnnConfig(neighbours=10, decay=1.0, idf=0.0, norm=0.0, seen=1.0)


def scores(config: SessionKnnConfig, *prefixes: list[int]) -> np.ndarray:
    return SessionKnn(config).fit(SESSIONS, 5).scores(Sessions.of(prefixes))


def test_each_neighbour_gives_its_tracks_its_similarity() -> None:
    # After A, B: the first session shares both (2), the others one each (1); A 3, B 3, C 3, D 1 of 10.
    np.testing.assert_allclose(scores(PLAIN, [A, B])[0], [0.3, 0.3, 0.3, 0.1, 0.0], rtol=1e-6)


def test_only_the_most_similar_sessions_answer() -> None:
    one = SessionKnnConfig(neighbours=1, decay=1.0, idf=0.0, norm=0.0, seen=1.0)
    np.testing.assert_allclose(scores(one, [A, B])[0], [1 / 3, 1 / 3, 1 / 3, 0, 0], rtol=1e-6)


def test_an_older_play_weighs_less_and_a_track_heard_already_counts_as_told() -> None:
    # D's only neighbour weighs 1/2 (one play ago), B's two weigh 1: A 1.5, B 2, C 2, D 0.5; seen ones are dropped.
    config = SessionKnnConfig(neighbours=10, decay=0.0, idf=0.0, norm=0.0, seen=0.0)
    np.testing.assert_allclose(scores(config, [D, B])[0], [1.5 / 3.5, 0, 2 / 3.5, 0, 0], rtol=1e-6)


def test_a_rare_track_and_a_short_neighbour_weigh_more() -> None:
    config = SessionKnnConfig(neighbours=10, decay=1.0, idf=1.0, norm=1.0, seen=1.0)
    # After A: sessions of 3 and 2 tracks, so 1/3 and 1/2 of the same idf.
    np.testing.assert_allclose(scores(config, [A])[0] * (3 / 3 + 2 / 2), [5 / 6, 1 / 3, 1 / 3, 1 / 2, 0], rtol=1e-6)


def test_of_equal_sessions_the_later_one_answers_and_an_old_one_weighs_less() -> None:
    sessions = Sessions.of([[A, B], [A, C]])
    one = SessionKnn(SessionKnnConfig(neighbours=1, seen=0.0)).fit(sessions, 3)
    np.testing.assert_allclose(one.scores(Sessions.of([[A]]))[0], [0, 0, 1], rtol=1e-6)
    half = SessionKnn(SessionKnnConfig(half_life=1.0, seen=0.0)).fit(sessions, 3)
    np.testing.assert_allclose(half.scores(Sessions.of([[A]]))[0], [0, 1 / 3, 2 / 3], rtol=1e-6)


def test_a_session_nobody_knows_has_no_scores() -> None:
    assert not scores(PLAIN, [], [9], [-1]).any()
    assert not SessionItemKnn().fit(SESSIONS, 5).scores(Sessions.of([[], [9]])).any()


def test_item_neighbours_are_cosines_of_shared_sessions() -> None:
    config = SessionItemKnnConfig(neighbours=10, shrinkage=0.0, decay=1.0, seen=0.0)
    found = SessionItemKnn(config).fit(SESSIONS, 5).scores(Sessions.of([[B]]))[0]
    # B and C share 2 sessions of 2 and 2: 1; B and A share 1 of 2 and 2: 1/2.
    np.testing.assert_allclose(found, [1 / 3, 0, 2 / 3, 0, 0], rtol=1e-6)


def test_shrinkage_doubts_what_was_seen_once() -> None:
    config = SessionItemKnnConfig(neighbours=10, shrinkage=2.0, decay=1.0, seen=0.0)
    found = SessionItemKnn(config).fit(SESSIONS, 5).scores(Sessions.of([[A]]))[0]
    # B: 1 / (2 + 2), C the same, D: 1 / (sqrt(2) + 2).
    np.testing.assert_allclose(found[3] / found[1], 4 / (np.sqrt(2) + 2), rtol=1e-5)


def test_rules_count_what_followed_and_nearer_successors_more() -> None:
    config = SequentialRulesConfig(reach=2, shrinkage=0.0, decay=1.0, seen=0.0)
    found = SequentialRules(config).fit(SESSIONS, 5).scores(Sessions.of([[A]]))[0]
    # After A came B and D next (1 each), and C two plays later (1/2).
    np.testing.assert_allclose(found, [0, 1 / 2.5, 0.5 / 2.5, 1 / 2.5, 0], rtol=1e-6)


def test_places_count_from_one_and_equal_scores_stand_by_number() -> None:
    held = np.array([[0.5, 0.5, 0.2], [0.5, 0.5, 0.2], [0.1, 0.9, 0.0], [0.1, 0.9, 0.0]], np.float32)
    places = ranks_of(held, np.array([1, 0, 2, -1]))
    assert places[:2].tolist() == [2, 1]
    assert (places[2:] > 1_000).all()


def test_hit_rate_and_mrr_are_means_over_prefixes() -> None:
    model = SessionKnn(SessionKnnConfig(neighbours=10, decay=1.0, idf=0.0, norm=0.0, seen=0.0)).fit(SESSIONS, 5)
    found = accuracy(model.scores, Sessions.of([[B], [A], [E]]), np.array([A, D, A]), 5, k=3)
    # After B: C 2, A 1, so A is second; after A: B, C and D 1 each, so D is third; after E: nothing.
    assert found.hit_rate == 2 / 3
    np.testing.assert_allclose(found.mrr, (1 / 2 + 1 / 3) / 3)
