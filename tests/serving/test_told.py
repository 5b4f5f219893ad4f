"""What is told of rules about the list is true of the list that was kept, told again here track by track in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_paths import first_of, known_row
from random_catalogues import make_catalogue, make_funnel, make_listeners

from segue.policy import PolicySettings
from serving.funnel import funnel as funnels
from serving.funnel.funnel import Funnel
from serving.funnel.lists import Taken
from serving.policy import order
from serving.policy.calibration import Calibration
from serving.policy.rule import Kept, Listeners, Removal
from serving.tracks.catalogue import NO_TRACK, Catalogue

WEIGHTS: tuple[dict[str, Any], ...] = (
    {},
    {"calibration": 30, "artist_decay": 0},
    {"diversity": 3, "artist_decay": 0, "calibration": 0},
    {"small_artists": 0.4, "artist_cap": 9},
    {"artist_cap": 1, "candidates": 20},
)
Told = tuple[list[int], Taken]
Path = Callable[[Funnel, Listeners, int], Told]


def a_case(seed: int, size: int, weights: dict[str, Any]) -> tuple[Funnel, Listeners]:
    """A listener and a funnel that ranks by track, so that a candidate has one score however often it is asked for."""
    catalogue = make_catalogue(seed, size)
    funnel = make_funnel(seed, catalogue, PolicySettings.model_validate(weights))
    rng = np.random.default_rng(seed)
    fixed: Any = SimpleNamespace(**vars(funnel.model))
    score, follows = rng.random((2, len(fixed.track_ids)), dtype=np.float32)
    query = rng.normal(size=(1, 4)).astype(np.float32)
    fixed.scores = lambda _, candidates, __: score[candidates]
    fixed.following = lambda _: follows[None]
    fixed.queries = lambda columns: query.repeat(len(columns["user_id"]), axis=0)
    one = first_of(make_listeners(seed, catalogue))
    mix = np.array([rng.permutation(len(catalogue.genres))[:2]], dtype=np.int32)
    few = [rows[: size // 5] for rows in one.heard]
    return Funnel(fixed, catalogue), replace(one, genres=mix, heard=few, excluded=few, explicit_allowed=np.array([True]))


def of(rows: Any) -> list[int]:
    return [int(row) for row in rows if row != NO_TRACK]


def personal(funnel: Funnel, one: Listeners, count: int) -> Told:
    listed = funnel.personal(one, {"user_id": one.ids}, count).rows[0]
    return of(listed), funnel.removed(one, {"user_id": one.ids}, count, listed)


def stored(funnel: Funnel, one: Listeners, count: int) -> Told:
    """What is left of a list that was made when other things were known of its owner."""
    before = replace(one, habit=one.habit + 1, heard=[rows[::2] for rows in one.heard], adventurousness=np.ones(1, np.float32))
    left = np.array(of(funnel.personal(before, {"user_id": one.ids}, count).rows[0])[::3], dtype=np.int32)
    return of(left), funnel.removed(one, {"user_id": one.ids}, count, left)


def radio(funnel: Funnel, one: Listeners, count: int) -> Told:
    one = replace(one, discovery=False)
    listed = funnel.radio(one, known_row(funnel), count).rows[0]
    return of(listed), funnel.removed_from_radio(one, known_row(funnel), count, listed)


def similar(funnel: Funnel, one: Listeners, count: int) -> Told:
    listed = funnel.similar(int(known_row(funnel)[0]), one, count).rows[0]  # type: ignore[union-attr]
    return of(listed), funnel.removed_from_similar(int(known_row(funnel)[0]), one, count, listed)


def popular(funnel: Funnel, one: Listeners, count: int) -> Told:
    listed = funnel.popular(one, count).rows[0]
    return of(listed), funnel.removed_from_popular(one, count, listed)


PATHS: dict[str, Path] = {p.__name__: p for p in (personal, stored, radio, similar, popular)}


def is_true(funnel: Funnel, one: Listeners, listed: list[int], count: int, row: int, rule: str) -> bool:
    """Whether a list bears out what a rule about the list says of a track that is not in it."""
    catalogue, policy = funnel.catalogue, funnel.policy
    if rule == "version_family":
        return Counter(catalogue.family[listed])[catalogue.family[row]] == 1
    if rule == "artist_cap":
        return Counter(catalogue.artist[listed])[catalogue.artist[row]] == policy.artist_cap
    if rule == "popularity_ceiling":
        return any(
            math.fsum(math.log1p(catalogue.plays[other]) for other in rows) / len(rows) >= one.habit[0] - 0.002
            for rows in ([*listed, row], [*listed[: count - 1], row])
        )
    if rule == "genre_share":
        return has_its_share(catalogue, one, listed, catalogue.genre[row])
    if rule == "diversity":
        here, there = funnel.vectors_of(np.array([row])), funnel.vectors_of(np.array(listed))
        return max(float(here[0] @ other) for other in there) > 0.599
    small = sum(bool(catalogue.of_small_artist[other]) for other in listed)
    return (
        rule == "small_artists" and not catalogue.of_small_artist[row] and 0 < small <= math.ceil(policy.small_artists * count)
    )


def has_its_share(catalogue: Catalogue, one: Listeners, listed: list[int], genre: str | None) -> bool:
    if genre is None:
        return True
    names = sorted(catalogue.genres)
    mine = {names[code]: float(share) for code, share in zip(one.genres[0], one.genre_shares[0], strict=True)}
    there = Counter(catalogue.genre[row] for row in listed)
    has = there[genre] if genre in mine else sum(times for g, times in there.items() if g is not None and g not in mine)
    return has / len(listed) >= mine.get(genre, 1 - sum(mine.values())) - 1e-6


def untrue(seed: int, path: str, weights: dict[str, Any], *, size: int = 60, count: int = 12) -> list[tuple[int, str]]:
    """What is told of the list rules and not true; and what is told twice, or of a track that is in the list."""
    funnel, one = a_case(seed, size, weights)
    listed, taken = PATHS[path](funnel, one, count)
    told = [(int(row), order.rules()[rule].name) for row, rule in zip(taken.rows, taken.rule, strict=True)]
    by_list = [(row, rule) for row, rule in told if rule in {one.name for one in order.LIST_RULES}]
    twice = [(row, "twice") for row, times in Counter(row for row, _ in told).items() if times > 1]
    there = [(row, "in the list") for row, _ in by_list if row in listed]
    return twice + there + [say for say in by_list if not is_true(funnel, one, listed, count, *say)]


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(2, 90),
    count=st.integers(1, 30),
    path=st.sampled_from(sorted(PATHS)),
    weights=st.sampled_from(WEIGHTS),
)
def test_every_word_of_a_rule_about_the_list_is_true_of_the_list_that_was_kept(
    seed: int, size: int, count: int, path: str, weights: dict[str, Any]
) -> None:
    assert untrue(seed, path, weights, size=size, count=count) == []


def any_untrue(rule: str) -> bool:
    return any(
        rule in {name for _, name in untrue(seed, path, weights)}
        for seed in range(12)
        for path in PATHS
        for weights in WEIGHTS
    )


@pytest.mark.parametrize("rule", ["artist_cap", "version_family"])
def test_the_check_above_notices_a_list_that_is_chosen_again_without_chance_and_told_of(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = funnels.kept_out

    def chosen_again(lists: Any, one: Any, before: Any, ranked: Any, listed: Any, count: int, *, weighed: bool) -> Taken:
        pool = lists.within(ranked, count)
        again = lists._chosen(one, pool, count, weighed=weighed, explore=False).rows[0]
        found = told(lists, one, before, ranked, again, count, weighed=weighed)
        left = ~np.isin(found.rows, listed)
        return Taken(found.rows[left], found.rule[left])

    monkeypatch.setattr(funnels, "kept_out", chosen_again)
    assert any_untrue(rule)


@pytest.mark.parametrize("rule", order.LIST_RULES, ids=lambda rule: rule.name)
def test_the_check_above_notices_each_rule_that_speaks_without_looking_at_the_list(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(rule), "kept_out", lambda _, kept: ~kept.nothing())
    assert any_untrue(rule.name)


def test_every_rule_about_the_list_has_its_say_somewhere() -> None:
    told = set()
    for seed in range(12):
        for weights in WEIGHTS:
            funnel, one = a_case(seed, 60, weights)
            told |= {order.rules()[rule].name for path in PATHS.values() for rule in path(funnel, one, 12)[1].rule}
    assert told >= {rule.name for rule in order.LIST_RULES}


def before_the_last(seed: int) -> tuple[set[int], set[int]]:
    """What rules about the list are told to have kept out of a full list; and the candidates that stood before its
    last and are full up by artist or by family."""
    funnel, one = a_case(seed, 300, {"candidates": 60})
    one = replace(one, habit=np.full(1, np.nan, np.float32))
    listed, taken = personal(funnel, one, 12)
    rows = of(funnel._ranked(one, {"user_id": one.ids}, allowed_only=True)[0][0])[:60]
    catalogue, better = funnel.catalogue, rows[: max(map(rows.index, listed))]
    full = {artist for artist, times in Counter(catalogue.artist[listed]).items() if times == 2}
    families = set(catalogue.family[listed])
    closed = {row for row in better if catalogue.artist[row] in full or catalogue.family[row] in families} - set(listed)
    by_list = {int(row) for row, rule in zip(taken.rows, taken.rule, strict=True) if rule >= len(order.TRACK_RULES)}
    hard = {int(r) for r, rule in zip(taken.rows, taken.rule, strict=True) if rule - len(order.TRACK_RULES) in (0, 1)}
    assert by_list <= set(better)
    return hard, closed


def test_all_that_stood_before_the_last_and_had_no_place_any_more_is_told_and_nothing_from_elsewhere() -> None:
    cases = [before_the_last(seed) for seed in range(20)]
    assert all(told == closed for told, closed in cases)
    assert any(told for told, _ in cases)


def test_a_track_that_only_chance_kept_out_is_put_down_to_no_weight() -> None:
    """Of 30 places 6 explore with the dial at 1: the 24 best would have come in by rank, the 25th might."""
    catalogue = replace(make_catalogue(1, 60), family=np.arange(60, dtype=np.int32), artist=np.arange(60, dtype=np.int32))
    one = first_of(make_listeners(1, catalogue))
    one = replace(one, genres=np.array([[0, 1]], np.int32), genre_shares=np.full((1, 2), 0.01, np.float32))
    funnel = make_funnel(1, catalogue)
    for dial, until in ((1.0, 24), (0.0, 30)):
        seen: list[Kept] = []
        asked = replace(one, adventurousness=np.array([dial], np.float32))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Calibration, "kept_out", lambda _, kept, seen=seen: seen.append(kept) or kept.nothing())
            funnel.removed(asked, {"user_id": asked.ids}, 30, np.empty(0, np.int32))
        assert np.count_nonzero(seen[0].by_rank) == min(until, len(seen[0].rows))


def test_genres_beyond_a_listeners_own_and_tracks_of_none_are_called_what_they_are() -> None:
    catalogue = replace(make_catalogue(1, 3), genre=np.array(["jazz", "metal", None], dtype=object))
    one = replace(first_of(make_listeners(1, catalogue)), genres=np.array([[0]], np.int32))
    words = [Calibration().reason(Removal(one, catalogue, 0, row)) for row in range(3)]
    assert words[0] == "the list has its share of jazz already"
    assert words[1] == "the list has its share of other genres than yours"
    assert words[2].startswith("of no genre")
