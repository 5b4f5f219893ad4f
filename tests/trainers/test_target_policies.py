"""Policies of settings, as chances of a slot's candidates: what the chooser of `serving/policy/exploration.py` does there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segue.policy import DEFAULT_POLICY, PolicySettings
from trainers.evaluation import target_policies
from trainers.evaluation.off_policy import Slots
from trainers.evaluation.target_policies import best_ranked, choosing, targets_of

COUNT = 4_000


def slots(**columns: Any) -> Slots:
    """Many slots alike, of three candidates worth the same, of which nothing is known apart from what `columns` say."""
    plain = {
        "took": np.zeros(COUNT, dtype=np.int64),
        "propensity": np.full((COUNT, 3), 1 / 3),
        "worth": np.zeros((COUNT, 3)),
        "mean": np.zeros((COUNT, 3)),
        "deviation": np.ones((COUNT, 3)),
        "genre": np.tile([0, 1, 2], (COUNT, 1)),
        "artist": np.tile([0, 1, 2], (COUNT, 1)),
        "of_genre": np.zeros((COUNT, 3)),
        "newness": np.zeros((COUNT, 3)),
        "tilt": np.zeros(COUNT),
        "dial": np.full(COUNT, 0.5),
        "reward": np.zeros(COUNT),
        "user": np.arange(COUNT),
    }
    return Slots(
        **plain | {name: np.broadcast_to(of, plain[name].shape).astype(plain[name].dtype) for name, of in columns.items()}
    )


def chances(policy: PolicySettings, at: float | None = None, **columns: Any) -> Any:
    return choosing(policy, at)(slots(**columns)).mean(axis=0)


def test_what_is_equal_has_equal_chances() -> None:
    assert chances(DEFAULT_POLICY) == pytest.approx([1 / 3] * 3, abs=0.01)


def test_candidates_that_share_their_draws_win_together_and_the_better_ranked_has_both_chances() -> None:
    alike: dict[str, Any] = {"genre": [0, 0, 1], "artist": [5, 5, 6], "of_genre": 0.8, "worth": [1e-6, 0, 0]}
    bare = PolicySettings(explore_floor=1e-9)
    assert chances(bare, 1.0, **alike) == pytest.approx([1 / 2, 0, 1 / 2], abs=0.01)
    assert chances(bare, 1.0, **alike | {"artist": [5, 6, 7], "of_genre": 0.0}) == pytest.approx([1 / 3] * 3, abs=0.01)


def test_the_floor_gives_every_open_candidate_its_part_and_none_to_what_is_closed() -> None:
    sure = {"worth": [50, 0, 0], "propensity": [0.5, 0.5, 0]}
    assert chances(PolicySettings(explore_floor=0.2), **sure) == pytest.approx([0.9, 0.1, 0])


def test_the_weight_and_the_dial_say_how_much_what_is_drawn_counts() -> None:
    ranked, bare = {"worth": [0.5, 0, 0]}, 1e-9
    dial = [chances(PolicySettings(explore_floor=bare), at, **ranked)[0] for at in (0.25, 0.5, 1.0)]
    assert dial[0] > dial[1] + 0.05 > dial[2] + 0.1
    twice = chances(PolicySettings(explore_floor=bare, explore_weight=1.0), 0.5, **ranked)
    assert twice[0] == pytest.approx(dial[2])
    assert chances(PolicySettings(explore_floor=bare), None, **ranked | {"dial": 1.0})[0] == pytest.approx(dial[2])


def test_a_dial_asks_for_as_much_of_what_is_new_as_a_list_made_with_it_would() -> None:
    even = {"newness": [1.0, 0, 0]}
    at = {dial: chances(PolicySettings(novelty=0.8), dial, **even)[0] for dial in (0.25, 0.5, 1.0)}
    assert at[0.25] < at[0.5] - 0.05 < at[1.0] - 0.1
    made_so = chances(PolicySettings(novelty=0.8), 1.0, **even | {"worth": [0.8, 0, 0], "tilt": 0.8})
    assert made_so[0] == pytest.approx(at[1.0]), "what is in the worth already is not counted twice"
    without = chances(PolicySettings(usual_novelty=0.0, novelty=0.0), 1.0, **even | {"worth": [0.8, 0, 0], "tilt": 0.8})
    assert without == pytest.approx([1 / 3] * 3, abs=0.01)
    still = choosing(PolicySettings(novelty=0.8), 0.0)(slots(**even))
    assert still[:, 0].max() == 0


def test_what_does_not_explore_takes_the_best() -> None:
    given = slots(worth=[0.1, 0.2, 0])
    for policy, dial in ((PolicySettings(explore_slots=0), 1.0), (DEFAULT_POLICY, 0.0), (DEFAULT_POLICY, 0.05)):
        assert (choosing(policy, dial)(given) == best_ranked(given)).all()
    assert (choosing(DEFAULT_POLICY, 0.1)(given) != best_ranked(given)).any(), "a tenth of the way is one slot of thirty"


def test_a_smaller_pool_looks_at_the_first_of_the_candidates() -> None:
    assert chances(PolicySettings(explore_pool=2))[2] == 0
    closed = {"propensity": [0, 0, 1.0]}
    assert chances(PolicySettings(explore_pool=2), **closed) == pytest.approx([0, 0, 1]), "unless none of them is open"


def test_settings_that_name_a_dial_are_asked_with_it_and_others_with_that_of_each_list() -> None:
    given = slots(worth=[0.5, 0, 0], dial=0.25)
    named = targets_of(DEFAULT_POLICY, PolicySettings(adventurousness=1.0))
    assert (named["--policy"](given) == named["dial at 1"](given)).all()
    unnamed = targets_of(DEFAULT_POLICY, PolicySettings(artist_cap=1))
    assert (unnamed["--policy"](given) == unnamed["this release"](given)).all()
    assert (named["--policy"](given) != unnamed["--policy"](given)).any()


def test_every_slot_has_draws_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_policies, "DRAWS", 1)
    won = choosing(PolicySettings(explore_floor=1e-9), 1.0)(slots()).argmax(axis=1)
    assert set(won) == {0, 1, 2}
    again = replace(slots(), reward=np.ones(COUNT))
    assert (choosing(PolicySettings(explore_floor=1e-9), 1.0)(again).argmax(axis=1) == won).all(), "the same every time"
