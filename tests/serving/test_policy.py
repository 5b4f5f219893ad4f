"""No path through the funnel lets a forbidden track out: the rules are told again here, track by track, in plain Python."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.policy import PolicySettings
from serving.catalogue import NO_TRACK, Catalogue, Licences
from serving.funnel import Funnel, Lists
from serving.policy import order
from serving.policy.rule import Listeners, Removal, occurrence

DAY = date(2026, 11, 16)
PLACES = (None, "DE", "SE")


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
    return Catalogue(
        ids=ids,
        title=ids,
        artist_id=np.array([f"a{n}" for n in range(size)], dtype=object),
        artist_name=np.array([None] * size, dtype=object),
        genre=np.array([None] * size, dtype=object),
        artist=rng.integers(0, max(1, size // 3), size),
        family=rng.integers(0, max(1, size // 2), size),
        explicit=rng.random(size) < 0.3,
        everywhere=rng.random(size) < 0.5,
        licences=Licences(
            np.array([w[0] for w in windows], dtype=np.int32),
            np.array([w[1] for w in windows], dtype=object),
            np.array([w[2] for w in windows], dtype="datetime64[D]"),
            np.array([w[3] for w in windows], dtype="datetime64[D]"),
        ),
        plays=rng.integers(0, 4, size).astype(np.float32),
        territory_plays={"SE": rng.integers(0, 3, size).astype(np.float32)},
        accounts={},
    )


def make_listeners(seed: int, size: int, *, days: int) -> Listeners:
    rng = np.random.default_rng(seed)

    def some(most: float) -> list[Any]:
        return [np.flatnonzero(rng.random(size) < rng.random() * most).astype(np.int32) for _ in range(3)]

    return Listeners(
        ids=["a", "b", "c"],
        territory=[PLACES[i] for i in rng.integers(0, 3, 3)],
        explicit_allowed=rng.random(3) < 0.5,
        heard=some(0.8),
        disliked=some(0.3),
        excluded=some(0.3),
        first=DAY,
        last=DAY + timedelta(days=days),
    )


def make_funnel(seed: int, catalogue: Catalogue) -> Funnel:
    """A funnel whose model ranks at random, and knows only some of the tracks, and some that the catalogue has not."""
    rng = np.random.default_rng(seed)
    known = rng.permutation(catalogue.ids)[: max(1, int(len(catalogue) * 0.8))]
    ids = np.append(known, "gone").astype(object)
    vectors = rng.normal(size=(len(ids), 4)).astype(np.float32)
    model = SimpleNamespace(
        track_ids=ids,
        vectors=vectors,
        searcher=None,
        policy=PolicySettings(),
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
    return "excluded" if row in listeners.excluded[who] else None


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
        if len(rows) < count:
            addable = [
                row
                for row in range(len(catalogue))
                if forbidden_alone(catalogue, listeners, who, row) is None
                and catalogue.family[row] not in families
                and artists[catalogue.artist[row]] < 2
            ]
            assert not addable, "a short list that could be longer"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 60), count=st.integers(1, 30), days=st.sampled_from((0, 6)))
def test_no_path_lets_a_forbidden_track_out_or_leaves_a_list_short_without_need(
    seed: int, size: int, count: int, days: int
) -> None:
    catalogue = make_catalogue(seed, size)
    listeners, funnel = make_listeners(seed, size, days=days), make_funnel(seed, catalogue)
    check(catalogue, listeners, funnel.personal(listeners, {"user_id": listeners.ids}, count), count)
    check(catalogue, listeners, funnel.popular(listeners, count), count)
    check(catalogue, listeners, Funnel(None, catalogue).popular(listeners, count), count)
    one = listeners.some(np.array([0]))
    neighbours = funnel.similar(catalogue.row(funnel.model.track_ids[0]), one, count)  # type: ignore[union-attr]
    assert neighbours is not None
    check(catalogue, one, neighbours, count)


@pytest.mark.parametrize("missing", order.RULES, ids=lambda rule: rule.name)
def test_the_check_above_notices_each_rule_that_is_left_out(missing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "RULES", tuple(rule for rule in order.RULES if rule is not missing))
    found = 0
    for seed in range(8):
        catalogue, listeners = make_catalogue(seed, 40), make_listeners(seed, 40, days=6)
        try:
            check(catalogue, listeners, Funnel(None, catalogue).popular(listeners, 20), 20)
        except AssertionError:
            found += 1
    assert found


def test_the_first_rule_in_the_declared_order_is_the_one_that_is_named() -> None:
    catalogue, listeners = make_catalogue(3, 40), make_listeners(3, 40, days=6)
    rows = np.tile(np.arange(40, dtype=np.int32), (3, 1))
    verdict = order.removed_by(listeners, catalogue, rows)
    for who in range(3):
        for row in range(40):
            alone = forbidden_alone(catalogue, listeners, who, row)
            name = order.RULES[verdict[who, row]].name if verdict[who, row] >= 0 else None
            assert name == alone or (alone is None and name in ("version_family", "artist_cap"))
    assert {rule.name for rule in order.RULES} == {order.RULES[v].name for v in np.unique(verdict) if v >= 0}


def test_every_removal_has_a_reason_in_words() -> None:
    catalogue, listeners = make_catalogue(3, 40), make_listeners(3, 40, days=6)
    rows = np.tile(np.arange(40, dtype=np.int32), (3, 1))
    verdict = order.removed_by(listeners, catalogue, rows)
    for who, row in zip(*np.nonzero(verdict >= 0), strict=True):
        reason = order.RULES[verdict[who, row]].reason(Removal(listeners, catalogue, int(who), int(row)))
        assert len(reason) > 8
        assert not reason.endswith(".")


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
    listeners = make_listeners(1, 1, days=6)
    object.__setattr__(listeners, "territory", ["SE"] * 3)
    rule = next(rule for rule in order.RULES if rule.name == "licence")
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


def test_occurrences_count_only_the_living_to_the_left() -> None:
    keys, alive = np.array([[7, 7, 8, 7, 8]]), np.array([[True, False, True, True, True]])
    assert occurrence(keys, alive).tolist() == [[0, 0, 0, 1, 1]]
