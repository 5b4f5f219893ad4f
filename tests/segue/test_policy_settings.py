"""Which numbers the next release's rules get, and what a release without a number does."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.errors import SegueError
from segue.policy import DEFAULT_POLICY, chosen_policy, policy_of
from segue.settings import get_settings


def say(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SEGUE_POLICY", value)
    get_settings.cache_clear()


def test_a_release_keeps_its_numbers_and_what_did_not_exist_does_nothing() -> None:
    kept = DEFAULT_POLICY.model_dump() | {"artist_cap": 5}
    assert policy_of(kept).artist_cap == 5
    del kept["explore_slots"], kept["staying"]
    assert (policy_of(kept).explore_slots, policy_of(kept).staying) == (0, 0)
    assert (DEFAULT_POLICY.explore_slots, DEFAULT_POLICY.staying) == (3, 1)


def test_a_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SegueError, match="artist_cop"):
        policy_of({"artist_cop": 1})


@pytest.mark.parametrize("in_a_file", [False, True])
def test_the_setting_is_json_or_a_file_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, in_a_file: bool) -> None:
    said = '{"artist_cap": 4, "adventurousness": 0.1}'
    (tmp_path / "policy.json").write_text(said)
    say(monkeypatch, str(tmp_path / "policy.json") if in_a_file else said)
    found = chosen_policy()
    assert (found.artist_cap, found.adventurousness, found.diversity) == (4, 0.1, DEFAULT_POLICY.diversity)


@pytest.mark.parametrize(
    "said", ['{"artist_cap": 0}', '{"small_artists": 1.5}', '{"artist_cop": 1}', "{broken", "/no/such/file"]
)
def test_a_setting_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    say(monkeypatch, said)
    with pytest.raises(SegueError, match="SEGUE_POLICY"):
        chosen_policy()


def test_without_the_setting_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGUE_POLICY", raising=False)
    get_settings.cache_clear()
    assert chosen_policy() == DEFAULT_POLICY
