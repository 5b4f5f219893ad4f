"""For which days, whose chart and which tracks the weekly list answers, when it is asked for before, in and after its week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from random_catalogues import make_catalogue
from serving_platform import Platform

from segue.dates import days_of_week
from segue.names import Fallback
from segue.playlists import VisibleWeek
from segue.requests import TrackList
from serving.funnel.people import listeners_of
from serving.live import stored_playlist
from serving.policy.rule import Listeners
from serving.tracks.catalogue import Catalogue, Licences
from serving.weekly import command as weekly

FIRST, LAST = date(2026, 11, 16), date(2026, 11, 22)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("closes", "today", "may_be_played"),
    [
        (LAST + 3 * DAY, LAST + 3 * DAY, False),
        (LAST + 3 * DAY, LAST + 2 * DAY, True),
        (LAST + 3 * DAY, LAST, True),
        (LAST, FIRST, False),
    ],
)
def test_a_track_whose_window_closed_by_today_is_out_though_it_was_open_all_the_week(
    closes: date, today: date, may_be_played: bool
) -> None:
    days = stored_playlist.days_left(_visible(), today)
    assert days[0] == today
    assert _window(date(2026, 1, 1), closes).playable("SE", *days).all() == may_be_played


def test_a_list_asked_for_before_its_week_begins_has_only_what_may_be_played_today() -> None:
    catalogue = _window(FIRST, LAST + DAY)
    assert not catalogue.playable("SE", *stored_playlist.days_left(_visible(), FIRST - DAY)).any()
    assert catalogue.playable("SE", *stored_playlist.days_left(_visible(), FIRST)).all()


@pytest.mark.parametrize("user", ["u00002", "stranger"])
def test_a_stored_list_and_the_popular_are_both_asked_about_today_and_what_is_left_of_the_week(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    weekly.run(week=platform.week, engine="local")
    asked: set[tuple[date, date]] = set()
    playable = Catalogue.playable

    def noting(self: Catalogue, territory: str | None, first: date, last: date) -> Any:
        asked.add((first, last))
        return playable(self, territory, first, last)

    monkeypatch.setattr(Catalogue, "playable", noting)
    before, last = datetime.now(UTC).date(), days_of_week(platform.week)[1]
    listed(client, user)
    assert asked in [{(day, max(day, last))} for day in (before, datetime.now(UTC).date())]


def test_a_traveller_without_history_has_a_list_named_by_the_chart_of_their_account(
    client: TestClient, platform: Platform
) -> None:
    """The stored list is of the chart at home; a territory nobody knows takes tracks from it, and changes no name."""
    weekly.run(week=platform.week, engine="local")
    found = listed(client, platform.gold.new_users[0], territory="FR")
    assert (found.fallback, len(found.tracks) > 0) == (Fallback.NEW_USER, True)


def test_a_list_of_which_nothing_may_be_played_is_no_fallback(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    weekly.run(week=platform.week, engine="local")
    monkeypatch.setattr(Catalogue, "playable", lambda self, *_: np.zeros(len(self), dtype=bool))
    found = listed(client, platform.gold.new_users[0])
    assert (found.fallback, found.tracks) == (None, [])


@pytest.mark.parametrize(("count", "kept_out"), [(2, 2), (0, 0), (None, 4)])
def test_radio_repeats_nothing_ever_heard_where_nobody_counted_the_last_sixty_days(count: int | None, kept_out: int) -> None:
    catalogue = make_catalogue(1, 9)
    policy = {"heard_tracks": [["t000", "t001", "t002", "t003"]], "heard_60d": [count]}
    assert len(_radio(catalogue, policy).heard[0]) == kept_out
    del policy["heard_60d"]
    assert len(_radio(catalogue, policy).heard[0]) == 4


def _radio(catalogue: Catalogue, policy: dict[str, Any]) -> Listeners:
    return listeners_of(catalogue, ["a"], policy, days=(FIRST, FIRST), discovery=False)


def listed(client: TestClient, user: str, **params: str) -> TrackList:
    answer = client.get(f"/v1/users/{user}/weekly", params=params)
    assert answer.status_code == 200, answer.text
    return TrackList.model_validate(answer.json())


def _visible() -> VisibleWeek:
    return VisibleWeek(week=FIRST, release="r", published_at=datetime.now(UTC), users=1)


def _window(opens: date, closes: date) -> Catalogue:
    """Three tracks that may be played in Sweden from `opens` until the day before `closes`, and nowhere else."""
    start, end = (np.full(3, np.datetime64(day)) for day in (opens, closes))
    window = Licences(np.arange(3, dtype=np.int32), np.full(3, "SE", dtype=object), start, end)
    return replace(make_catalogue(1, 3), licences=window, everywhere=np.zeros(3, dtype=bool))
