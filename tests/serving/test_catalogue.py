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
from hypothesis import given, settings
from hypothesis import strategies as st
from random_catalogues import DAY, make_catalogue, make_listeners

from segue.home import Home
from segue.names import Table
from serving.policy import order
from serving.policy.rule import Removal
from serving.tracks import catalogue as catalogue_module
from serving.tracks.catalogue import Catalogue, Licences
from serving.tracks.gold_catalogue import load_catalogue


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


def plainly(catalogue: Catalogue, territory: str | None, first: date, last: date) -> list[bool]:
    """Day by day and window by window, as the word is meant."""
    days, licences = [first + timedelta(days=n) for n in range((last - first).days + 1)], catalogue.licences
    windows = [
        (int(row), start.item(), end.item())
        for row, place, start, end in zip(
            licences.row, licences.territory, licences.valid_from, licences.valid_to, strict=True
        )
        if place == territory
    ]
    return [
        bool(catalogue.everywhere[row])
        or all(any(w == row and start <= day < end for w, start, end in windows) for day in days)
        for row in range(len(catalogue))
    ]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 40), first=st.integers(-10, 12), days=st.integers(0, 8))
def test_what_may_be_played_is_what_the_windows_say_whatever_is_kept_meanwhile(
    seed: int, size: int, first: int, days: int
) -> None:
    catalogue = make_catalogue(seed, size)
    for start in (DAY, DAY + timedelta(days=first)):
        asked = (start, start + timedelta(days=days))
        for territory in (None, "SE", "XX", "DE", "SE"):
            assert catalogue.playable(territory, *asked).tolist() == plainly(catalogue, territory, *asked)


def test_territories_without_a_window_share_what_is_licensed_everywhere_and_fill_nothing() -> None:
    catalogue = make_catalogue(2, 30)
    masks = {id(catalogue.playable(f"{a}{b}", DAY, DAY)) for a in "QX" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    assert masks == {id(catalogue.playable(None, DAY, DAY))}
    assert not catalogue._playable


@pytest.mark.parametrize(("kept", "masks"), [(60, 2), (89, 2), (90, 3), (10, 1)])
def test_the_masks_that_are_kept_are_bounded_by_their_bytes_and_the_oldest_go(
    kept: int, masks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "MASK_BYTES", kept)
    catalogue = make_catalogue(2, 30)
    days = [DAY + timedelta(days=n) for n in range(6)]
    for day in days:
        assert catalogue.playable("SE", day, day).tolist() == plainly(catalogue, "SE", day, day)
    assert sum(mask.nbytes for mask in catalogue._playable.values()) == 30 * masks
    assert list(catalogue._playable) == [("SE", day, day) for day in days[-masks:]]


def test_a_mask_that_is_asked_for_again_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = make_catalogue(2, 30)
    first = catalogue.playable("SE", DAY, DAY)
    monkeypatch.setattr(Catalogue, "_licensed", lambda *_: pytest.fail("made again"))
    assert catalogue.playable("SE", DAY, DAY) is first
