"""The held-out question on a handful of listens: what is asked, what is masked, and that nothing after the cutoff is known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segue.dates import split_at
from segue.errors import SegueError
from segue.home import Home
from segue.names import Table
from trainers import examples
from trainers.evaluation import heldout, slices
from trainers.evaluation.heldout import HeldOut, LeftOut
from trainers.examples import Catalogue

SPLIT = split_at(date(2026, 3, 14), 7)  # held out: 8 to 14 March
LISTENS = [
    # user, track, day, weight, first
    ("anna", "t1", 1, 1.0, True),
    ("anna", "t2", 2, 0.0, True),  # skipped early: masked all the same
    ("anna", "t1", 9, 1.0, False),  # a repeat is no answer
    ("anna", "t3", 9, 5.0, True),
    ("anna", "t4", 10, 0.0, True),  # skipped early: no answer
    ("anna", "t6", 10, 1.0, True),  # released in the window
    ("anna", "t7", 10, 1.0, True),  # first played in the window, release date unknown
    ("berit", "t1", 7, 1.0, True),
    ("berit", "t3", 7, 0.5, True),
    ("carl", "t1", 13, 1.0, True),  # no history
]
TRACKS = pd.DataFrame(
    {
        "track_id": [f"t{n}" for n in range(1, 8)],
        "release_date": [*[date(2020, 1, 1)] * 5, date(2026, 3, 10), None],
        "first_seen_at": [*[datetime(2020, 1, 1, tzinfo=UTC)] * 5, *[datetime(2026, 3, 10, tzinfo=UTC)] * 2],
    }
)


def _write(path: Path, frame: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def _write_listens(
    home: Home, listens: list[tuple[str, str, int, float, bool]], surface: dict[str, str] | None = None
) -> None:
    frame = pd.DataFrame(listens, columns=["user_id", "track_id", "day", "weight", "first_listen"])
    frame["integrity"], frame["surface"] = 1.0, frame["track_id"].map(surface or {}).fillna("search")
    frame["event_timestamp"] = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in frame["day"]]
    frame["listen_id"] = [f"l{n}" for n in range(len(frame))]
    for day, rows in frame.groupby("day"):
        _write(home.table(Table.LABELS) / f"day=2026-03-{day:02d}" / "data.parquet", rows.drop(columns="day"))


def _catalogue(instant: datetime) -> Catalogue:
    known = TRACKS[TRACKS["first_seen_at"] < instant]
    frame = pd.DataFrame({"track_id": known["track_id"], "genre": "folk", "users_30d": 9.0}).reset_index(drop=True)
    return Catalogue(frame, ("DE",), np.ones((2, len(frame), 2), np.float32))


@pytest.fixture
def stored(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    _write_listens(home, LISTENS)
    _write(home.table(Table.TRACKS) / "data.parquet", TRACKS)
    _write(
        home.table(Table.USERS) / "data.parquet",
        pd.DataFrame({"user_id": ["anna", "berit", "carl"], "territory": ["DE", "SE", None]}),
    )
    monkeypatch.setattr(heldout, "catalogue_at", _catalogue)
    monkeypatch.setattr(examples, "training_frame", lambda _, rows, **_kw: rows.assign(**dict.fromkeys(examples.SOURCED)))
    monkeypatch.setattr(heldout, "users_at", lambda ids, _: pd.DataFrame({"user_id": list(ids)}))
    return home


@pytest.fixture
def held(stored: Home) -> HeldOut:
    return heldout.held_out(SPLIT)


def _named(held: HeldOut, row: int, matrix: str) -> set[str]:
    return set(held.catalogue.track_ids[getattr(held, matrix)[row].indices])


def test_users_with_a_first_listen_that_was_not_skipped_early_are_asked(held: HeldOut) -> None:
    assert list(held.user_ids) == list(held.users["user_id"]) == ["anna", "carl"]
    assert _named(held, 0, "truth") == {"t3", "t6"}
    assert _named(held, 1, "truth") == {"t1"}
    np.testing.assert_array_equal(held.wanted, [2, 1])


def test_everything_heard_before_the_cutoff_is_masked_skips_too(held: HeldOut) -> None:
    assert _named(held, 0, "heard") == {"t1", "t2"}
    assert _named(held, 1, "heard") == set()


def test_no_answer_is_masked(held: HeldOut) -> None:
    assert held.truth.multiply(held.heard).nnz == 0


def test_baselines_learn_from_listens_before_the_cutoff_alone(held: HeldOut) -> None:
    learned = held.interactions
    assert set(zip(learned.users, learned.tracks, learned.weights, strict=True)) == {(0, 0, 1.0), (1, 0, 1.0), (1, 2, 0.5)}
    assert held.interactions.age_days is not None
    np.testing.assert_allclose(sorted(held.interactions.age_days), [0.5, 0.5, 6.5])


def test_a_listen_after_the_cutoff_changes_nothing_but_the_answers(stored: Home, held: HeldOut) -> None:
    _write_listens(stored, [*LISTENS, ("berit", "t5", 9, 1.0, True), ("berit", "t5", 9, 1.0, False)])
    again = heldout.held_out(SPLIT)
    assert list(again.user_ids) == ["anna", "berit", "carl"]
    np.testing.assert_array_equal(again.interactions.tracks, held.interactions.tracks)
    np.testing.assert_array_equal(again.listeners, held.listeners)
    pd.testing.assert_frame_equal(again.catalogue.frame, held.catalogue.frame)


def test_a_track_released_in_the_window_may_be_recommended_without_its_history(held: HeldOut) -> None:
    row = held.catalogue.frame.set_index("track_id").loc["t6"]
    assert row["genre"] == "folk"
    assert np.isnan(row["users_30d"])
    assert np.isnan(held.catalogue.popularity[:, -1]).all()


def test_a_track_that_merely_began_to_be_played_stays_out_and_is_counted(held: HeldOut) -> None:
    assert "t7" not in set(held.catalogue.track_ids)
    assert held.left_out == LeftOut(out_of_reach=1, brought=0)


def test_what_a_playlist_of_ours_brought_is_no_answer(stored: Home) -> None:
    """The live release would be asked for its own list, and win."""
    _write_listens(stored, LISTENS, surface={"t3": "weekly"})
    again = heldout.held_out(SPLIT)
    assert _named(again, 0, "truth") == {"t6"}
    assert again.left_out == LeftOut(out_of_reach=1, brought=1)
    assert _named(again, 0, "heard") == {"t1", "t2", "t3"}, "nobody may name it: it cannot be a hit"


@pytest.mark.parametrize(("hour", "expected"), [(11, {"t6"}), (13, {"t3", "t6"})])
def test_what_an_answer_of_ours_had_shown_before_is_no_answer(
    stored: Home, monkeypatch: pytest.MonkeyPatch, hour: int, expected: set[str]
) -> None:
    shown = pd.DataFrame({"user_id": ["anna", "carl"], "track_id": ["t3", "t6"], "place": 1})
    shown["at"] = pd.Timestamp(datetime(2026, 3, 9, hour, tzinfo=UTC))
    asked: list[tuple[datetime, datetime]] = []

    def exposures(_users: list[str], since: datetime, until: datetime) -> pd.DataFrame:
        asked.append((since, until))
        return shown

    monkeypatch.setattr(heldout, "exposures", exposures)
    again = heldout.held_out(SPLIT)
    assert _named(again, 0, "truth") == expected
    assert again.left_out.brought == (hour == 11)
    assert asked == [(SPLIT.cutoff - heldout.SHOWN_BEFORE, SPLIT.end)]


def test_listeners_and_territories_are_those_known_before_the_cutoff(held: HeldOut) -> None:
    np.testing.assert_array_equal(held.listeners, [2, 1, 1, 0, 0, 0])
    assert held.known_users == 2
    assert list(held.territories) == ["DE", "ZZ"]


def test_a_window_without_listens_is_refused(stored: Home) -> None:
    with pytest.raises(SegueError, match="received none"):
        heldout.held_out(split_at(date(2026, 3, 28), 7))


def test_a_window_of_repeats_alone_is_refused(stored: Home) -> None:
    _write_listens(stored, [(*row[:4], row[2] < 8) for row in LISTENS])
    with pytest.raises(SegueError, match="SEGUE_HOLDOUT_DAYS"):
        heldout.held_out(SPLIT)


def test_slices_name_new_users_the_long_tail_new_tracks_and_every_territory(held: HeldOut) -> None:
    parts = {part.name: part for part in slices.slices_of(held, slices.SliceConfig(new_user_days=3, head_share=0.5))}
    assert list(parts) == ["new users", "long tail", "known tracks", "new tracks", "territory DE", "territory ZZ"]
    np.testing.assert_array_equal(parts["new users"].users, [False, True])  # anna has listened for a week, carl never
    np.testing.assert_array_equal(parts["long tail"].tracks, [False, True, True, True, True, True])
    assert parts["long tail"].truth(held).nnz == 2
    assert parts["new tracks"].truth(held).nnz == 1
    assert parts["known tracks"].truth(held).nnz == 2
    np.testing.assert_array_equal(np.diff(parts["territory DE"].truth(held).indptr), [2, 0])
