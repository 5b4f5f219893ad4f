"""The floor for small artists as a rule that chooses: who is small, what lists keep for them, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from left_out import leave_out
from random_catalogues import make_catalogue, make_funnel, make_listeners

from segue.policy import DEFAULT_POLICY, SMALL_BEYOND, PolicySettings
from serving.funnel.kept_out import kept_out
from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import RETRIEVED, Lists, Ranked
from serving.policy import order
from serving.policy.rule import Account, Pool
from serving.policy.small_artists import Owed, SmallArtists
from serving.tracks.catalogue import NO_TRACK, Catalogue
from serving.weekly.exposure import _SIZES

TRACKS, COUNT = 200, 10
NONE = np.empty(0, dtype=np.int32)


def catalogue_of(small: Any) -> Catalogue:
    """An artist for each track, the first played most; those at the rows `small` are small."""
    every = np.arange(TRACKS, dtype=np.int32)
    free = {"everywhere": every >= 0, "explicit": every < 0, "plays": (TRACKS - every).astype(np.float32)}
    made = replace(
        make_catalogue(1, TRACKS), artist=every, family=every, territory_plays={}, _playable={}, _popular={}, **free
    )
    vars(made)["of_small_artist"] = np.isin(every, small)
    return made


def people(dial: float = 0.0, count: int = 40) -> Any:
    one = make_listeners(1, catalogue_of([]))
    return replace(
        one,
        ids=[f"u{number}" for number in range(count)],
        territory=[None] * count,
        explicit_allowed=np.ones(count, dtype=bool),
        **dict.fromkeys(("heard", "disliked", "excluded", "saved", "disliked_artists"), [NONE] * count),
        genres=np.empty((0, 0), dtype=np.int32),
        genre_shares=np.empty((0, 0), dtype=np.float32),
        habit=np.full(count, np.nan, dtype=np.float32),
        adventurousness=np.full(count, dial, dtype=np.float32),
    )


def maker(small: Any, floor: float, **other: Any) -> ListMaker:
    catalogue, settings = catalogue_of(small), {"small_artists": floor, "candidates": 30} | other
    return ListMaker(catalogue, PolicySettings(**settings), make_funnel(1, catalogue).vectors_of, "r1")


def made(small: Any, floor: float, *, dial: float = 0.0, listed: int = TRACKS, **other: Any) -> Lists:
    """Lists of ten out of tracks 0 to `listed`, ranked by number."""
    listeners = people(dial)
    rows = np.tile(np.arange(listed, dtype=np.int32), (len(listeners), 1))
    score = np.broadcast_to(np.linspace(1, 0, listed, dtype=np.float32), rows.shape)
    return maker(small, floor, **other).make(listeners, Ranked(rows, score, RETRIEVED), COUNT, weighed=True)


def by_small(lists: Lists, small: Any) -> Any:
    assert (lists.rows != NO_TRACK).all()
    return np.isin(lists.rows, small).sum(axis=1)


LATE = np.arange(20, 28)
"""Ranked where they would not come in by themselves."""


@pytest.mark.parametrize("seed", range(20))
def test_small_is_what_the_audit_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    catalogue = make_catalogue(seed, 80)
    plays = rng.choice([0, 1, 1, 2, 5, 40, 300], 80).astype(np.float32)
    named = np.where(rng.random(80) < 0.8, catalogue.artist_id, None)
    codes = np.where(named == None, 100 + np.arange(80), catalogue.artist).astype(np.int32)  # noqa: E711
    here = replace(catalogue, plays=plays, artist=codes, artist_id=named)
    connection = duckdb.connect()
    connection.register("gold_tracks", pd.DataFrame({"track_id": here.ids, "artist_id": named}))
    connection.register("plays", pd.DataFrame({"track_id": here.ids, "plays_30d": plays.astype(int)}))
    connection.execute(_SIZES, [SMALL_BEYOND, 0.5])
    small = {artist for (artist,) in connection.execute("select artist from sizes where size = 'small'").fetchall()}
    assert 0 < here.of_small_artist.sum() < 80
    assert here.of_small_artist.tolist() == [(a or t) in small for a, t in zip(named, here.ids, strict=True)]


def test_a_list_has_its_share_of_tracks_by_small_artists_and_the_best_of_them() -> None:
    assert (by_small(made(LATE, 0.0), LATE) == 0).all(), "without a floor there are none"
    for floor, wanted in ((0.1, 1), (0.25, 3), (0.5, 5)):
        lists = made(LATE, floor, calibration=0, diversity=0)
        assert (np.sort(lists.rows, axis=1) == [*range(10 - wanted), *LATE[:wanted]]).all()
        rule = [one.name for one in order.LIST_RULES].index("small_artists")
        assert (lists.moved_by[:, -wanted:] == rule).all()


def test_a_list_that_has_more_of_them_anyway_is_left_as_it_is() -> None:
    early = np.arange(5)
    assert (made(early, 0.3).rows == made(early, 0.0).rows).all()


def test_a_list_whose_rule_is_left_out_does_not_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(monkeypatch, "small_artists")
    assert (by_small(made(LATE, 0.5), LATE) < 5).all()


def test_the_share_is_kept_however_much_a_list_explores() -> None:
    lists = made(LATE, 0.4, dial=1.0, explore_slots=6)
    assert ((lists.propensity < 1).sum(axis=1) >= 3).all()
    assert (by_small(lists, LATE) >= 4).all()
    assert (by_small(made(LATE, 1.0, dial=1.0), LATE) == len(LATE)).all()


def test_who_stands_beyond_the_candidates_looked_at_is_found_for_the_floor() -> None:
    far = np.arange(150, 160)
    assert (by_small(made(far, 0.3), far) == 3).all()


def test_candidates_that_have_too_few_of_them_still_give_a_whole_list() -> None:
    lists = made(LATE[:2], 0.5, listed=60)
    assert (by_small(lists, LATE[:2]) == 2).all()
    others = np.sort(np.where(np.isin(lists.rows, LATE[:2]), NO_TRACK, lists.rows), axis=1)[:, 2:]
    assert (others >= 0).all()


def test_a_chart_keeps_places_for_them_too_however_far_down_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.funnel.list_maker.REACHES", (20,))
    last = np.arange(150, 160)
    assert (by_small(maker(last, 0.0).popular(people(), COUNT), last) == 0).all()
    lists = maker(last, 0.3).popular(people(), COUNT)
    assert (by_small(lists, last) == 3).all()
    assert (lists.rows[:, :7] == np.arange(7)).all()


def test_what_sounds_like_a_track_is_given_whoever_made_it() -> None:
    for seed in range(5):
        catalogue = make_catalogue(seed, 60)
        one = make_listeners(seed, catalogue).some(np.array([0]))
        plain, floored = (make_funnel(seed, catalogue, PolicySettings(small_artists=floor)) for floor in (0.0, 1.0))
        row = int(catalogue.rows(plain.model.track_ids[:1])[0])  # type: ignore[union-attr]
        assert (plain.similar(row, one, 10).rows == floored.similar(row, one, 10).rows).all()  # type: ignore[union-attr]


def test_without_a_floor_every_list_is_what_it_is_without_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [every_kind_of_list(seed) for seed in range(20)]
    floored = [every_kind_of_list(seed, PolicySettings(small_artists=0.5)) for seed in range(20)]
    monkeypatch.setattr(SmallArtists, "begin", lambda *_: pytest.fail("nobody asks a rule that is not there"))
    monkeypatch.setattr(order, "begin", without_the_last_rule)
    assert found == [every_kind_of_list(seed) for seed in range(20)]
    assert found != floored


def every_kind_of_list(seed: int, policy: PolicySettings = DEFAULT_POLICY) -> list[bytes]:
    """Tracks, scores, reasons and propensities of random lists, to the bit."""
    catalogue = make_catalogue(seed, 80)
    who, funnel = make_listeners(seed, catalogue), make_funnel(seed, catalogue, policy)
    kinds = [funnel.personal(who, {"user_id": who.ids}, 20), funnel.popular(who, 20)]
    return [getattr(one, name).tobytes() for one in kinds for name in ("rows", "score", "moved_by", "propensity")]


def without_the_last_rule(pool: Pool) -> tuple[Any, Account]:
    account = Account.empty(5, pool.rows.shape)
    states = [rule.begin(pool, *part) for rule, *part in zip(order.LIST_RULES[:5], account.gain, account.closed, strict=True)]
    nothing = np.zeros(len(pool.rows), dtype=np.intp)
    no_candidates = np.empty((len(pool.rows), 0), dtype=bool)
    off = Owed(no_candidates, nothing, nothing, np.float32(0), np.zeros(pool.rows.shape, np.float32))
    return (*states, off), account


def test_the_inspector_is_told_why_a_better_ranked_track_gave_way() -> None:
    one = people(count=1)
    rows = np.arange(60, dtype=np.int32)[None]
    score = np.linspace(1, 0, 60, dtype=np.float32)[None]
    lists, ranked = maker(LATE, 0.3, calibration=0, diversity=0), Ranked(rows, score, RETRIEVED)
    listed = lists.make(one, ranked, COUNT, weighed=True).rows[0]
    taken = kept_out(lists, one, ranked, ranked, listed, COUNT, weighed=True)
    rule = [one.name for one in order.rules()].index("small_artists")
    assert dict(zip(taken.rows.tolist(), taken.rule.tolist(), strict=True)) == {7: rule, 8: rule, 9: rule}
