"""`segue evaluate` on the checkerboard, with releases that know the answer, know nothing, or know too much."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from gold_tables import AS_OF, GENRES, write_gold
from sealed_releases import FINGERPRINT, seal

from segue.dates import end_of
from segue.errors import SegueError
from segue.home import Home
from segue.live_release import point_to
from segue.names import Table
from segue.release import evaluation_path
from segue.settings import get_settings
from trainers import examples, loading
from trainers.evaluation import contenders, evaluate, gate, heldout, list_metrics, scoreboard
from trainers.evaluation import result as evaluation
from trainers.evaluation.charts import chart
from trainers.evaluation.measures import MEASURES
from trainers.examples import Catalogue
from trainers.loading import Ranked


class Knows:
    """A release whose towers point at the group of the user (even or odd number) and of the track, `share` of the time;
    its ranker puts the tracks it retrieved first last when `upside_down`."""

    def __init__(self, share: float = 1.0, *, upside_down: bool = False) -> None:
        self.share, self.upside_down = share, upside_down

    def query(self, users: dict[str, pd.Series]) -> np.ndarray:
        groups = users["user_id"].str[1:].astype(int).to_numpy() % 2
        told = np.where(np.arange(len(groups)) < self.share * len(groups), groups, 1 - groups)
        return np.eye(2, dtype=np.float32)[told]

    def track_vectors(self, tracks: dict[str, pd.Series]) -> np.ndarray:
        return np.eye(2, dtype=np.float32)[(tracks["genre"] == GENRES[1]).astype(int)]

    def rank(self, *about: object) -> Ranked:
        scores = np.asarray(about[-1])
        return Ranked(-scores if self.upside_down else scores, np.zeros((*scores.shape, 3), np.float32))


RELEASES = {
    "good": Knows(),
    "live": Knows(0.75),
    "bad-ranker": Knows(upside_down=True),
}


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Home:
    written = Home(tmp_path_factory.mktemp("gold"))
    write_gold(written)
    return written


@pytest.fixture
def world(home: Home, gold: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Gold tables and three sealed releases; features are read from the tables without the feature store."""
    home.root.mkdir()
    home.features.symlink_to(gold.features)
    for version in RELEASES:
        seal(version)
    monkeypatch.setattr(loading, "load", RELEASES.__getitem__)
    monkeypatch.setattr(heldout, "catalogue_at", _catalogue)
    monkeypatch.setattr(examples, "training_frame", lambda _, rows: rows.assign(**dict.fromkeys(examples.SOURCED)))
    monkeypatch.setattr(heldout, "users_at", lambda ids, _: pd.DataFrame({"user_id": list(ids)}))
    monkeypatch.setattr(evaluate, "fingerprint", Mock(return_value=FINGERPRINT))
    monkeypatch.setattr(evaluate, "shared_store", Mock())
    monkeypatch.setattr(evaluate, "chart", Mock(return_value=b"a picture"))
    monkeypatch.setattr(scoreboard, "popularity_bias", _popularity_bias)
    return home


def _popularity_bias(lists: np.ndarray, listeners: np.ndarray) -> tuple[float, float]:
    """What Evidently finds, as test_list_metrics shows, without the seconds it takes to be imported."""
    exposure = np.bincount(lists[lists >= 0], minlength=len(listeners)).astype(float)
    return float(np.nanmean(list_metrics.popularity(lists, listeners))), float(list_metrics.gini(exposure))


def _catalogue(instant: datetime) -> Catalogue:
    from segue.home import get_home

    day = (instant - timedelta(days=1)).date()
    frame = pd.read_parquet(get_home().table(Table.TRACK_FEATURES) / f"day={day}" / "data.parquet")
    frame = frame.drop(columns="event_timestamp")
    return Catalogue(frame, ("DE", "SE"), np.zeros((3, len(frame), 2), np.float32))


def _models(version: str) -> dict[str, dict[str, float]]:
    return {row["model"]: row for row in json.loads(evaluation_path(version).read_bytes())["models"]}


def test_the_table_has_the_candidate_and_the_baselines_and_knowledge_wins(world: Home) -> None:
    outcome = evaluate.run(version="good")
    models = _models("good")
    assert list(models) == ["retriever", "funnel", "popular", "item-kNN", "iALS"]
    assert models["funnel"]["ndcg"] > models["popular"]["ndcg"]
    assert models["funnel"]["ndcg_low"] < models["funnel"]["ndcg"] < models["funnel"]["ndcg_high"]
    assert {row["users"] for row in models.values()} == {outcome.summary["users"]}
    assert all(name in outcome.text for name in models)
    assert "there is no live release yet" in outcome.text


def test_the_live_release_is_asked_the_same_users_with_its_own_towers(world: Home) -> None:
    point_to("live")
    evaluate.run(version="good")
    models = _models("good")
    assert list(models)[:3] == ["retriever", "funnel", "live funnel"]
    assert models["live funnel"]["ndcg"] < models["funnel"]["ndcg"]
    assert models["live funnel"]["users"] == models["funnel"]["users"]
    _, users = evaluation.read("good")
    assert users["live funnel"].mean() == pytest.approx(models["live funnel"]["ndcg"])


def test_a_bad_ranker_shows_in_the_funnel_and_not_in_the_retriever(world: Home) -> None:
    evaluate.run(version="bad-ranker")
    models = _models("bad-ranker")
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


