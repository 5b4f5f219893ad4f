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
from trainers.sessions.gru import SessionModel
from trainers.sessions.next_order import NextOrder, OrderConfig
from trainers.sessions.radio import held_back, passes_over, radio_of, sessions_of, write_sessions
from trainers.sessions.session_lists import Sessions

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


def walks(count: int, first: int = 0, tracks: int = 3) -> list[list[int]]:
    """Sessions of four plays around the circle of `tracks` tracks that begin at `first`."""
    return [[first + (n + step) % tracks for step in range(4)] for n in range(count)]


@pytest.mark.parametrize(
    ("count", "most", "made"), [(2, 3, 3), (2, 1, 1), (3, 3, 2), (4, 3, 1), (6, 3, 1), (7, 3, 1), (9, 0, 1)]
)
def test_a_larger_log_is_gone_through_less_often_and_never_not_at_all(
    monkeypatch: pytest.MonkeyPatch, count: int, most: int, made: int
) -> None:
    """Four plays a session, 24 in all passes together."""
    monkeypatch.setattr(radio, "NEWEST_PLAYS", 24)
    assert passes_over(Sessions.of(walks(count)), most) == made


@pytest.mark.parametrize(("most", "late"), [(100, 4), (12, 3), (11, 2), (3, 0)])
def test_the_last_tenth_is_held_back_and_no_more_plays_of_it_than_are_asked(
    monkeypatch: pytest.MonkeyPatch, most: int, late: int
) -> None:
    monkeypatch.setattr(radio, "HELD_PLAYS", most)
    sessions = Sessions.of(walks(40))
    before, after = held_back(sessions)
    assert (len(before), len(after)) == (40 - late, late)
    assert [*before.tracks, *after.tracks] == sessions.tracks.tolist()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sessions and the passes of every session model that is trained."""
    given: list[tuple[int, int]] = []
    fit = SessionModel.fit

    def noting(self: SessionModel, sessions: Sessions, n_tracks: int) -> SessionModel:
        given.append((len(sessions), self.config.passes))
        return fit(self, sessions, n_tracks)

    monkeypatch.setattr(SessionModel, "fit", noting)
    return given


@pytest.mark.parametrize(("most", "passes"), [(9_600, 2), (9_599, 1)])
def test_the_order_is_taught_by_a_session_model_of_as_many_passes_that_does_not_know_the_answers(
    monkeypatch: pytest.MonkeyPatch, trained: list[tuple[int, int]], most: int, passes: int
) -> None:
    """4,800 plays: two passes over those before the answers alone would be within both budgets."""
    monkeypatch.setattr(radio, "NEWEST_PLAYS", most)
    _, said = radio_of(Sessions.of(walks(1_200)), 3, CONFIG, OrderConfig(), seed=17)
    assert trained == [(1_080, passes), (1_200, passes)]
    assert said["session_passes"] == passes
    assert said["radio_hit_rate"] == 1.0


def test_where_too_little_is_held_back_one_session_model_learns_from_everything(trained: list[tuple[int, int]]) -> None:
    _, said = radio_of(Sessions.of(walks(60)), 3, CONFIG, OrderConfig(), seed=17)
    assert trained == [(60, 2)]
    assert said == {"sessions": 60, "session_passes": 2}


def test_a_radio_knows_what_was_held_back_to_teach_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions.of([*walks(1_200), *([[6, 7]] * 20)])
    before, late = held_back(sessions)
    assert {6, 7} & set(before.tracks.tolist()) == set()
    assert len(late.prefixes()[1]) >= radio.FEWEST_PREFIXES
    assert likeliest(sessions, 6) == 7
    models = radio.models_of
    monkeypatch.setattr(radio, "models_of", lambda _, *others, **named: models(before, *others, **named))
    assert likeliest(sessions, 6) != 7, "the twin: what taught the order is kept"


def likeliest(sessions: Sessions, after: int) -> int:
    """What a radio of `sessions` of eight tracks thinks comes next after one."""
    network, _ = radio_of(sessions, 8, CONFIG, OrderConfig(), seed=17)
    assert network
    return int(network.next(tf.constant([[after]], tf.int64)).numpy()[0].argmax())
