"""What a catalogue says of its tracks: where they may be played and until when, and which are popular now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gold_schemas import SCHEMAS
from gold_tables import write_gold
from random_catalogues import DAY, make_catalogue, make_listeners

from segue.home import Home
from segue.names import Table
from serving.catalogue import Licences
from serving.gold_catalogue import load_catalogue
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


@pytest.mark.parametrize(
    ("start", "end", "playable"),
    [
        (date(1, 1, 1), None, True),
        (date(1600, 1, 1), date(9999, 12, 31), True),
        (None, date(1, 1, 1), False),
        (None, date(1600, 1, 1), False),
        (date(9999, 12, 31), None, False),
    ],
)
def test_a_licence_of_other_centuries_means_what_it_says(
    home: Home, start: date | None, end: date | None, playable: bool
) -> None:
    write_gold(home, users=4, tracks=20, days=2)
    track = load_catalogue().ids[0]
    tracks, licences = (home.table(table) / "data.parquet" for table in (Table.TRACKS, Table.LICENCES))
    rows = pq.ParquetFile(tracks).read().to_pylist()
    rows[0]["licensed_everywhere"] = False
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[Table.TRACKS]), tracks)
    window = {"track_id": track, "territory": "SE", "valid_from": start, "valid_to": end}
    pq.write_table(pa.Table.from_pylist([window], schema=SCHEMAS[Table.LICENCES]), licences)
    assert load_catalogue().playable("SE", DAY, DAY)[0] == playable


def test_of_two_tracks_as_much_played_in_a_month_the_chart_has_the_one_played_lately_first() -> None:
    known = make_catalogue(3, 4)
    plays, lately = np.array([5, 20, 20, 19], np.float32), np.array([0.9, 0.2, 0.6, 0.2], np.float32)
    now = replace(known, plays=plays, territory_plays={"SE": np.array([0, 9, 9, 0], np.float32)}, lately=lately, _popular={})
    assert now.popular(None).order.tolist() == [2, 0, 1, 3]
    assert now.popular("SE").order.tolist() == [2, 1, 0, 3]
    assert now.popular("SE").share.max() == 1
