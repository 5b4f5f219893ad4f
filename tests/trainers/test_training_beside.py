"""A session model that fails beside the others is heard of at the next step of the training, not after all of them."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import Any

import pytest
from gold_tables import AS_OF
from killed_sessions import killed
from trained_home import TINY, checkerboard_home

from segue.errors import SegueError
from segue.own_process import Beside
from segue.release import versions
from trainers import fitting, train
from trainers.sessions.gru import SessionConfig

__all__ = ["checkerboard_home"]
pytestmark = pytest.mark.usefixtures("checkerboard_home")
WITH_SESSIONS = replace(TINY, sessions=SessionConfig(dimensions=8, sampled=8, uniform=8, passes=1))


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What began to learn while the session model's process was killed: the retriever's time is the time until it is."""
    began: list[str] = []

    def retriever(*_: object, **__: object) -> tuple[None, None, dict[str, Any]]:
        began.append("retriever")
        for child in multiprocessing.active_children():
            child.join()
        return None, None, {}

    def ranker(*_: object, **__: object) -> None:
        began.append("ranker")
        raise InterruptedError("a ranker began to learn")

    monkeypatch.setattr(train, "train_sessions", killed)
    monkeypatch.setattr(train, "read_release_rows", lambda *_, **__: None)
    monkeypatch.setattr(fitting, "fit_retriever", retriever)
    monkeypatch.setattr(fitting, "fit_ranker", ranker)
    return began


def test_a_session_model_that_was_killed_is_told_before_the_ranker_begins(learned: list[str]) -> None:
    with pytest.raises(SegueError, match="its end by SIGKILL before it had a result"):
        train.run(as_of=AS_OF, hyper=WITH_SESSIONS)
    assert learned == ["retriever"]
    assert not versions()


def test_without_the_look_between_the_steps_the_ranker_would_learn_for_nothing(
    learned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Beside, "check", lambda _: None)
    with pytest.raises(InterruptedError, match="a ranker began"):
        train.run(as_of=AS_OF, hyper=WITH_SESSIONS)
    assert learned == ["retriever", "ranker"]


def test_without_a_session_model_nothing_keeps_the_ranker_waiting(learned: list[str]) -> None:
    with pytest.raises(InterruptedError, match="a ranker began"):
        train.run(as_of=AS_OF, hyper=TINY)
    assert learned == ["retriever", "ranker"]
