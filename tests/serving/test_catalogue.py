"""What a catalogue says of its tracks: where they may be played and until when, and which are popular now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from random_catalogues import DAY, make_catalogue, make_listeners

from serving.catalogue import Licences
from serving.policy import order
from serving.policy.rule import Removal


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
