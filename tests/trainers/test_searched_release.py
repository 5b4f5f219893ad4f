"""A release with an index, from its training to the lists people get: what ScaNN finds is served as exact search would be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gold_tables import AS_OF, Gold, write_gold
from trained_home import TINY

from infra.mart.feast_apply import apply_and_materialise
from segue.dates import as_of_for_week, week_after
from segue.features import playlist_row
from segue.home import get_home
from segue.live_release import point_to
from segue.playlists import PLAYLIST_LENGTH, read_visible_week
from segue.release import release_path, verify
from segue.requests import RecommendRequest
from segue.settings import get_settings
from serving.funnel.funnel import Funnel
from serving.funnel.model import Model, load_model
from serving.live import recommender
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import command as weekly
from serving.weekly.batch import week_rows
from trainers import train
from trainers.index import IndexConfig

TRACKS, WEEK = 200, week_after(AS_OF)
HYPER = replace(TINY, index=IndexConfig(leaves_searched=0.7))
"""Two fifths of the leaves, as for a large catalogue, would be 80 tracks here, most of them heard."""


@dataclass(frozen=True)
class Searched:
    """A home whose live release has an index; `said` is what its training printed."""

    gold: Gold
    version: str
    said: str
    model: Model

    @property
    def users(self) -> list[str]:
        return sorted(self.gold.user_group)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(tmp_path_factory.mktemp("searched")))
        patch.setenv("SEGUE_EXACT_SEARCH_BELOW", str(TRACKS))
        get_settings.cache_clear()
        gold = write_gold(get_home(), users=40, tracks=TRACKS, days=21)
        apply_and_materialise(AS_OF)
        made = train.run(as_of=AS_OF, hyper=HYPER)
        point_to(made.summary["version"])
        yield Searched(gold, made.summary["version"], made.text, load_model(made.summary["version"]))
    get_settings.cache_clear()


def weekly_lists(model: Model, users: list[str]) -> list[list[str]]:
    funnel = Funnel(model, load_catalogue(as_of_for_week(WEEK)))
    return [row["track_ids"] for rows in week_rows(funnel, users, WEEK) for row in rows]


def shared(some: list[list[str]], others: list[list[str]]) -> float:
    """Share of the tracks of each list that are in the other one too, over all."""
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(some, others, strict=True)]))


def test_the_release_holds_its_index_and_training_tells_its_recall_and_what_the_gate_judges(searched: Searched) -> None:
    assert (release_path(searched.version) / "index").is_dir()
    metrics = verify(searched.version).metrics["index"]
    assert (metrics["kind"], metrics["recall_at_100"] > 0.8) == ("scann", True)
    assert "scann search (recall at 100 0." in searched.said
    assert train.GATE_IS_EXACT in searched.said


def test_weekly_playlists_over_the_index_pass_the_audit_and_are_full(searched: Searched) -> None:
    outcome = weekly.run(week=WEEK, engine="local")
    assert (outcome.exit_code, outcome.summary["shown"]) == (0, True), outcome.text
    visible = read_visible_week()
    assert visible is not None
    rows = [playlist_row(user, visible.key) for user in searched.users]
    assert {len(set(row["track_ids"])) for row in rows if row} == {PLAYLIST_LENGTH}
    assert outcome.summary["sources"]["retriever"] > 0.9 * PLAYLIST_LENGTH * len(searched.users)


def test_weekly_lists_are_close_to_those_of_exact_search_and_a_searcher_gone_wrong_shows(searched: Searched) -> None:
    exact = weekly_lists(replace(searched.model, searcher=None), searched.users)
    assert shared(weekly_lists(searched.model, searched.users), exact) > 0.85

    def farthest(queries: np.ndarray, **asked: Any) -> Any:
        numbers, similarity = searched.model.searcher.search_batched(-queries, **asked)
        return numbers, -similarity

    backwards = replace(searched.model, searcher=SimpleNamespace(search_batched=farthest))
    assert shared(weekly_lists(backwards, searched.users), exact) < 0.6


def test_a_list_for_a_moment_is_full_unheard_and_close_to_exact_search(searched: Searched) -> None:
    catalogue = load_catalogue()
    found: dict[str, list[list[str]]] = {"index": [], "exact": []}
    for user in searched.users[:10]:
        request = RecommendRequest(user_id=user, count=20)
        for name, model in (("index", searched.model), ("exact", replace(searched.model, searcher=None))):
            answer = recommender.recommend(Funnel(model, catalogue), request)
            found[name].append([track.track_id for track in answer.body.tracks])
            assert (answer.body.fallback, answer.body.release) == (None, searched.version)
            assert len(set(found[name][-1])) == 20
    assert shared(found["index"], found["exact"]) > 0.85


def test_asked_for_more_than_it_looks_at_the_index_answers_with_tracks_and_ends_with_none(searched: Searched) -> None:
    model = searched.model
    queries = model.vectors[:5]
    numbers, similarity = model.nearest(queries, 10 * TRACKS)
    assert numbers.shape == similarity.shape == (5, TRACKS)
    there = np.isfinite(similarity)
    assert 0 < there.sum() < there.size, "the index looks at some leaves only"
    for row, (which, found) in enumerate(zip(there, numbers, strict=True)):
        assert len(set(found[which])) == which.sum()
        np.testing.assert_allclose(similarity[row, which], model.vectors[found[which]] @ queries[row], atol=1e-5)
    assert (similarity[~there] == -np.inf).all()
    assert (numbers[~there] == 0).all()


@pytest.mark.parametrize("rest", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, TRACKS, 2**32 - 1])
def test_what_is_no_answer_of_a_searcher_is_no_track(searched: Searched, rest: float, place: int) -> None:
    class Short:
        def search_batched(self, queries: np.ndarray, final_num_neighbors: int) -> Any:
            numbers = np.full((len(queries), final_num_neighbors), place, dtype=np.uint32)
            similarity = np.full(numbers.shape, rest, dtype=np.float32)
            numbers[:, 0], similarity[:, 0] = 7, 0.5
            return numbers, similarity

    numbers, similarity = replace(searched.model, searcher=Short()).nearest(searched.model.vectors[:2], 3)
    assert numbers.tolist() == [[7, 0, 0]] * 2
    assert similarity.tolist() == [[0.5, -np.inf, -np.inf]] * 2
