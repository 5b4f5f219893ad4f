"""The last slots of a list explore: by the dial, under the whole policy, with propensities that are what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_catalogues import make_catalogue, make_funnel, make_listeners

from segue.policy import PolicySettings
from segue.predictions import Explored
from serving.funnel.answers import explored_of, propensities_of
from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import RETRIEVED, Lists, Ranked
from serving.policy.exploration import DRAWS, posterior, propensities
from serving.policy.rule import Listeners
from serving.tracks.catalogue import NO_TRACK, Catalogue

COUNT = 10
POLICY = PolicySettings(explore_slots=6, explore_pool=8)
"""Six slots of 30 with the dial at a half: two of ten."""


def open_catalogue(size: int = 60) -> Catalogue:
    """Everything may be played, and every track has a family and an artist of its own."""
    rows = np.arange(size, dtype=np.int32)
    made = make_catalogue(1, size)
    saves = np.where(rows % 2 == 0, 5, 0).astype(np.float32)
    plays = np.full(size, 20, dtype=np.float32)
    free = replace(made, artist=rows, family=rows, everywhere=rows >= 0, explicit=rows < 0, plays=plays, saves=saves)
    return replace(free, _playable={}, _popular={})


def people(count: int, dial: float = np.nan, **other: Any) -> Listeners:
    one = make_listeners(1, open_catalogue())
    nobody = [np.empty(0, dtype=np.int32)] * count
    return replace(
        one,
        ids=[f"u{number}" for number in range(count)],
        territory=["SE"] * count,
        explicit_allowed=np.ones(count, dtype=bool),
        **dict.fromkeys(("heard", "disliked", "excluded", "saved", "disliked_artists"), nobody),
        genres=np.empty((0, 0), dtype=np.int32),
        genre_shares=np.empty((0, 0), dtype=np.float32),
        habit=np.full(count, np.nan, dtype=np.float32),
        adventurousness=np.full(count, dial, dtype=np.float32),
        **other,
    )


def made(listeners: Listeners, policy: PolicySettings = POLICY, release: str = "r1") -> Lists:
    catalogue = open_catalogue()
    rows = np.tile(np.arange(len(catalogue), dtype=np.int32), (len(listeners), 1))
    score = np.broadcast_to(np.linspace(1, 0, len(catalogue), dtype=np.float32), rows.shape)
    maker = ListMaker(catalogue, policy, make_funnel(1, catalogue).vectors_of, release)
    return maker.make(listeners, Ranked(rows, score, RETRIEVED), COUNT, weighed=True)


@pytest.mark.parametrize(("dial", "slots"), [(0.0, 0), (0.25, 1), (0.5, 2), (np.nan, 2), (1.0, 4)])
def test_the_dial_says_how_many_slots_explore(dial: float, slots: int) -> None:
    lists = made(people(20, dial))
    assert ((lists.propensity < 1).sum(axis=1) == slots).all()
    assert lists.tried is not None
    assert ((lists.tried.took >= 0).sum(axis=1) == slots).all()


def test_a_dial_at_nothing_gives_the_list_that_never_explores() -> None:
    plain = POLICY.model_copy(update={"novelty": 0.0})
    still = made(people(5, 0.0), plain)
    never = made(people(5), PolicySettings(explore_slots=0))
    assert (still.rows == never.rows).all()
    assert (made(people(5, 1.0), plain).rows != never.rows).any()


def test_the_same_user_week_and_release_explore_alike_and_another_does_not() -> None:
    once, again = made(people(40, 1.0)), made(people(40, 1.0))
    assert (once.rows == again.rows).all()
    assert (once.propensity == again.propensity).all()
    assert (made(people(40, 1.0), release="r2").rows != once.rows).any()
    assert len({tuple(rows) for rows in once.rows}) > 10, "users explore each for themselves"


def test_propensities_are_the_shares_of_the_draws_that_are_won_over_a_floor() -> None:
    worth = np.array([[0.0, 0.0, -np.inf, 0.0]], dtype=np.float32)
    draws = np.zeros((1, 4, 10), dtype=np.float32)
    draws[0, 0, :7] = 1
    draws[0, 1, 7:] = 1
    draws[0, 2] = 9  # is closed, whatever it draws
    found = propensities(worth, draws, np.array([[True, True, False, True]]), 0.3)
    np.testing.assert_allclose(found, [[0.7 * 0.7 + 0.1, 0.7 * 0.3 + 0.1, 0, 0.1]], rtol=1e-6)


def seen_over_said(lists: Lists, lie: float = 1.0) -> float:
    """How often the better half of each first pool was taken, over how often the propensities say; `lie` bends them."""
    assert lists.tried is not None
    said = lists.tried.propensity[:, 0].astype(float) ** lie
    said /= said.sum(axis=1, keepdims=True)
    taken = np.zeros_like(said)
    taken[np.arange(len(said)), lists.tried.took[:, 0]] = 1
    half = slice(0, said.shape[1] // 2)
    return float(taken[:, half].sum() / said[:, half].sum())


def test_what_is_taken_is_taken_as_often_as_its_propensity_says_and_a_lie_is_noticed() -> None:
    lists = made(people(4_000, 0.5))
    assert seen_over_said(lists) == pytest.approx(1, abs=0.03)
    assert abs(seen_over_said(lists, lie=0.2) - 1) > 0.06


def test_the_record_of_a_list_says_what_its_slots_chose_from() -> None:
    lists, catalogue = made(people(30, 1.0)), open_catalogue()
    chances_of, records = propensities_of(lists), explored_of(catalogue, lists)
    for who, said in enumerate(records):
        record = Explored.model_validate_json(said or "")
        assert len(record.slots) == 4
        chances = dict(zip(catalogue.ids[lists.rows[who]], chances_of[who], strict=True))
        for slot in record.slots:
            assert sum(slot.propensity) == pytest.approx(1, abs=1e-6)
            assert chances[record.candidates[slot.took]] == pytest.approx(slot.propensity[slot.took])
        taken = [record.candidates[slot.took] for slot in record.slots]
        assert len(set(taken)) == 4
        assert all(later.propensity[slot.took] == 0 for slot, later in zip(record.slots, record.slots[1:], strict=False))
    assert explored_of(catalogue, made(people(3, 0.0))) == [None] * 3


def test_artists_that_are_saved_are_believed_in_and_few_plays_leave_doubt() -> None:
    mean, deviation = posterior(np.array([0.0, 1000, 1000]), np.array([0.0, 10, 100]), np.float32(0.05))
    assert mean[2] == pytest.approx(np.log(101 / 51), abs=0.01)
    assert mean[1] < mean[0] < mean[2]
    assert deviation[0] == pytest.approx(np.pi / np.sqrt(6))  # of the log of an exponential
    assert deviation[2] == pytest.approx(0.1, abs=0.001)


def test_a_genre_the_listener_saves_is_tried_more_than_one_they_hear_and_leave() -> None:
    catalogue = open_catalogue()
    loved, left = (np.flatnonzero(catalogue.genre == genre).astype(np.int32) for genre in ("jazz", "metal"))
    listeners = people(600, 1.0)
    listeners = replace(listeners, heard=[np.concatenate([loved, left])] * 600, saved=[loved] * 600)
    lists = made(listeners, PolicySettings(explore_slots=6, explore_pool=24))
    tried = lists.rows[lists.propensity < 1]
    share = [np.isin(tried, of).sum() / max(1, np.isin(lists.tried.rows[0], of).sum()) for of in (loved, left)]  # type: ignore[union-attr]
    assert share[0] > 1.2 * share[1]


def test_who_set_no_dial_and_is_nobody_explores_nothing() -> None:
    lists = made(replace(people(4), adventurousness=np.empty(0, dtype=np.float32)))
    assert lists.tried is None
    assert (lists.propensity == 1).all()
    assert (lists.rows != NO_TRACK).all()
    assert DRAWS > 1
