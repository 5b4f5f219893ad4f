"""The gate lets a release through that earned it, and each of its guards refuses what it is there for."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from unittest.mock import Mock

import numpy as np
import pytest
from sealed_releases import FINGERPRINT, seal, store_evaluation

from segue.errors import SegueError
from segue.home import Home
from segue.live_release import point_to, read_pointer
from segue.playlists import VisibleWeek, show_week
from segue.release import release_path, verdict_path
from trainers import registry
from trainers.evaluation import gate
from trainers.evaluation import result as evaluation
from trainers.evaluation.result import LiveState

NOISE = np.random.default_rng(5).normal(scale=0.02, size=400)
POPULAR = np.full(400, 0.10)
GOOD = POPULAR + 0.05 + NOISE


@pytest.fixture(autouse=True)
def present_features(home: Home, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The feature store serves the features that `seal` writes into a manifest, until a test says otherwise."""
    present = Mock(return_value=FINGERPRINT)
    monkeypatch.setattr(registry, "fingerprint", present)
    monkeypatch.setattr(registry, "shared_store", Mock())
    return present


def _live() -> str | None:
    pointer = read_pointer()
    return pointer.version if pointer else None


def test_the_first_release_goes_live_when_it_beats_popularity() -> None:
    seal("a")
    store_evaluation("a", GOOD, POPULAR)
    outcome = gate.run(version="a")
    assert outcome.exit_code == 0
    assert _live() == "a"
    stored = json.loads(verdict_path("a").read_bytes())
    assert stored["passed"]
    assert "better than popularity" in stored["reason"]
    assert "a is live" in outcome.text


def test_a_release_no_better_than_popularity_is_refused_with_the_reason() -> None:
    seal("a")
    store_evaluation("a", POPULAR + NOISE - NOISE.mean(), POPULAR)
    outcome = gate.run(version="a")
    assert outcome.exit_code == 3
    assert _live() is None
    assert not json.loads(verdict_path("a").read_bytes())["passed"]
    assert "not shown to be better than popularity" in outcome.summary["reason"]


def test_a_release_as_good_as_the_live_one_replaces_it() -> None:
    seal("a")
    seal("b")
    point_to("a")
    store_evaluation("b", GOOD - 0.0005, POPULAR, live=("a", GOOD + NOISE[::-1] / 2))
    assert gate.run(version="b").exit_code == 0
    assert _live() == "b"


def test_a_release_worse_than_the_live_one_is_refused_and_the_pointer_stays() -> None:
    seal("a")
    seal("b")
    point_to("a")
    store_evaluation("b", GOOD, POPULAR, live=("a", GOOD + 0.01 + NOISE[::-1] / 10))
    outcome = gate.run(version="b")
    assert outcome.exit_code == 3
    assert _live() == "a"
    assert "worse than the live release a" in outcome.summary["reason"]
    assert "a stays live" in outcome.text


def test_a_gain_over_popularity_has_to_be_sure_and_not_only_a_mean_above_zero() -> None:
    """A mean of 0.9 standard errors is refused, one of 2.2 passes: 97.5 % in one direction asks for 1.96."""
    noise = (NOISE - NOISE.mean()) / (NOISE.std() / np.sqrt(len(NOISE)))
    for version, errors, code in (("a", 0.9, 3), ("b", 2.2, 0)):
        seal(version)
        store_evaluation(version, POPULAR + (noise + errors) / 1_000, POPULAR)
        assert gate.run(version=version).exit_code == code


def test_pairing_shows_a_small_loss_that_unpaired_noise_would_hide() -> None:
    spread = np.random.default_rng(6).uniform(0.2, 0.8, size=400)
    seal("a")
    seal("b")
    point_to("a")
    store_evaluation("b", spread - 0.005, POPULAR, live=("a", spread + NOISE / 10))
    assert gate.run(version="b").exit_code == 3


def test_a_release_without_evaluation_is_sent_to_segue_evaluate() -> None:
    seal("a")
    with pytest.raises(SegueError, match="run `segue evaluate a` first"):
        gate.run(version="a")
    assert _live() is None


def test_half_an_evaluation_counts_as_none() -> None:
    seal("a")
    store_evaluation("a", GOOD, POPULAR)
    evaluation._users_path("a").write_bytes(b"of another run")
    with pytest.raises(SegueError, match="received half of one"):
        gate.run(version="a")


def test_an_evaluation_beside_another_live_release_has_to_be_made_again() -> None:
    for version in "abc":
        seal(version)
    point_to("a")
    store_evaluation("c", GOOD, POPULAR, live=("a", GOOD))
    point_to("b")
    with pytest.raises(SegueError, match="received one beside a: run `segue evaluate c` again"):
        gate.run(version="c")
    assert _live() == "b"


