"""A demo whose gate refuses: the round ends without anything served, and only a loop that never had a release has failed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.demo.failure import DemoFailureError
from infra.demo.plan import thirty_music_plan
from infra.demo.rounds import Loop, Turn


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Loop, list[str]]:
    """A loop over three rounds in which the gate refuses every release; and what the screen said."""
    for month in ("04", "06", "08"):
        (tmp_path / f"plays-2014-{month}.tsv").write_text("UserId\n")
    said: list[str] = []
    platform: Any = SimpleNamespace(screen=SimpleNamespace(say=said.append))
    follower: Any = SimpleNamespace(trigger=lambda *_: "run", api=SimpleNamespace(runs=lambda _: []))
    loop = Loop(platform, follower, thirty_music_plan(tmp_path))

    def release(turn: Turn, _: str) -> None:
        turn.version, turn.reason = "v1", "not better than popularity"

    monkeypatch.setattr(loop, "_release", release)
    monkeypatch.setattr("infra.demo.rounds.read_pointer", lambda: None)
    return loop, said


def test_a_refused_first_release_is_said_and_the_next_round_may_earn_it(refused: tuple[Loop, list[str]]) -> None:
    loop, said = refused
    turn = loop.turn(loop.plan.rounds[0])
    assert turn.as_of == date(2014, 4, 25)
    assert not turn.promoted
    assert turn.drift_before is None
    assert turn.drift_after is None
    assert loop.turns == [turn]
    assert "not better than popularity" in said[-1]


def test_a_loop_without_any_release_at_its_end_has_failed(refused: tuple[Loop, list[str]]) -> None:
    loop, _ = refused
    for round_ in loop.plan.rounds[:-1]:
        loop.turn(round_)
    with pytest.raises(DemoFailureError, match="refused every release: not better than popularity"):
        loop.turn(loop.plan.rounds[-1])
