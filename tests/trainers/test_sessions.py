"""The session model on a circle of tracks, where the next one is certain; what is saved; training that goes wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from segue.errors import SegueError
from trainers.sessions.config import SessionConfig
from trainers.sessions.gru import SessionModel
from trainers.sessions.session_lists import Sessions

TRACKS = 12
TINY = SessionConfig(dimensions=16, plays=200, sampled=16, uniform=16, passes=5, rate=5e-3, table_rate=1e-2)


def circle(count: int = 150) -> Sessions:
    """Sessions that walk around the circle of tracks, of 2 to 29 plays: longer ones than the model looks at, too."""
    rng = np.random.default_rng(17)
    return Sessions.of([(at + np.arange(rng.integers(2, 30))) % TRACKS for at in rng.integers(0, TRACKS, count)])


@pytest.fixture(scope="module")
def model() -> SessionModel:
    return SessionModel(TINY).fit(circle(), TRACKS)


def test_the_next_track_of_a_circle_is_learned(model: SessionModel) -> None:
    found = model.scores(Sessions.of([[at, (at + 1) % TRACKS] for at in range(TRACKS)]))
    assert found.argmax(axis=1).tolist() == [(at + 2) % TRACKS for at in range(TRACKS)]
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
    assert model.losses[-1] < model.losses[0] / 3


def test_a_repeat_is_learned_where_tracks_repeat() -> None:
    again = Sessions.of([[at] * 4 for at in range(TRACKS)] * 8)
    found = SessionModel(TINY).fit(again, TRACKS).scores(Sessions.of([[3], [3, 3]]))
    assert found.argmax(axis=1).tolist() == [3, 3]


def test_an_empty_session_has_no_scores_and_changes_no_other(model: SessionModel) -> None:
    found = model.scores(Sessions.of([[], [3]]))
    assert not found[0].any()
    np.testing.assert_allclose(found[1], model.scores(Sessions.of([[3]]))[0], rtol=1e-5)


def test_the_same_sessions_and_seed_give_the_same_model(model: SessionModel) -> None:
    again = SessionModel(TINY).fit(circle(), TRACKS)
    assert again.losses == model.losses
    np.testing.assert_array_equal(again.scores(Sessions.of([[1, 2]])), model.scores(Sessions.of([[1, 2]])))


def test_a_saved_model_answers_the_same(model: SessionModel, tmp_path: Path) -> None:
    model.save(tmp_path / "sessions")
    loaded = tf.saved_model.load(str(tmp_path / "sessions"))
    answer = loaded.next(tf.constant([[3, 4, -1]], tf.int64)).numpy()
    np.testing.assert_allclose(answer, model.scores(Sessions.of([[3, 4]])), rtol=1e-5)


def test_training_that_diverges_stops_and_says_so() -> None:
    wild = SessionConfig(dimensions=16, passes=3, rate=float("nan"))
    with pytest.raises(SegueError, match="stay finite"):
        SessionModel(wild).fit(circle(), TRACKS)


@pytest.mark.parametrize("name", ["rate", "table_rate", "bias_rate"])
def test_a_model_whose_only_step_breaks_its_weights_is_refused(name: str) -> None:
    """The loss of a step is of the weights before it, so it does not tell what the step did to them."""
    once, sessions = replace(TINY, passes=1, fewest_steps=1), Sessions.of([[0, 1, 2]] * 3)
    with pytest.raises(SegueError, match="weights that are not finite"):
        SessionModel(replace(once, **{name: float("inf")})).fit(sessions, 3)
    assert len(SessionModel(once).fit(sessions, 3).losses) == 1


def test_sessions_of_one_play_are_nothing_to_learn_from() -> None:
    with pytest.raises(SegueError, match="two plays"):
        SessionModel(TINY).fit(Sessions.of([[1], [2]]), TRACKS)