def test_slices_cover_every_territory(world: Home) -> None:
    evaluate.run(version="good")
    report = json.loads(evaluation_path("good").read_bytes())
    territories = {row["slice"]: row for row in report["slices"] if row["slice"].startswith("territory")}
    assert set(territories) == {"territory DE", "territory SE"}
    assert sum(row["users"] for row in territories.values()) == report["users"]
    assert set(territories["territory DE"]["ndcg"]) == {row["model"] for row in report["models"]}


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
    assert "live funnel" not in _models("good")
    assert "the live release has seen the held-out days" in outcome.text


def test_a_live_release_on_other_feature_views_is_left_out_with_a_note(world: Home) -> None:
    seal("other", fingerprint="e" * 64)
    point_to("other")
    assert "trained on other feature views" in evaluate.run(version="good").text


def test_the_live_release_evaluated_again_is_not_compared_with_itself(world: Home) -> None:
    point_to("good")
    assert "it is the live release itself" in evaluate.run(version="good").text


def test_an_unknown_version_is_refused(world: Home) -> None:
    with pytest.raises(SegueError, match="run `segue releases`"):
        evaluate.run(version="nothing")


def test_a_release_is_asked_about_a_cutoff_it_was_trained_through(world: Home) -> None:
    evaluate.run(version="good")
    report = json.loads(evaluation_path("good").read_bytes())
    assert report["cutoff"] == (end_of(AS_OF) - timedelta(days=7)).isoformat()
    assert Path(evaluation_path("good")).name == "good.json"


def test_every_measure_has_a_value_within_its_interval(world: Home) -> None:
    evaluate.run(version="good")
    for row in _models("good").values():
        for measure in MEASURES:
            assert row[f"{measure.name}_low"] <= row[measure.name] <= row[f"{measure.name}_high"], (row["model"], measure.name)


def test_a_source_without_genres_and_artists_gets_dashes_and_no_nan(world: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(instant: datetime) -> Catalogue:
        known = _catalogue(instant)
        return Catalogue(known.frame.assign(genre_of_test=known.frame["genre"]), known.territories, known.popularity)

    class Bare(Knows):
        def track_vectors(self, tracks: dict[str, pd.Series]) -> np.ndarray:
            return super().track_vectors({"genre": tracks["genre_of_test"]})

    monkeypatch.setattr(loading, "load", lambda version: Bare())
    monkeypatch.setattr(
        heldout,
        "catalogue_at",
        lambda instant: Catalogue(
            bare(instant).frame.assign(genre=None, artist_id=None), ("DE", "SE"), bare(instant).popularity
        ),
    )
    outcome = evaluate.run(version="good")
    assert _models("good")["funnel"]["calibration"] is None
    assert b"NaN" not in evaluation_path("good").read_bytes()
    assert "no genres, no artists" in outcome.text
    assert chart(json.loads(evaluation_path("good").read_bytes())).startswith(b"\x89PNG")


def test_the_table_and_the_gate_say_the_same_of_the_live_release_and_of_popularity(world: Home) -> None:
    for live, version in (("live", "good"), ("good", "bad-ranker")):
        point_to(live)
        evaluate.run(version=version)
        report, users = evaluation.read(version)
        told = {row["than"]: row["verdict"] for row in report["comparisons"] if row["model"] == "funnel"}
        checks = {check.name: check.passed for check in gate.judge(report, users, gate.GateRule())}
        assert checks["popularity"] == (told["popular"] == "yes")
        assert checks["live"] == (told["live funnel"] != "no, worse")
        assert f"better than {evaluation.LIVE_FUNNEL}?" in evaluation.as_text(report)


@pytest.mark.parametrize("count", [1, 5])
def test_a_question_to_few_users_is_answered_with_unsure(world: Home, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    asked = heldout.held_out

    def few(split: object) -> heldout.HeldOut:
        held = asked(split)
        return replace(
            held,
            user_ids=held.user_ids[:count],
            users=held.users[:count],
            asked=held.asked[:count],
            first_seen=held.first_seen[:count],
            territories=held.territories[:count],
            truth=held.truth[:count],
            heard=held.heard[:count],
        )

    monkeypatch.setattr(evaluate, "held_out", few)
    outcome = evaluate.run(version="good")
    report = json.loads(evaluation_path("good").read_bytes())
    assert {row["verdict"] for row in report["comparisons"]} == {"unsure"}
    assert {row["funnel_beside_ials"]["verdict"] for row in report["slices"]} == {"unsure"}
    assert all(row["ndcg_low"] is None for row in report["models"])
    assert f"that takes 30 users, and {count} could be asked" in outcome.text
    assert b"NaN" not in evaluation_path("good").read_bytes()
    assert chart(report).startswith(b"\x89PNG")


def test_the_chart_is_kept_beside_the_report_and_named(world: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "chart", chart)
    outcome = evaluate.run(version="good")
    path = evaluation.chart_path("good")
    assert path.parent == evaluation_path("good").parent
    assert path.read_bytes().startswith(b"\x89PNG")
    assert outcome.summary["chart"] == str(path)
    assert str(path) in outcome.text


def test_a_run_killed_while_it_writes_the_chart_leaves_no_evaluation(world: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(evaluate, "chart", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            evaluate.run(version="good")
    assert not evaluation_path("good").parent.exists()
    evaluate.run(version="good")
    evaluation._users_path("good").write_bytes(b"of a run that was killed before its report")
    with pytest.raises(SegueError, match="received half of one"):
        evaluation.read("good")
