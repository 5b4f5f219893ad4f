"""Where a day ends, which week follows, and where history is cut."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.dates import as_of_for_week, days_of_week, end_of, split_at, start_of, week_after

DAYS = st.dates(min_value=date(1970, 1, 1), max_value=date(2100, 1, 1))


def test_a_day_ends_where_the_next_begins() -> None:
    assert end_of(date(2026, 12, 31)) == datetime(2027, 1, 1, tzinfo=UTC) == start_of(date(2027, 1, 1))
    assert end_of(date(2028, 2, 28)) == datetime(2028, 2, 29, tzinfo=UTC)


@settings(deadline=None, database=None)
@given(DAYS)
def test_the_playlist_of_a_week_uses_what_was_known_the_day_before(day: date) -> None:
    week = week_after(day)
    assert as_of_for_week(week) == day
    assert end_of(as_of_for_week(week)) == start_of(days_of_week(week)[0])
    assert days_of_week(week)[1] - days_of_week(week)[0] == timedelta(days=6)


@pytest.mark.parametrize("held", [1, 7, 28])
def test_the_three_parts_of_history_meet_without_a_gap(held: int) -> None:
    split = split_at(date(2026, 11, 15), held)
    assert split.end == end_of(date(2026, 11, 15))
    assert split.end - split.cutoff == split.cutoff - split.rank_from == timedelta(days=held)
    assert all(moment == start_of(moment.date()) for moment in (split.rank_from, split.cutoff, split.end))
