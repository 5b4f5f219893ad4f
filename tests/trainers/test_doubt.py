"""Who is hardly known is ranked nearly as the retriever would; how nearly, lists for listeners as they once were say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plain_examples import rows, track_ids
from ranker_suite import TRACKS, USERS, catalogue, inputs, lists
from test_ranker import fitted_network
from test_ranker_pair import pair_of
from test_trees import FEW
from trained_home import SPLIT, Board, checkerboard_home

from segue.ranker.crosses import WIDTH
from segue.ranker.opened import PairedRanker, TreeRanker, open_ranker
from trainers.examples import users_at
from trainers.gold import read_labels
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.newcomers import when_new
from trainers.ranker.doubt import DoubtConfig, doubt_in
from trainers.ranker.lists import Lists
from trainers.ranker.trees import TreeLists

__all__ = ["checkerboard_home"]

PLAYS = (0, 1, 5, 200)
DOUBT, BELIEF = 6.0, np.array([1 / 37, 4 / 40, 36 / 72, 201**2 / (201**2 + 36)])
"""By hand: the squares of one more than the plays, and of the doubt."""
RETRIEVED = np.tile(np.random.default_rng(11).permutation(TRACKS).astype(np.float32) / TRACKS, (len(PLAYS), 1))
CANDIDATES = np.tile(np.arange(TRACKS, dtype=np.int32), (len(PLAYS), 1))
KINDS: dict[str, Callable[[], Any]] = {
    "network": lambda: fitted_network(lists()),
    "both": lambda: pair_of(lists(), 0.5),
    "lambdarank": lambda: TreeLists(inputs(), lists(), catalogue(), FEW, seed=17).fitted(),
}


def _listeners() -> dict[str, Any]:
    """One after each number of `PLAYS`, all of whom know a0 alone."""
    recent = [[track_ids(TRACKS)[2 * (n % (TRACKS // 2))] for n in range(plays)] for plays in PLAYS]
    told: dict[str, Any] = {"top_artists": [["a0"]] * len(PLAYS), "top_artist_shares": [[1.0]] * len(PLAYS)}
    frame = rows(RANKER_USERS, len(PLAYS), territory=["DE"] * len(PLAYS), recent_tracks=recent, **told)
    return constants(arrays(frame, RANKER_USERS))


def _scores(ranker: Any, doubt: float, retrieved: np.ndarray) -> np.ndarray:
    """What a ranker with so much `doubt` gives every track for each of the listeners, who were retrieved the same."""
    ranker.inputs.doubt.assign(doubt)
    people = ranker.user_half(ranker.inputs.read_users(_listeners()))
    read = ranker.inputs.read_tracks(constants(arrays(catalogue().frame, RANKER_TRACKS)))
    tracks = ranker.layout.packed(ranker.track_half(read)) | {"territory": constant(catalogue().popularity)}
    return np.asarray(ranker.scored(people, tracks, constant(CANDIDATES), constant(retrieved))["score"])


def _opened_scores(folder: Path, kind: str, retrieved: np.ndarray) -> np.ndarray:
    opened = open_ranker(folder, kind)
    tracks = dict(opened.encode_tracks(constants(arrays(catalogue().frame, RANKER_TRACKS))))
    tracks |= {"territory": constant(catalogue().popularity)}
    return np.asarray(opened.score(opened.encode_users(_listeners()), tracks, CANDIDATES, retrieved)["score"])


def _as_retrieved(scores: np.ndarray) -> np.ndarray:
    """How much each listener's order is the retriever's: the correlation of their places."""
    places = np.argsort(np.argsort(scores, axis=1), axis=1)
    return np.array([np.corrcoef(own, np.argsort(np.argsort(RETRIEVED[0])))[0, 1] for own in places])


@pytest.mark.parametrize("kind", KINDS)
def test_who_played_once_is_ranked_nearly_as_retrieved_and_who_is_known_as_without_doubt(kind: str, tmp_path: Path) -> None:
    ranker = KINDS[kind]()
    retrieved = RETRIEVED * np.float32(0.05 if kind == "lambdarank" else 1.0)  # trees alone add little here
    without, found = _scores(ranker, 0.0, retrieved), _scores(ranker, DOUBT, retrieved)
    away = (retrieved - retrieved.max(axis=1, keepdims=True)) * 10.0  # the suite's scale
    np.testing.assert_allclose(found, away + BELIEF[:, None] * (without - away), atol=1e-4)
    assert (_as_retrieved(without) < 0.9).all(), "nothing else keeps the retriever's order"
    near = _as_retrieved(found)
    assert near[1] > 0.95
    assert near[1] > near[-1] + 0.05
    ranker.save(tmp_path)
    np.testing.assert_allclose(_opened_scores(tmp_path, kind, retrieved), found, atol=1e-3)


def test_a_release_that_was_made_without_doubt_is_asked_as_it_was() -> None:
    """Its encoded listeners tell nothing of belief."""
    begins, adds = np.random.default_rng(5).random((2, 2, TRACKS), np.float32)
    frame = np.concatenate([begins[..., None], adds[..., None], np.ones((2, TRACKS, WIDTH + 2), np.float32)], axis=2)
    model = SimpleNamespace(score=lambda *_: {"score": begins}, frame=lambda *_: constant(frame), weight=0.5)
    asked = {"territory": np.zeros(2, np.int32)}, {}, CANDIDATES[:2], RETRIEVED[:2]
    for kind, weight in ((PairedRanker, 0.5), (TreeRanker, 1.0)):
        found = kind(model, lambda rows: rows[:, 0]).score(*asked)["score"]
        np.testing.assert_allclose(found, begins + weight * adds, atol=1e-5)


def _played(by: np.ndarray) -> Lists:
    """Lists of who discovered what `by` says (users, tracks) and were retrieved every track, in the order of numbers."""
    scores = np.tile(-np.arange(TRACKS, dtype=np.float32) / TRACKS, (USERS, 1))
    return replace(lists(played=by), scores=scores)


def test_a_ranker_that_is_right_about_newcomers_is_not_doubted_and_one_that_is_wrong_is() -> None:
    ranker, config = fitted_network(lists()), DoubtConfig(tried=(0.0, 0.1, 100.0), length=5)
    known, retrieved = lists().played, np.tile(np.arange(TRACKS) < 2, (USERS, 1))
    assert doubt_in(ranker, _played(known), catalogue(), config) == 0.0
    assert doubt_in(ranker, _played(retrieved), catalogue(), config) == 100.0
    assert doubt_in(ranker, _played(np.zeros_like(known)), catalogue(), config) == 0.0, "nobody discovered anything"


def test_listeners_are_known_as_they_were_at_the_end_of_their_first_day(checkerboard_home: Board) -> None:
    listens = read_labels(None, SPLIT.end)
    ids = sorted(listens["user_id"].unique())[:6]
    later = listens[~((listens["user_id"] == ids[0]) & (listens["event_timestamp"] < SPLIT.cutoff))]
    assert ids[0] in set(later["user_id"])
    ends: list[datetime] = [
        min(own["event_timestamp"].min().floor("D") + timedelta(days=1), pd.Timestamp(SPLIT.rank_from))
        for own in (later[later["user_id"] == user] for user in ids)
    ]
    assert ends[0] == SPLIT.rank_from, "whose first day is not over is known as of the day that was asked for"
    found = when_new(ids, later, SPLIT.rank_from)
    alone = pd.concat([users_at([user], end) for user, end in zip(ids, ends, strict=True)], ignore_index=True)
    pd.testing.assert_frame_equal(found.drop(columns="user_id"), alone.drop(columns="user_id"))
    assert not found.drop(columns="user_id").equals(users_at(ids, SPLIT.rank_from).drop(columns="user_id"))
    assert not set(found["user_id"]) & set(listens["user_id"])
