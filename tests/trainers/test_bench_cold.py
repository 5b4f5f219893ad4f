"""`segue bench cold` on the checkerboard, whose releases one half of the listeners hears, and on made-up figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from gold_tables import AS_OF
from trained_home import SPLIT, TINY, Board, checkerboard_home

from segue.errors import SegueError
from segue.stage import Progress
from serving.tracks.gold_catalogue import load_catalogue
from trainers.benches import cold as bench_cold
from trainers.benches import cold_models, cold_table, strangers
from trainers.benches.cold import FUNNEL, GENRE, STARTS
from trainers.benches.cold_models import ColdConfig
from trainers.benches.cold_table import Found
from trainers.evaluation.heldout import held_out
from trainers.examples import users_at
from trainers.inputs import SOURCED
from trainers.interactions import best_first

__all__ = ["checkerboard_home"]

HALVES = np.tile([0.0, 1.0], 50)


def _with_the_history_of_those_who_played(
    listens: pd.DataFrame, users: Sequence[str], cutoff: datetime, plays: Sequence[int]
) -> dict[int, pd.DataFrame]:
    """Stands for `strangers.rows_after`, whose stages take a minute: nothing is known after 0 plays, all after any."""
    known = users_at(users, cutoff)
    unknown = users_at([f"{user}~0" for user in users], cutoff).assign(territory=known["territory"])
    return {n: known.assign(user_id=[f"{user}~{n}" for user in users]) if n else unknown for n in plays}


@pytest.fixture(scope="module")
def outcome(checkerboard_home: Board) -> Any:
    study = replace(
        bench_cold.study_of(AS_OF),
        sources={"none": (), "all": SOURCED},
        hyper=replace(TINY, retriever=replace(TINY.retriever, fewest_steps=60)),
        config=ColdConfig(k=30, few=2, length=10, plays=(0, 3)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strangers, "rows_after", _with_the_history_of_those_who_played)
        return bench_cold.measured(study, Progress("bench cold"))


def test_every_source_is_beside_popularity_by_genre_with_its_interval(outcome: Any) -> None:
    rows = {row["source"]: row for row in outcome.summary["tracks"]}
    assert list(rows) == [GENRE, STARTS, "none", "all", FUNNEL]
    assert rows[GENRE]["times"] == pytest.approx(1.0)
    assert {row["tracks"] for row in rows.values()} <= {2, 3, 4}
    for row in rows.values():
        assert row["recall_low"] <= row["recall"] <= row["recall_high"]
    assert rows["none"]["among_releases"] > 0.8  # two of the four releases are those of the listener's half


def test_a_listener_with_a_history_is_served_better_than_one_without(outcome: Any) -> None:
    before, after = outcome.summary["users"]
    assert (before["plays"], after["plays"]) == (0, 3)
    assert before["beside_before"] is None
    assert after["ndcg"] > 1.2 * before["ndcg"]


def test_the_ranker_orders_what_the_retriever_finds_for_releases_and_for_newcomers(outcome: Any) -> None:
    rows, (before, after) = {row["source"]: row for row in outcome.summary["tracks"]}, outcome.summary["users"]
    assert rows[FUNNEL]["among_releases"] > 0.8
    assert rows[FUNNEL]["ndcg_low"] <= rows[FUNNEL]["ndcg"] <= rows[FUNNEL]["ndcg_high"]
    assert before["ranked"] is None  # who has played nothing gets the chart
    assert after["ranked"] > 1.2 * before["ndcg"]
    assert after["beside_unranked"]["verdict"] in {"yes", "unsure", "no, worse"}


def test_a_track_that_is_no_candidate_has_no_place_in_the_rankers_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranker of this test turns the retriever's order round."""
    monkeypatch.setattr(cold_models, "CANDIDATES", 2)
    monkeypatch.setattr(cold_models, "ranker_tracks", lambda *_: {})
    monkeypatch.setattr(cold_models, "arrays", lambda *_: {})
    ranker = SimpleNamespace(
        inputs=SimpleNamespace(read_users=lambda read: read),
        user_half=lambda read: read,
        scored=lambda users, tracks, found, scores: {"score": -scores},
    )
    fitted: Any = SimpleNamespace(ranker=ranker)
    held: Any = SimpleNamespace(catalogue=None)
    heard = sp.csr_matrix(np.array([[1, 0, 0, 0], [0, 1, 1, 1]]))
    scores = np.array([[4, 3, 2, 1], [1, 2, 3, 4]], np.float32)
    found = cold_models.funnel_scores(fitted, pd.DataFrame(index=range(2)), held, scores, heard)
    assert found.tolist() == [[-np.inf, -3, -2, -np.inf], [-1, -np.inf, -np.inf, -np.inf]]


