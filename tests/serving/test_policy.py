"""No path through the funnel lets a forbidden track out: the rules are told again here, track by track, in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from left_out import leave_out
from policy_paths import NOT_ASKED, ONLY_TAKE_AWAY, PATHS
from random_catalogues import DAY, make_catalogue, make_funnel, make_listeners

from segue.policy import PolicySettings
from serving.funnel import people as people_module
from serving.funnel.kept_out import kept_out
from serving.funnel.lists import RETRIEVED, Lists, Ranked
from serving.policy import order
from serving.policy.artist_cap import ArtistCap
from serving.policy.popularity_ceiling import PopularityCeiling
from serving.policy.rule import Listeners, Removal
from serving.policy.version_family import OnePerFamily
from serving.tracks.catalogue import NO_TRACK, Catalogue


def forbidden_alone(catalogue: Catalogue, listeners: Listeners, who: int, row: int) -> str | None:
    """The rule that forbids a track to a listener whatever else is in the list."""
    if row in listeners.heard[who]:
        return "already_heard"
    days = [listeners.first + timedelta(days=n) for n in range((listeners.last - listeners.first).days + 1)]
    windows = zip(*(getattr(catalogue.licences, c) for c in ("row", "territory", "valid_from", "valid_to")), strict=True)
    mine = [(a.item(), b.item()) for r, place, a, b in windows if r == row and place == listeners.territory[who]]
    if not catalogue.everywhere[row] and not all(any(a <= day < b for a, b in mine) for day in days):
        return "licence"
    if catalogue.explicit[row] and not listeners.explicit_allowed[who]:
        return "explicit"
    if row in listeners.disliked[who]:
        return "disliked"
    if len(listeners.disliked_artists) and catalogue.artist[row] in listeners.disliked_artists[who]:
        return "disliked_artist"
    return "excluded" if row in listeners.excluded[who] else None


def ceiling(listeners: Listeners, who: int) -> float:
    """What the mean log-popularity of a list must stay below."""
    habit = float(listeners.habit[who]) if listeners.discovery and len(listeners.habit) else math.nan
    return math.inf if math.isnan(habit) else habit


def check(catalogue: Catalogue, listeners: Listeners, lists: Lists, count: int, *, fills: bool) -> None:
    assert lists.rows.shape == (len(listeners), count)
    for who in range(len(listeners)):
        rows = [int(row) for row in lists.rows[who] if row != NO_TRACK]
        assert (lists.rows[who, : len(rows)] >= 0).all(), "a gap inside a list"
        assert len(set(rows)) == len(rows)
        assert [forbidden_alone(catalogue, listeners, who, row) for row in rows] == [None] * len(rows)
        artists = Counter(catalogue.artist[row] for row in rows)
        families = {catalogue.family[row] for row in rows}
        assert len(families) == len(rows)
        assert max(artists.values(), default=0) <= 2
        spent, most = sum(math.log1p(catalogue.plays[row]) for row in rows), ceiling(listeners, who)
        assert not rows or spent / len(rows) < most
        if fills and len(rows) < count:
            addable = [
                row
                for row in range(len(catalogue))
                if forbidden_alone(catalogue, listeners, who, row) is None
                and catalogue.family[row] not in families
                and artists[catalogue.artist[row]] < 2
                and (spent + math.log1p(catalogue.plays[row])) / (len(rows) + 1) < most - 0.002
            ]
            assert not addable, "a short list that could be longer"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 60),
    count=st.integers(1, 30),
    days=st.sampled_from((0, 6)),
    discovery=st.booleans(),
    width=st.sampled_from((3, 20, 128)),
    floor=st.sampled_from((0.0, 0.0, 0.3, 1.0)),
)
def test_no_path_lets_a_forbidden_track_out_or_leaves_a_list_short_without_need(
    seed: int, size: int, count: int, days: int, *, discovery: bool, width: int, floor: float
) -> None:
    catalogue = make_catalogue(seed, size)
    listeners = make_listeners(seed, catalogue, days=days, discovery=discovery)
    strangers = replace(listeners, heard=[np.empty(0, np.int32)] * 3, habit=np.full(3, np.nan, np.float32))
    funnel = make_funnel(seed, catalogue, PolicySettings(candidates=width, small_artists=floor))
    for people in (listeners, strangers):
        for name, path in PATHS.items():
            check(catalogue, *path(funnel, people, count), count, fills=name not in ONLY_TAKE_AWAY)


MUST_HOLD = (*order.TRACK_RULES, OnePerFamily(), ArtistCap(), PopularityCeiling())


@pytest.mark.parametrize(
    ("path", "missing"),
    [(path, rule) for path in PATHS for rule in MUST_HOLD if rule.name not in NOT_ASKED.get(path, ())],
    ids=lambda one: getattr(one, "name", one),
)
def test_the_check_above_notices_each_rule_that_is_left_out(path: str, missing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(monkeypatch, missing.name)
    assert any(breaks(seed, path) for seed in range(60))


BLIND: dict[str, tuple[Any, str, Any]] = {
    "explicit": (Catalogue, "account", lambda catalogue, user: (catalogue.accounts[user][0], True)),
    "tracks": (people_module, "_rows", lambda _, lists, count: [people_module.NOTHING] * count),
    "artists": (people_module, "coded", lambda _, lists: [people_module.NOTHING] * len(lists)),
    "heard": (people_module, "_heard", lambda _, __, count: ([people_module.NOTHING] * count,) * 2),
}


@pytest.mark.parametrize(
    ("path", "fact"), [("of rows", fact) for fact in BLIND] + [("stored", fact) for fact in ("explicit", "tracks", "artists")]
)
def test_the_check_above_notices_what_accounts_and_rows_say_and_nobody_reads(
    path: str, fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*BLIND[fact])
    assert any(breaks(seed, path) for seed in range(60))


@pytest.mark.parametrize(
    ("account", "row", "may"),
    [(True, None, True), (True, True, True), (True, False, False), (False, None, False), (False, True, False)],
)
def test_explicit_tracks_want_the_leave_of_the_account_as_it_is_and_as_the_row_has_it(
    account: bool, row: bool | None, may: bool
) -> None:
    catalogue = replace(make_catalogue(1, 9), accounts={"a": ("SE", account)})
    made = people_module.listeners_of(catalogue, ["a"], {"explicit_allowed": [row]}, days=(DAY, DAY), discovery=True)
    assert made.explicit_allowed.tolist() == [may]


def breaks(seed: int, path: str) -> bool:
    catalogue = make_catalogue(seed, 60)
    asked, lists = PATHS[path](make_funnel(seed, catalogue), make_listeners(seed, catalogue), 12)
    try:
        check(catalogue, asked, lists, 12, fills=path not in ONLY_TAKE_AWAY)
    except AssertionError:
        return True
    return False


def test_lists_made_together_are_the_lists_made_one_by_one() -> None:
    catalogue = make_catalogue(5, 60)
    listeners = make_listeners(5, catalogue)
    scores = np.random.default_rng(5).random((3, 60), dtype=np.float32)
    rows = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    ranked = Ranked(rows, np.take_along_axis(scores, rows, axis=1), RETRIEVED)
    maker = make_funnel(5, catalogue)._lists
    together = maker.make(listeners, ranked, 12, weighed=True)
    for who in range(3):
        one = Ranked(ranked.rows[[who]], ranked.score[[who]], RETRIEVED)
        alone = maker.make(listeners.some(np.array([who])), one, 12, weighed=True)
        assert (alone.rows[0] == together.rows[who]).all()
        assert (alone.moved_by[0] == together.moved_by[who]).all()


def test_the_first_rule_in_the_declared_order_is_the_one_that_is_named() -> None:
    catalogue = make_catalogue(3, 80)
    listeners = make_listeners(3, catalogue)
    rows = np.tile(np.arange(80, dtype=np.int32), (3, 1))
    verdict = order.removed_by(listeners, catalogue, rows)
    for who in range(3):
        for row in range(80):
            name = order.TRACK_RULES[verdict[who, row]].name if verdict[who, row] >= 0 else None
            assert name == forbidden_alone(catalogue, listeners, who, row)
    assert {rule.name for rule in order.TRACK_RULES} == {order.TRACK_RULES[v].name for v in np.unique(verdict) if v >= 0}


def test_every_removal_has_a_reason_in_words_and_no_track_of_the_list_is_among_them() -> None:
    seen = set()
    weights = (
        {},
        {"calibration": 30, "artist_decay": 0},
        {"diversity": 3, "artist_decay": 0},
        {"small_artists": 0.3, "artist_cap": 9},
    )
    heavy = [PolicySettings.model_validate(weight) for weight in weights]
    for seed, policy in ((seed, policy) for seed in range(6) for policy in heavy):
        catalogue = replace(make_catalogue(seed, 80), artist=np.arange(80, dtype=np.int32) % 9)
        listeners = make_listeners(seed, catalogue).some(np.array([0]))
        listeners = replace(listeners, heard=[rows[:9] for rows in listeners.heard], explicit_allowed=np.array([seed > 0]))
        funnel = make_funnel(seed, catalogue, policy)
        score = np.linspace(1, 0, 80, dtype=np.float32)[None]
        rows = np.random.default_rng(seed).permutation(80).astype(np.int32)[None]
        left = np.where(order.allowed_alone(listeners, catalogue, rows), rows, NO_TRACK)
        ranked = Ranked(left[left >= 0][None], score[left >= 0][None], RETRIEVED)
        listed = funnel._lists.make(listeners, ranked, 10, weighed=True).rows[0]
        before = Ranked(rows, score, RETRIEVED)
        taken = kept_out(funnel._lists, listeners, before, ranked, listed, 10, weighed=True)
        assert not set(taken.rows) & set(listed.tolist())
        for row, number in zip(taken.rows, taken.rule, strict=True):
            rule = order.rules()[number]
            seen.add(rule.name)
            reason = rule.reason(Removal(listeners, catalogue, 0, int(row)))
            assert len(reason) > 8
            assert not reason.endswith(".")
    assert seen == {rule.name for rule in order.rules()}
