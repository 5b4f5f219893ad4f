"""`segue bench ranker` on the checkerboard: every kind of ranker, asked as a release is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gold_tables import AS_OF
from sealed_releases import seal
from trained_home import TINY, Board, checkerboard_home

from infra import benches
from segue.errors import SegueError
from segue.home import Home, get_home
from segue.ranker.opened import TreeRanker, open_ranker
from segue.ranker.quick import QuickRanker
from trainers.benches import ranker as bench
from trainers.interactions import NOTHING

__all__ = ["checkerboard_home"]


@pytest.fixture(scope="module")
def opened() -> dict[str, Any]:
    """What the bench opened, by kind."""
    return {}


@pytest.fixture(scope="module")
def outcome(checkerboard_home: Board, opened: dict[str, Any]) -> Any:
    def noted(folder: Path, kind: str) -> Any:
        opened[kind] = open_ranker(folder, kind)
        return opened[kind]

    seal("2026-11-15-11111111")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "Hyperparameters", lambda: TINY)
        patch.setattr(bench, "open_ranker", noted)
        return benches.run(name="ranker")


def test_every_kind_stands_beside_the_retriever_with_its_interval_and_its_times(outcome: Any) -> None:
    alone, *ranked = outcome.summary["rows"]
    assert [row["model"] for row in outcome.summary["rows"]] == ["retriever alone", "network", "lambdarank", "both"]
    assert (alone["lead"], alone["lead_low"], alone["lead_high"]) == (0, 0, 0)
    for row in ranked:
        assert 0 < row["ndcg_low"] <= row["ndcg"] <= row["ndcg_high"] <= 1
        assert row["lead_low"] <= row["lead"] <= row["lead_high"]
        assert row["lead"] == pytest.approx(100 * (row["ndcg"] / alone["ndcg"] - 1), abs=0.2)
        assert min(row["one_ms"], row["batch_ms"]) > 0
    assert "one_ms" not in alone
    assert outcome.summary["as_of"] == AS_OF.isoformat()
    assert all(row["model"] in outcome.text for row in ranked)
    assert Path(outcome.summary["chart"]).read_bytes().startswith(b"\x89PNG")


def test_each_kind_is_asked_as_a_release_is_and_leaves_no_files(outcome: Any, opened: dict[str, Any]) -> None:
    assert {kind: type(ranker) for kind, ranker in opened.items()} == {
        "network": QuickRanker,
        "lambdarank": TreeRanker,
        "both": QuickRanker,
    }
    assert not [*get_home().tmp.iterdir()]


class UpsideDown:
    """A ranker that likes best what the retriever likes least, and what is no candidate most of all."""

    def encode_users(self, users: dict[str, Any]) -> dict[str, Any]:
        assert set(np.asarray(users["user_id"]).astype(str)) <= {"u0", "u1"}
        return users

    def score(self, users: Any, tracks: Any, candidates: Any, similarity: Any) -> dict[str, Any]:
        assert tracks == {"of": "the release"}
        assert len(users["user_id"]) == len(candidates) == len(similarity)
        return {"score": np.where(np.asarray(candidates) == 0, 9.0, -np.asarray(similarity))}


def test_the_lists_are_the_rankers_and_never_hold_what_was_not_retrieved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "arrays", lambda users, _: {"user_id": users["user_id"].to_numpy(str)})
    held = SimpleNamespace(users=pd.DataFrame({"user_id": ["u0", "u1"]}))
    found = np.array([[5, 3, 8], [2, 7, NOTHING]])
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.0]], np.float32)
    lists, spent = bench._ranked(UpsideDown(), {"of": "the release"}, bench.Question(held, found, scores))  # type: ignore[arg-type]
    assert lists[:, :3].tolist() == [[8, 3, 5], [7, 2, NOTHING]]
    assert (lists[:, 3:] == NOTHING).all()
    assert set(spent) == {"one_ms", "batch_ms"}


def test_without_a_release_there_is_no_day_to_take(home: Home) -> None:
    with pytest.raises(SegueError, match="Expected a release, received none"):
        benches.run(name="ranker")
