"""What is new to a listener in the whole list: as much as is usual at a half of their dial, more above, less below."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from random_catalogues import make_funnel
from test_exploration import open_catalogue, people

from segue.policy import PolicySettings, policy_of
from segue.predictions import Explored
from serving.funnel.answers import explored_of
from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import RETRIEVED, Lists, Ranked
from serving.policy.newness import newness
from serving.policy.rule import Listeners
from serving.tracks.catalogue import Catalogue

STILL = PolicySettings(explore_slots=0)
HEARD = np.arange(0, 60, 4, dtype=np.int32)
"""A track of every second artist."""
DIALS = (0.0, 0.25, 0.5, 0.75, 1.0)


def pairs() -> Catalogue:
    """Thirty artists with two tracks each."""
    made = replace(open_catalogue(), artist=np.repeat(np.arange(30, dtype=np.int32), 2))
    return replace(made, _playable={}, _popular={})


def listeners(dial: float, count: int = 30, **other: Any) -> Listeners:
    return replace(people(count, dial), heard=[HEARD] * count, **other)


def made(who: Listeners, policy: PolicySettings = STILL) -> Lists:
    """Lists of ten from candidates whose order is drawn for each listener."""
    catalogue, rng = pairs(), np.random.default_rng(4)
    open_ = np.setdiff1d(np.arange(60, dtype=np.int32), HEARD)
    rows = np.stack([rng.permutation(open_) for _ in range(len(who))])
    score = np.broadcast_to(np.linspace(1, 0, len(open_), dtype=np.float32), rows.shape)
    maker = ListMaker(catalogue, policy, make_funnel(1, catalogue).vectors_of, "r")
    return maker.make(who, Ranked(rows, score, RETRIEVED), 10, weighed=True)


def by_new_artists(lists: Lists) -> float:
    return float((~np.isin(pairs().artist[lists.rows], pairs().artist[HEARD])).mean())


def test_the_further_the_dial_the_more_of_the_list_is_by_artists_the_listener_never_heard() -> None:
    shares = [by_new_artists(made(listeners(dial))) for dial in DIALS]
    assert shares == sorted(set(shares))
    assert shares[-1] > shares[2] + 0.1
    assert shares[0] < shares[2] - 0.1


def test_without_a_weight_the_dial_moves_nothing_that_does_not_explore() -> None:
    shares = {by_new_artists(made(listeners(dial), STILL.model_copy(update={"novelty": 0.0}))) for dial in DIALS}
    assert len(shares) == 1


@pytest.mark.parametrize("dial", [0.5, np.nan])
def test_a_dial_at_a_half_is_what_is_usual_however_far_the_dial_goes(dial: float) -> None:
    policy = PolicySettings()
    now, before = made(listeners(dial), policy), made(listeners(dial), policy.model_copy(update={"novelty": 0.0}))
    assert (now.rows == before.rows).all()
    assert (now.propensity == before.propensity).all()
    assert now.tried is not None
    assert before.tried is not None
    assert (now.tried.worth == before.tried.worth).all()


def test_what_is_usual_moves_every_list_as_the_dial_does() -> None:
    nothing, usual = (STILL.model_copy(update={"usual_novelty": worth}) for worth in (0.0, 0.5))
    assert (made(listeners(0.5), usual).rows == made(listeners(0.75), nothing).rows).all()
    assert (made(listeners(0.25), usual).rows == made(listeners(0.5), nothing).rows).all()
    alone = usual.model_copy(update={"novelty": 0.0})
    assert {by_new_artists(made(listeners(dial), alone)) for dial in DIALS} == {by_new_artists(made(listeners(0.5), usual))}
    assert by_new_artists(made(listeners(0.5), usual)) > by_new_artists(made(listeners(0.5), nothing)) + 0.05


def test_radio_goes_on_from_its_session_whatever_the_dial() -> None:
    shares = {by_new_artists(made(listeners(dial, discovery=False))) for dial in DIALS}
    assert len(shares) == 1


def test_a_release_from_before_it_has_the_lists_it_had() -> None:
    before = policy_of({})
    assert not before.minds_novelty
    assert (before.tilt(np.float32(DIALS)) == 0).all()


def test_new_is_what_is_by_another_artist_of_another_genre_and_little_played() -> None:
    catalogue = pairs()
    own = catalogue.genre_code[np.flatnonzero(catalogue.genre == "jazz")[0]]
    plays = np.full(60, 20, dtype=np.float32)
    plays[2:4] = 0
    catalogue = replace(catalogue, plays=plays, _playable={}, _popular={})
    who = listeners(1.0, 1, genres=np.array([[own, -1]], dtype=np.int32), genre_shares=np.ones((1, 2), dtype=np.float32))
    known, nothing_known = (
        newness(of, catalogue, np.arange(60, dtype=np.int32)[None])[0]
        for of in (who, replace(who, genres=np.empty((0, 0), dtype=np.int32)))
    )
    other_artist, other_genre = catalogue.artist % 2 == 1, (catalogue.genre_code != own) & (catalogue.genre_code >= 0)
    wanted = (other_artist + other_genre * 1.0 + (plays == 0)) / 3
    np.testing.assert_allclose(known, wanted, atol=1e-6)
    np.testing.assert_allclose(nothing_known, (other_artist * 1.0 + (plays == 0)) / 3, atol=1e-6)


def test_the_record_says_how_new_each_candidate_was_and_how_much_that_counted() -> None:
    lists, catalogue = made(listeners(1.0), PolicySettings()), pairs()
    for said in explored_of(catalogue, lists):
        record = Explored.model_validate_json(said or "")
        assert record.tilt == PolicySettings().usual_novelty + 1
        rows = np.array([int(track[1:]) for track in record.candidates], dtype=np.int32)
        np.testing.assert_allclose(record.newness, newness(listeners(1.0, 1), catalogue, rows[None])[0], atol=1e-3)
