"""The session model of a release: which sessions it learns from, and when there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from segue.errors import SegueError
from trainers.sessions import radio
from trainers.sessions.config import SessionConfig
from trainers.sessions.next_order import NextOrder, OrderConfig
from trainers.sessions.radio import sessions_of, write_sessions

CATALOGUE = np.array(["a", "b", "c"], object)
CONFIG = SessionConfig(dimensions=8, sampled=8, uniform=8, passes=2, rate=1e-2, table_rate=2e-2)


def listens(rows: list[tuple[str | None, str, float]]) -> pd.DataFrame:
    """Labels of (session, track, weight), a minute apart."""
    frame = pd.DataFrame(rows, columns=["session_id", "track_id", "weight"])
    return frame.assign(event_timestamp=pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(np.arange(len(rows)), "min"))


def turns(count: int) -> pd.DataFrame:
    """Sessions that walk around the circle of the catalogue."""
    return listens([(f"s{n:04d}", "abc"[(n + step) % 3], 1.0) for n in range(count) for step in range(4)])


def test_sessions_are_what_was_heard_in_order_oldest_first() -> None:
    rows = [
        ("z", "a", 1.0),
        ("y", "c", 1.0),
        ("z", "b", 0.0),
        ("y", "b", 0.5),
        ("z", "c", 1.0),
        (None, "a", 1.0),
        ("y", "x", 1.0),
    ]
    found = sessions_of(listens(rows), CATALOGUE)
    assert found.tracks.tolist() == [0, 2, 2, 1]
    assert found.starts.tolist() == [0, 2, 4]


def test_the_model_of_a_release_answers_over_its_catalogue(tmp_path: Path) -> None:
    said = write_sessions(tmp_path, sessions_of(turns(60), CATALOGUE), 3, CONFIG, seed=17)
    assert said["sessions"] == 60
    loaded = tf.saved_model.load(str(tmp_path / "sessions"))
    answer = loaded.next(tf.constant([[0, 1, -1]], tf.int64)).numpy()
    assert answer.shape == (1, 3)
    assert answer[0].argmax() == 2


def test_listens_without_sessions_make_a_release_without_the_model(tmp_path: Path) -> None:
    alone: list[tuple[str | None, str, float]] = [("s", "a", 1.0), ("t", "b", 1.0), (None, "c", 1.0), (None, "c", 1.0)]
    assert write_sessions(tmp_path, sessions_of(listens(alone), CATALOGUE), 3, CONFIG, seed=17) == {"sessions": 0}
    assert write_sessions(tmp_path, sessions_of(listens([(None, "a", 1.0)]), CATALOGUE), 3, CONFIG, seed=17) == {"sessions": 0}
    assert not (tmp_path / "sessions").exists()


def test_an_order_that_diverged_is_refused_and_no_radio_is_written(tmp_path: Path) -> None:
    with pytest.raises(SegueError, match="stay finite"):
        write_sessions(tmp_path, sessions_of(turns(1_200), CATALOGUE), 3, CONFIG, OrderConfig(rate=float("inf")), seed=17)
    assert not (tmp_path / "sessions").exists()


def test_a_broken_radio_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(config: OrderConfig, about: np.ndarray) -> NextOrder:
        order = NextOrder(config, about)
        order.layers[-1].bias.assign([float("nan")])
        return order

    monkeypatch.setattr(radio, "NextOrder", broken)  # as it would be where nothing notices that its training diverged
    with pytest.raises(SegueError, match="8 of 8 answers"):
        write_sessions(tmp_path, sessions_of(turns(60), CATALOGUE), 3, CONFIG, seed=17)
    assert not (tmp_path / "sessions").exists()