def test_the_chart_and_the_table_are_there(outcome: Any, checkerboard_home: Board) -> None:
    assert (checkerboard_home.root / "reports" / "benches" / "cold.png").stat().st_size > 10_000
    assert "popular-in-territory" in outcome.text
    assert outcome.summary["as_of"] == AS_OF.isoformat()


def test_a_week_without_a_release_is_refused_with_a_sentence(checkerboard_home: Board) -> None:
    held = held_out(SPLIT)
    with pytest.raises(SegueError, match="nobody who heard one of them"):
        bench_cold._track_rows({}, held, np.zeros(held.tracks, bool), ColdConfig())


def test_a_source_that_is_left_out_is_null_and_the_others_stay() -> None:
    frame = pd.DataFrame({name: [1.0] for name in SOURCED})
    left = cold_models.only(frame, cold_models.SOURCES["artist"]).notna().iloc[0]
    assert set(left[left].index) == {"artist_vector", "artist_plays"}


def _row(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    found = {"genre": Found(*[theirs] * 3), "none": Found(*[theirs] * 3), "ours": Found(*[ours] * 3)}
    return cold_table.track_rows(found, beside="genre", without="none")[2]


def test_three_times_the_recall_is_three_times_in_every_draw_and_better() -> None:
    row = _row(0.3 + 0.3 * HALVES, 0.1 + 0.1 * HALVES)
    assert [row[end] for end in ("times", "times_low", "times_high")] == pytest.approx([3.0] * 3)
    assert row["better"] == "yes"


def test_the_same_recall_in_other_users_is_not_called_better() -> None:
    row = _row(HALVES, 1 - HALVES)
    assert row["times"] == pytest.approx(1.0)
    assert row["times_low"] < 1 < row["times_high"]
    assert row["better"] == "unsure"


def test_popularity_that_finds_nothing_gives_no_ratio() -> None:
    assert _row(HALVES, 0 * HALVES)["times"] is None


def test_a_step_that_gains_nothing_is_not_called_better() -> None:
    rows = cold_table.user_rows({0: 0.2 * HALVES, 1: 0.2 + 0.2 * HALVES, 3: 0.2 + 0.2 * HALVES}, {}, 0.2 * HALVES)
    assert [(row["beside_before"] or {}).get("verdict") for row in rows] == [None, "yes", "unsure"]
    assert [row["beside_popular"]["verdict"] for row in rows] == ["unsure", "yes", "yes"]


def test_who_has_played_nothing_gets_the_chart_that_is_served(checkerboard_home: Board) -> None:
    held, served = held_out(SPLIT), load_catalogue((SPLIT.cutoff - timedelta(days=1)).date())
    places = [*sorted(served.territory_plays), "nowhere"]
    scores = bench_cold._chart(pd.DataFrame({"territory": places}), held)
    assert served.territory_plays
    for place, score in zip(places, scores, strict=True):
        chart = served.popular(place)
        best = best_first(score[None].copy(), len(chart.order))[0]
        assert [held.catalogue.track_ids[row] for row in best] == list(served.ids[chart.order])
    monthly = replace(served, lately=np.ones(1, np.float32), _popular={})
    assert any((monthly.popular(place).order != served.popular(place).order).any() for place in places)
