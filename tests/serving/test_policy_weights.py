"""What the rules that weigh do to a list, on pools whose answer can be worked out on paper; each with its rule left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from random_catalogues import make_catalogue, make_listeners

from segue.policy import PolicySettings
from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import RETRIEVED, Lists, Ranked
from serving.funnel.people import listeners_of
from serving.policy import order
from serving.policy.popularity_ceiling import BELOW
from serving.policy.selection import select

TRACKS = 60
FREE = PolicySettings(artist_decay=0, calibration=0, diversity=0, usual_novelty=0, popularity_ceiling=False, explore_slots=0)


def listed(policy: PolicySettings, *, tracks: dict[str, Any], people: dict[str, Any], vectors: Any = None) -> Lists:
    """The list of one listener whom nothing is forbidden, from 60 tracks each of an artist of its own, ranked by number."""
    every = np.arange(TRACKS, dtype=np.int32)
    plain = {"artist": every, "family": every, "everywhere": np.ones(TRACKS, bool), "explicit": np.zeros(TRACKS, bool)}
    catalogue = replace(make_catalogue(1, TRACKS), **plain | tracks)
    nothing = [np.empty(0, np.int32)]
    free = dict.fromkeys(("heard", "disliked", "excluded", "disliked_artists"), nothing)
    unknown = dict.fromkeys(("habit", "adventurousness"), np.array([np.nan], np.float32))
    listener = replace(make_listeners(1, catalogue).some(np.array([0])), **free | unknown | people)
    sounds = np.eye(TRACKS, dtype=np.float32) if vectors is None else vectors
    maker = ListMaker(catalogue, policy, lambda rows: sounds[rows])
    return maker.make(listener, Ranked(every[None], -every[None].astype(np.float32), RETRIEVED), 10, weighed=True)


def jazz_at_the_end() -> tuple[dict[str, Any], dict[str, Any]]:
    """Three of ten plays are jazz, and the ranker has jazz last."""
    genre = np.array(["metal"] * 40 + ["jazz"] * 20, dtype=object)
    mix = {"genres": np.array([[1, 0]], np.int32), "genre_shares": np.array([[0.7, 0.3]], np.float32)}
    return {"genre": genre}, mix


def test_a_list_has_the_genres_of_its_listener_in_their_shares() -> None:
    tracks, mix = jazz_at_the_end()
    found = listed(replaced(calibration=50.0), tracks=tracks, people=mix)
    assert (found.rows[0] >= 40).sum() == 3
    assert found.rows[0].tolist() == [*range(7), 40, 41, 42]
    calibration = [rule.name for rule in order.LIST_RULES].index("genre_share")
    assert (found.moved_by[0] == [-1] * 7 + [calibration] * 3).all()
    assert (listed(FREE, tracks=tracks, people=mix).rows[0] < 40).all(), "without the rule there is no jazz"


def test_a_list_that_is_no_discovery_keeps_its_order_whatever_the_genres() -> None:
    tracks, mix = jazz_at_the_end()
    found = listed(replaced(calibration=5.0), tracks=tracks, people=mix | {"discovery": False})
    assert found.rows[0].tolist() == list(range(10))


def test_tracks_that_sound_alike_give_way_to_others() -> None:
    vectors = np.zeros((TRACKS, 51), dtype=np.float32)
    vectors[np.arange(TRACKS), np.maximum(np.arange(TRACKS) - 9, 0)] = 1  # the first ten are one and the same sound
    for policy, alike in ((replaced(diversity=1.0), 1), (FREE, 10)):
        assert (listed(policy, tracks={}, people={}, vectors=vectors).rows[0] < 10).sum() == alike


def test_a_second_track_of_an_artist_counts_less_than_a_first() -> None:
    artist = np.arange(TRACKS, dtype=np.int32) // 2
    for policy, artists in ((replaced(artist_decay=1.0), 10), (FREE, 5)):
        found = listed(policy, tracks={"artist": artist}, people={})
        assert len(set(artist[found.rows[0]])) == artists


def test_a_discovery_list_stays_below_the_habit_and_gives_up_as_little_as_it_can() -> None:
    plays = np.where(np.arange(TRACKS) % 2 == 0, np.expm1(3), np.expm1(1)).astype(np.float32)  # log-popularity 3 or 1
    people = {"habit": np.array([2.0], np.float32)}
    found = listed(replaced(popularity_ceiling=True), tracks={"plays": plays}, people=people)
    popularity = np.log1p(plays)[found.rows[0]]
    assert popularity.mean() < 2
    assert (popularity > 2).sum() == 4, "a fifth hit would bring it to the habit itself"
    assert found.lengths()[0] == 10
    assert np.log1p(plays)[listed(FREE, tracks={"plays": plays}, people=people).rows[0]].mean() == pytest.approx(2)
    radio = listed(replaced(popularity_ceiling=True), tracks={"plays": plays}, people=people | {"discovery": False})
    assert radio.rows[0].tolist() == list(range(10))


def test_a_listener_of_rarities_gets_what_is_rarer_or_fewer_tracks_but_no_hits() -> None:
    plays = np.full(TRACKS, np.expm1(3), np.float32)
    plays[-4:] = 0
    found = listed(replaced(popularity_ceiling=True), tracks={"plays": plays}, people={"habit": np.array([1.0], np.float32)})
    assert sorted(found.rows[0, : found.lengths()[0]].tolist()) == [0, 56, 57, 58, 59]
    mean = np.log1p(plays)[found.rows[0, : found.lengths()[0]]].mean()
    assert mean == pytest.approx(3 / 5)
    assert mean < 1 - BELOW < 2 * 3 / 6, "one more hit would be the habit itself"


def test_a_chooser_can_only_take_what_is_open() -> None:
    class Contrary:
        """Always wants the first candidate, open or not."""

        first = np.zeros(3, dtype=np.intp)

        def choose(self, _: int, worth: Any, __: Any) -> Any:
            return np.zeros(len(worth), dtype=np.intp)

    catalogue = make_catalogue(2, TRACKS)
    listeners = make_listeners(2, catalogue)
    rows = np.tile(np.arange(TRACKS, dtype=np.int32), (3, 1))
    maker = ListMaker(catalogue, FREE, lambda rows: np.eye(TRACKS, dtype="f4")[rows])
    pool = maker._pool(listeners, Ranked(rows, -rows.astype(np.float32), RETRIEVED), 5, weighed=True)
    chosen = select(pool, chooser=Contrary())
    assert chosen.places[:, 0].tolist() == [0, 0, 0]
    assert (chosen.places[:, 1:] == -1).all()


def replaced(**changes: Any) -> PolicySettings:
    return FREE.model_copy(update=changes)


def heard_ten(plays_heard: float) -> float:
    """The habit of somebody who heard ten tracks of so many plays, in a catalogue where every other track was played once."""
    catalogue = replace(make_catalogue(3, 60), plays=np.r_[np.full(10, plays_heard), np.ones(50)].astype(np.float32))
    policy = {"heard_tracks": [list(catalogue.ids[:10])], "heard_60d": [10]}
    day = date(2026, 11, 16)
    return float(listeners_of(catalogue, ["u"], policy, days=(day, day), discovery=True).habit[0])


def test_who_hears_what_few_others_do_has_no_ceiling_that_would_leave_nothing() -> None:
    assert np.isnan(heard_ten(1.0)), "half of the catalogue is played as rarely: no list could lie below"
    assert heard_ten(9.0) == pytest.approx(np.log(10.0))