def test_a_release_with_one_changed_byte_is_refused_by_name() -> None:
    seal("a")
    store_evaluation("a", GOOD, POPULAR)
    path = release_path("a") / "vectors.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SegueError, match=r"vectors\.npy changed"):
        gate.run(version="a")
    assert _live() is None


def test_a_release_trained_on_other_feature_views_is_refused(present_features: Mock) -> None:
    seal("a")
    store_evaluation("a", GOOD, POPULAR)
    present_features.return_value = "e" * 64
    with pytest.raises(SegueError, match="received feature service eeeeeeeeeeee"):
        gate.run(version="a")
    assert _live() is None


def test_a_release_older_than_the_live_one_is_refused() -> None:
    seal("a")
    seal("b")
    point_to("a")
    store_evaluation("b", GOOD, POPULAR, live=("a", GOOD))
    report, users = evaluation.read("b")
    report["live"]["state"] = LiveState.SEEN.name.lower()
    evaluation.store("b", report, users, b"")
    outcome = gate.run(version="b")
    assert outcome.exit_code == 3
    assert "has seen the held-out days" in outcome.summary["reason"]


def test_a_live_release_on_other_feature_views_does_not_hold_a_new_one_back() -> None:
    seal("a", fingerprint="e" * 64)
    seal("b")
    point_to("a")
    store_evaluation("b", GOOD, POPULAR, live=("a", GOOD + 1))
    report, users = evaluation.read("b")
    report["live"]["state"] = LiveState.FEATURES.name.lower()
    evaluation.store("b", report, users, b"")
    assert gate.run(version="b").exit_code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coverage": 0.01}, "different tracks"),
        ({"funnel": np.where(np.arange(400) == 3, np.nan, GOOD)}, "are no numbers"),
        ({"funnel": GOOD[:20], "popular": POPULAR[:20]}, "20 users were asked"),
    ],
)
def test_a_broken_evaluation_is_refused_however_good_its_mean(change: dict[str, object], words: str) -> None:
    seal("a")
    store_evaluation("a", **({"funnel": GOOD, "popular": POPULAR} | change))
    outcome = gate.run(version="a")
    assert outcome.exit_code == 3
    assert words in outcome.summary["reason"]


def test_promoting_the_live_release_again_changes_nothing() -> None:
    seal("a")
    store_evaluation("a", GOOD, POPULAR)
    gate.run(version="a")
    before = read_pointer(), verdict_path("a").read_bytes()
    assert gate.run(version="a").exit_code == 0
    assert (read_pointer(), verdict_path("a").read_bytes()) == before


def test_a_gate_killed_before_the_pointer_moved_finishes_when_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seal("a")
    store_evaluation("a", GOOD, POPULAR)
    with monkeypatch.context() as killed:
        killed.setattr(gate, "point_to", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            gate.run(version="a")
    verdict = verdict_path("a").read_bytes()
    assert _live() is None
    gate.run(version="a")
    assert _live() == "a"
    assert verdict_path("a").read_bytes() == verdict


def test_rollback_after_a_promotion_returns_to_the_release_before() -> None:
    promoted_after_another()
    outcome = registry.rollback()
    assert (_live(), outcome.text, outcome.summary["hint"]) == ("a", "a is live again, instead of b", None)


def test_rollback_to_a_release_of_other_feature_views_is_refused_and_the_live_one_stays(present_features: Mock) -> None:
    promoted_after_another()
    present_features.return_value = "e" * 64
    with pytest.raises(SegueError, match=r"release a was trained on, received feature service eeeeeeeeeeee"):
        registry.rollback()
    assert _live() == "b"


def test_a_week_shown_by_the_release_that_left_is_named_with_what_to_do() -> None:
    promoted_after_another()
    show_week(VisibleWeek(week=date(2026, 11, 16), release="b", published_at=datetime(2026, 11, 15, tzinfo=UTC), users=3))
    words = "the week of 2026-11-16 still shows lists by b: run `segue playlists --week 2026-11-16`"
    rolled_back = registry.rollback()
    assert rolled_back.text.splitlines() == ["a is live again, instead of b", words]
    assert rolled_back.summary["hint"] == words
    assert gate.run(version="b").summary["hint"] is None
    show_week(VisibleWeek(week=date(2026, 11, 16), release="a", published_at=datetime(2026, 11, 15, tzinfo=UTC), users=3))
    registry.rollback()
    promoted = gate.run(version="b")
    assert promoted.text.endswith("b is live\nthe week of 2026-11-16 still shows lists by a: " + words.partition(": ")[2])


def promoted_after_another() -> None:
    """Release `a` was live, then `b` passed the gate."""
    seal("a")
    seal("b")
    point_to("a")
    store_evaluation("b", GOOD, POPULAR, live=("a", GOOD))
    gate.run(version="b")
