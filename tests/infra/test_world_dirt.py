"""The defects of the log: all kinds are there, at the rate of the parameters, and the truth names each dirty row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from worlds import SMALL, landed, truth

from infra.world.command import run
from infra.world.dirt import DEFECTS, soiled
from infra.world.parameters import DirtParameters
from infra.world.rows import Rows
from segue.events import Event
from segue.settings import get_settings


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dirty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(folder))
        get_settings.cache_clear()
        run(**SMALL)
    get_settings.cache_clear()
    return folder


@pytest.fixture(scope="module")
def events(root: Path) -> pd.DataFrame:
    """Landed rows with their defect, or `clean`."""
    defects = truth(root, "defects")[["event_id", "received_at", "defect"]]
    merged = landed(root, "events").to_pandas().merge(defects, how="left", on=["event_id", "received_at"])
    return merged.assign(defect=merged.defect.fillna("clean"))


def _event(row: Any) -> Event:
    columns = {name: getattr(row, name) for name in Event.model_fields}
    return Event(**{name: None if pd.isna(value) else value for name, value in columns.items()})


def test_every_kind_of_defect_is_there_about_as_often_as_the_parameters_say(events: pd.DataFrame) -> None:
    shares = events.defect.value_counts(normalize=True)
    assert set(shares.index) == set(DEFECTS)
    for name in ("duplicate", "late", "missing_device", "missing_territory", "unknown_track", "clock_ahead"):
        assert shares[name] == pytest.approx(getattr(DirtParameters(), name), rel=0.5), name


def test_rows_without_a_defect_keep_the_contract(events: pd.DataFrame) -> None:
    clean = events[events.defect == "clean"].sample(2_000, random_state=1)
    assert all(_event(row) for row in clean.itertuples())


def test_rows_with_garbage_break_the_contract(events: pd.DataFrame) -> None:
    breaking = (
        "garbage_type",
        "garbage_ms",
        "garbage_user",
        "missing_event_id",
        "missing_user",
        "missing_track",
        "missing_time",
    )
    for row in events[events.defect.isin(breaking)].itertuples():
        with pytest.raises(ValidationError):
            _event(row)


def test_a_duplicate_is_the_same_event_received_again(events: pd.DataFrame) -> None:
    copies = events[events.defect == "duplicate"]
    first = events[events.event_id.isin(copies.event_id) & (events.defect == "clean")]
    pairs = copies.merge(first, on="event_id", suffixes=("", "_first"))
    assert len(pairs) == len(copies) > 50
    assert (pairs.received_at > pairs.received_at_first).all()
    for column in ("user_id", "track_id", "occurred_at", "event_type"):
        assert (pairs[column] == pairs[f"{column}_first"]).all()
    assert not events[events.defect == "clean"].event_id.duplicated().any()


def test_late_events_land_days_after_they_happened(events: pd.DataFrame) -> None:
    late, clean = events[events.defect == "late"], events[events.defect == "clean"]
    days = (late.received_at - late.occurred_at).dt.total_seconds() / 86_400
    assert days.between(1, 5.3).all()
    assert days.max() > 4
    assert ((clean.received_at - clean.occurred_at).dt.total_seconds() < 3_600).all()


def test_wrong_clocks_are_ahead_or_start_in_1970(events: pd.DataFrame) -> None:
    ahead, reset = events[events.defect == "clock_ahead"], events[events.defect == "clock_reset"]
    assert (ahead.occurred_at > ahead.received_at + pd.Timedelta(hours=1)).all()
    assert (reset.occurred_at.dt.year == 1970).all()


def test_unknown_tracks_are_in_no_catalogue(root: Path, events: pd.DataFrame) -> None:
    known = set(landed(root, "tracks").column("track_id").to_pylist())
    assert not events[events.defect == "unknown_track"].track_id.isin(known).any()
    assert events[events.defect == "clean"].track_id.isin(known).all()


def test_a_world_without_defects_is_clean(root: Path) -> None:
    rows = _rows(1_000)
    clean = replace(DirtParameters(), **dict.fromkeys(DEFECTS[1:], 0.0))
    left = soiled(clean, rows, np.random.default_rng(1), epoch_us=0)
    assert len(left) == len(rows)
    assert not left.defect.any()


def _rows(count: int) -> Rows:
    numbers = np.arange(count)
    return Rows(
        **{name: numbers.astype(np.int64) for name in Rows.__dataclass_fields__} | {"defect": np.zeros(count, np.int8)}
    )
