"""`segue evaluate` on the checkerboard: who is asked what, what is refused, and what a killed run leaves."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from evaluated_world import RELEASES, gold, models_of, world
from gold_tables import AS_OF
from sealed_releases import seal

from segue.dates import end_of
from segue.errors import SegueError
from segue.home import Home
from segue.live_release import point_to
from segue.release import evaluation_path
from segue.settings import get_settings
from trainers.evaluation import contenders, evaluate, heldout
from trainers.evaluation import result as evaluation

__all__ = ["gold", "world"]


def test_the_table_has_the_candidate_and_the_baselines_and_knowledge_wins(world: Home) -> None:
    outcome = evaluate.run(version="good")
    models = models_of("good")
    assert list(models) == ["retriever", "funnel", "popular", "item-kNN", "iALS"]
    assert models["funnel"]["ndcg"] > models["popular"]["ndcg"]
    assert models["funnel"]["ndcg_low"] < models["funnel"]["ndcg"] < models["funnel"]["ndcg_high"]
    assert {row["users"] for row in models.values()} == {outcome.summary["users"]}
    assert all(name in outcome.text for name in models)
    assert "there is no live release yet" in outcome.text


def test_the_live_release_is_asked_the_same_users_with_its_own_towers(world: Home) -> None:
    point_to("live")
    evaluate.run(version="good")
    models = models_of("good")
    assert list(models)[:3] == ["retriever", "funnel", "live funnel"]
    assert models["live funnel"]["ndcg"] < models["funnel"]["ndcg"]
    assert models["live funnel"]["users"] == models["funnel"]["users"]
    _, users = evaluation.read("good")
    assert users["live funnel"].mean() == pytest.approx(models["live funnel"]["ndcg"])


def test_a_bad_ranker_shows_in_the_funnel_and_not_in_the_retriever(world: Home) -> None:
    evaluate.run(version="bad-ranker")
    models = models_of("bad-ranker")
    assert models["funnel"]["ndcg"] < models["retriever"]["ndcg"] / 2


def test_no_list_shows_what_the_user_had_heard(world: Home) -> None:
    held = heldout.held_out(evaluate.split_at(AS_OF, 7))
    found, scores = contenders.retrieve(RELEASES["good"], held)
    best = contenders.rank(RELEASES["good"], held, found, scores, 30)
    for lists in (found, best):
        shown = lists >= 0
        rows = np.nonzero(shown)[0]
        assert not held.heard[rows, lists[shown]].any()
    assert (best[:, :30] >= 0).all()


def test_retrieved_scores_are_the_dot_products_of_the_tracks_they_stand_beside(world: Home) -> None:
    held = heldout.held_out(evaluate.split_at(AS_OF, 7))
    found, scores = contenders.retrieve(RELEASES["good"], held, k=40)
    tracks = RELEASES["good"].track_vectors({"genre": held.catalogue.frame["genre"]})
    queries = RELEASES["good"].query({"user_id": held.users["user_id"]})
    np.testing.assert_allclose(scores[5], tracks[found[5]] @ queries[5])


def test_evaluating_again_gives_the_same_bytes(world: Home) -> None:
    evaluate.run(version="good")
    before = evaluation_path("good").read_bytes()
    evaluate.run(version="good")
    assert evaluation_path("good").read_bytes() == before


def test_a_run_killed_between_its_two_files_leaves_no_evaluation(world: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate.run(version="good")
    whole = evaluation_path("good").read_bytes()
    evaluation_path("good").unlink()
    with monkeypatch.context() as killed:
        killed.setattr(evaluation, "write_json", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            evaluate.run(version="good")
    with pytest.raises(SegueError, match="an evaluation of release good, received none"):
        evaluation.read("good")
    evaluate.run(version="good")
    assert evaluation_path("good").read_bytes() == whole


def test_a_release_that_has_seen_the_held_out_days_is_refused(world: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_HOLDOUT_DAYS", "9")
    get_settings.cache_clear()
    with pytest.raises(SegueError, match="SEGUE_HOLDOUT_DAYS it was trained with"):
        evaluate.run(version="good")


def test_a_live_release_that_has_seen_the_held_out_days_is_left_out_with_a_note(world: Home) -> None:
    seal("newer", as_of=AS_OF + timedelta(days=3))
    point_to("newer")
    outcome = evaluate.run(version="good")
    assert "live funnel" not in models_of("good")
    assert "the live release has seen the held-out days" in outcome.text


def test_a_live_release_on_other_feature_views_is_left_out_with_a_note(world: Home) -> None:
    seal("other", fingerprint="e" * 64)
    point_to("other")
    assert "trained on other feature views" in evaluate.run(version="good").text


def test_the_live_release_evaluated_again_is_not_compared_with_itself(world: Home) -> None:
    point_to("good")
    assert "it is the live release itself" in evaluate.run(version="good").text


def test_an_unknown_version_is_refused(world: Home) -> None:
    with pytest.raises(SegueError, match="a version that `segue releases` lists, received 'nothing'"):
        evaluate.run(version="nothing")


def test_a_release_is_asked_about_a_cutoff_it_was_trained_through(world: Home) -> None:
    evaluate.run(version="good")
    report = json.loads(evaluation_path("good").read_bytes())
    assert report["cutoff"] == (end_of(AS_OF) - timedelta(days=7)).isoformat()
    assert Path(evaluation_path("good")).name == "good.json"


def test_the_logs_are_asked_about_the_settings_of_the_release_and_about_those_given(
    world: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(evaluate, "exploration_report", lambda targets: asked.append(targets))
    evaluate.run(version="good")
    evaluate.run(version="good", policy='{"explore_floor": 0.5}')
    assert "this release" in asked[0]
    assert set(asked[1]) - set(asked[0]) == {"--policy"}


def test_a_policy_that_is_none_is_refused_before_anything_is_asked(world: Home) -> None:
    with pytest.raises(SegueError, match="--policy to hold settings of the policy"):
        evaluate.run(version="good", policy='{"explore_floor": 3}')
