"""No path through the funnel lets a forbidden track out: the rules are told again here, track by track, in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.policy import DEFAULT_POLICY, PolicySettings
from serving.catalogue import NO_TRACK, Catalogue, Licences
from serving.funnel import Funnel
from serving.lists import RETRIEVED, Lists, Ranked
from serving.policy import order
from serving.policy.artist_cap import ArtistCap
from serving.policy.popularity_ceiling import PopularityCeiling
from serving.policy.rule import Listeners, Removal
from serving.policy.version_family import OnePerFamily

DAY = date(2026, 11, 16)
PLACES = (None, "DE", "SE")
GENRES = ("jazz", "metal", "techno")


def make_catalogue(seed: int, size: int) -> Catalogue:
    """Few artists and families, so that every rule bites; licences that begin or end inside the week."""
    rng = np.random.default_rng(seed)
    windows = [
        (row, place, DAY + timedelta(days=int(rng.integers(-9, 5))), DAY + timedelta(days=int(rng.integers(0, 12))))
        for row in range(size)
        for place in ("DE", "SE")
        if rng.random() < 0.6
    ]
    ids = np.array([f"t{row:03d}" for row in range(size)], dtype=object)
    artist = rng.integers(0, max(1, size // 3), size).astype(np.int32)
    return Catalogue(
        ids=ids,
        title=ids,
        artist_id=np.array([f"a{n}" for n in artist], dtype=object),
        artist_name=np.array([None] * size, dtype=object),
        genre=rng.choice(np.array([None, *GENRES], dtype=object), size),
        artist=artist,
        family=rng.integers(0, max(1, size // 2), size).astype(np.int32),
        explicit=rng.random(size) < 0.3,
        everywhere=rng.random(size) < 0.5,
        licences=Licences(
            np.array([w[0] for w in windows], dtype=np.int32),
            np.array([w[1] for w in windows], dtype=object),
            np.array([w[2] for w in windows], dtype="datetime64[D]"),
            np.array([w[3] for w in windows], dtype="datetime64[D]"),
        ),
        plays=(rng.integers(0, 40, size) * (rng.random(size) < 0.8)).astype(np.float32),
        territory_plays={"SE": rng.integers(0, 3, size).astype(np.float32)},
        accounts={},
    )


def make_listeners(seed: int, catalogue: Catalogue, *, days: int = 6, discovery: bool = True) -> Listeners:
    """Three people; on average one has no habit."""
    rng, size = np.random.default_rng(seed), len(catalogue)

    def some(most: float, size: int = size) -> list[Any]:
        return [np.flatnonzero(rng.random(size) < rng.random() * most).astype(np.int32) for _ in range(3)]

    shares = rng.dirichlet(np.ones(2), 3).astype(np.float32)
    return Listeners(
        ids=["a", "b", "c"],
        territory=[PLACES[i] for i in rng.integers(0, 3, 3)],
        explicit_allowed=rng.random(3) < 0.5,
        heard=some(0.8),
        disliked=some(0.3),
        excluded=some(0.3),
        first=DAY,
        last=DAY + timedelta(days=days),
        disliked_artists=some(0.3, catalogue.artist_count),
        genres=rng.integers(-1, len(catalogue.genres), (3, 2)).astype(np.int32),
        genre_shares=shares * np.float32(rng.random()),
        habit=np.where(rng.random(3) < 0.7, rng.uniform(0.3, 3.5, 3), np.nan).astype(np.float32),
        discovery=discovery,
        saved=some(0.3),
        adventurousness=rng.choice(np.array([np.nan, 0, 0.4, 1], dtype=np.float32), 3),
    )


def make_funnel(seed: int, catalogue: Catalogue, policy: PolicySettings = DEFAULT_POLICY) -> Funnel:
    """A funnel whose model ranks at random, and knows only some of the tracks, and some that the catalogue has not."""
    rng = np.random.default_rng(seed)
    known = rng.permutation(catalogue.ids)[: max(1, int(len(catalogue) * 0.8))]
    ids = np.append(known, "gone").astype(object)
    vectors = rng.normal(size=(len(ids), 4)).astype(np.float32)
    model = SimpleNamespace(
        track_ids=ids,
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        version="r1",
        searcher=None,
        sessions=object(),
        policy=policy,
        following=lambda numbers: rng.random((1, len(ids)), dtype=np.float32),
        queries=lambda columns: rng.normal(size=(len(columns["user_id"]), 4)).astype(np.float32),
        scores=lambda columns, candidates, similarity: rng.random(candidates.shape, dtype=np.float32),
    )
    return Funnel(model, catalogue)  # type: ignore[arg-type]


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


def check(catalogue: Catalogue, listeners: Listeners, lists: Lists, count: int) -> None:
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
        if len(rows) < count:
            addable = [
                row
                for row in range(len(catalogue))
                if forbidden_alone(catalogue, listeners, who, row) is None
                and catalogue.family[row] not in families
                and artists[catalogue.artist[row]] < 2
                and (spent + math.log1p(catalogue.plays[row])) / (len(rows) + 1) < most - 0.002
            ]
            assert not addable, "a short list that could be longer"


Path = Callable[[Funnel, Listeners, int], tuple[Listeners, Lists]]


def radio(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    one = listeners.some(np.array([0]))
    return one, funnel.radio(one, known_row(funnel), count)


def similar(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    one = listeners.some(np.array([0]))
    lists = funnel.similar(int(known_row(funnel)[0]), one, count)
    assert lists is not None
    return one, lists


def known_row(funnel: Funnel) -> Any:
    return funnel.catalogue.rows(funnel.model.track_ids[:1])  # type: ignore[union-attr]


PATHS: dict[str, Path] = {
    "personal": lambda funnel, people, count: (people, funnel.personal(people, {"user_id": people.ids}, count)),
    "radio": radio,
    "similar": similar,
    "popular": lambda funnel, people, count: (people, funnel.popular(people, count)),
    "before the first release": lambda funnel, people, count: (people, Funnel(None, funnel.catalogue).popular(people, count)),
}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 60),
    count=st.integers(1, 30),
    days=st.sampled_from((0, 6)),
    discovery=st.booleans(),
    width=st.sampled_from((3, 20, 128)),
)
def test_no_path_lets_a_forbidden_track_out_or_leaves_a_list_short_without_need(
    seed: int, size: int, count: int, days: int, *, discovery: bool, width: int
) -> None:
    catalogue = make_catalogue(seed, size)
    listeners = make_listeners(seed, catalogue, days=days, discovery=discovery)
    strangers = replace(listeners, heard=[np.empty(0, np.int32)] * 3, habit=np.full(3, np.nan, np.float32))
    funnel = make_funnel(seed, catalogue, PolicySettings(candidates=width))
    for people in (listeners, strangers):
        for path in PATHS.values():
            check(catalogue, *path(funnel, people, count), count)


MUST_HOLD = (*order.TRACK_RULES, OnePerFamily(), ArtistCap(), PopularityCeiling())


@pytest.mark.parametrize("missing", MUST_HOLD, ids=lambda rule: rule.name)
@pytest.mark.parametrize("path", PATHS)
def test_the_check_above_notices_each_rule_that_is_left_out(missing: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACK_RULES", "LIST_RULES"):
        monkeypatch.setattr(order, name, tuple(rule for rule in getattr(order, name) if rule.name != missing.name))
    assert any(breaks(seed, PATHS[path]) for seed in range(30))


def breaks(seed: int, path: Path) -> bool:
    catalogue = make_catalogue(seed, 60)
    asked, lists = path(make_funnel(seed, catalogue), make_listeners(seed, catalogue), 12)
    try:
        check(catalogue, asked, lists, 12)
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
    heavy = (DEFAULT_POLICY, PolicySettings(calibration=30, artist_decay=0), PolicySettings(diversity=3, artist_decay=0))
    for seed, policy in ((seed, policy) for seed in range(6) for policy in heavy):
        catalogue = replace(make_catalogue(seed, 80), artist=np.arange(80, dtype=np.int32) % 9)
        listeners = make_listeners(seed, catalogue).some(np.array([0]))
        listeners = replace(listeners, heard=[rows[:9] for rows in listeners.heard], explicit_allowed=np.array([seed > 0]))
        funnel = make_funnel(seed, catalogue, policy)
        score = np.linspace(1, 0, 80, dtype=np.float32)[None]
        rows = np.random.default_rng(seed).permutation(80).astype(np.int32)[None]
        taken = funnel._lists.taken(listeners, Ranked(rows, score, RETRIEVED), 10, weighed=True)
        left = np.where(order.allowed_alone(listeners, catalogue, rows), rows, NO_TRACK)
        ranked = Ranked(left[left >= 0][None], score[left >= 0][None], RETRIEVED)
        lists = funnel._lists.make(listeners, ranked, 10, weighed=True)
        assert not set(taken.rows) & set(lists.rows[0, lists.source[0] == RETRIEVED].tolist())
        for row, number in zip(taken.rows, taken.rule, strict=True):
            rule = order.rules()[number]
            seen.add(rule.name)
            reason = rule.reason(Removal(listeners, catalogue, 0, int(row)))
            assert len(reason) > 8
            assert not reason.endswith(".")
    assert seen == {rule.name for rule in order.rules()}


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (DAY + timedelta(days=17), None, "not licensed in SE until 3 Dec 2026"),
        (DAY - timedelta(days=9), DAY + timedelta(days=2), "its licence in SE ends on 18 Nov 2026"),
        (DAY - timedelta(days=9), DAY - timedelta(days=1), "no longer licensed in SE since 15 Nov 2026"),
    ],
)
def test_a_licence_says_until_when(start: date, end: date | None, reason: str) -> None:
    catalogue = make_catalogue(1, 1)
    window = Licences(
        np.array([0], dtype=np.int32),
        np.array(["SE"], dtype=object),
        np.array([start], dtype="datetime64[D]"),
        np.array([end or date(2200, 1, 1)], dtype="datetime64[D]"),
    )
    object.__setattr__(catalogue, "licences", window)
    listeners = make_listeners(1, catalogue)
    object.__setattr__(listeners, "territory", ["SE"] * 3)
    rule = next(rule for rule in order.TRACK_RULES if rule.name == "licence")
    assert rule.reason(Removal(listeners, catalogue, 0, 0)) == reason


def test_two_windows_that_meet_cover_the_week_together() -> None:
    catalogue = make_catalogue(1, 1)
    object.__setattr__(catalogue, "everywhere", np.array([False]))
    middle = DAY + timedelta(days=3)
    windows = Licences(
        np.array([0, 0], dtype=np.int32),
        np.array(["SE", "SE"], dtype=object),
        np.array([DAY, middle], dtype="datetime64[D]"),
        np.array([middle, DAY + timedelta(days=7)], dtype="datetime64[D]"),
    )
    object.__setattr__(catalogue, "licences", windows)
    assert catalogue.playable("SE", DAY, DAY + timedelta(days=6)).all()
    assert not catalogue.playable("SE", DAY, DAY + timedelta(days=7)).any()


def test_of_two_tracks_as_much_played_in_a_month_the_chart_has_the_one_played_lately_first() -> None:
    known = make_catalogue(3, 4)
    plays, lately = np.array([5, 20, 20, 19], np.float32), np.array([0.9, 0.2, 0.6, 0.2], np.float32)
    now = replace(known, plays=plays, territory_plays={"SE": np.array([0, 9, 9, 0], np.float32)}, lately=lately, _popular={})
    assert now.popular(None).order.tolist() == [2, 0, 1, 3]
    assert now.popular("SE").order.tolist() == [2, 1, 0, 3]
    assert now.popular("SE").share.max() == 1
