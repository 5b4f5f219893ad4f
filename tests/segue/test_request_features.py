"""The features of a moment, against the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.request_features import REQUEST_FEATURES, day_of_week, hour_of_day, request_columns


@settings(deadline=None, database=None)
@given(st.datetimes())
def test_hour_and_weekday_are_the_calendars(moment: datetime) -> None:
    times = np.array([moment], "datetime64[us]")
    assert hour_of_day(times).tolist() == [moment.hour]
    assert day_of_week(times).tolist() == [moment.weekday()]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_the_clock_does_not_matter(unit: str) -> None:
    times = np.array(["2026-11-15T23:59:59", "2026-11-16T00:00:00"], f"datetime64[{unit}]")
    assert hour_of_day(times).tolist() == [23, 0]
    assert day_of_week(times).tolist() == [6, 0]


def test_before_the_epoch_too() -> None:
    times = np.datetime64("1970-01-01T00:00:00", "us") - np.array([1], "timedelta64[us]")
    assert hour_of_day(times).tolist() == [23]
    assert day_of_week(times).tolist() == [2]


def test_no_moment_is_unknown_and_only_that() -> None:
    times = np.array(["NaT", "2026-11-16T05:00:00"], "datetime64[us]")
    assert hour_of_day(times).tolist() == [-1, 5]
    assert day_of_week(times).tolist() == [-1, 0]


def test_all_features_come_as_columns_of_one_type() -> None:
    moments = np.datetime64("2026-11-16T00:30:00", "us") + np.arange(48) * np.timedelta64(timedelta(hours=1))
    columns = request_columns(moments)
    assert list(columns) == list(REQUEST_FEATURES)
    assert {(column.dtype.name, column.shape) for column in columns.values()} == {("int64", (48,))}
    assert request_columns(moments[:0])["hour_of_day"].shape == (0,)
