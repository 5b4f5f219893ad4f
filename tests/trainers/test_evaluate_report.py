"""What an evaluation says: slices, intervals, verdicts and the chart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from evaluated_world import Knows, catalogue_of, gold, models_of, world

from segue.errors import SegueError
from segue.home import Home
from segue.live_release import point_to
from segue.release import evaluation_path
from trainers import loading
from trainers.evaluation import evaluate, gate, heldout
from trainers.evaluation import result as evaluation
from trainers.evaluation.charts import chart
from trainers.evaluation.measures import MEASURES
from trainers.examples import Catalogue

__all__ = ["gold", "world"]


def test_slices_cover_every_territory(world: Home) -> None:
    evaluate.run(version="good")
    report = json.loads(evaluation_path("good").read_bytes())
    territories = {row["slice"]: row for row in report["slices"] if row["slice"].startswith("territory")}
    assert set(territories) == {"territory DE", "territory SE"}
    assert sum(row["users"] for row in territories.values()) == report["users"]
    assert set(territories["territory DE"]["ndcg"]) == {row["model"] for row in report["models"]}


def test_every_measure_has_a_value_within_its_interval(world: Home) -> None:
    evaluate.run(version="good")
    for row in models_of("good").values():
        for measure in MEASURES:
            assert row[f"{measure.name}_low"] <= row[measure.name] <= row[f"{measure.name}_high"], (row["model"], measure.name)


def test_a_source_without_genres_and_artists_gets_dashes_and_no_nan(world: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(instant: datetime) -> Catalogue:
        known = catalogue_of(instant)
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
    assert models_of("good")["funnel"]["calibration"] is None
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
