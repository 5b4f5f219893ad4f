"""Hot reload: a new release is swapped in, a refused one changes nothing."""

from __future__ import annotations

import pytest
from fake_release import make_release
from serving_platform import Platform

from segue.release import point_back, point_to
from serving import model as model_module
from serving.live import LiveFunnel


def test_a_promoted_release_replaces_the_old_one_in_one_swap(platform: Platform) -> None:
    live = LiveFunnel()
    live.refresh()
    old = live.funnel
    assert live.status.release == "fake-1"
    make_release("fake-2", as_of=platform.gold.as_of)
    live.refresh()
    assert live.status.release == "fake-2"
    assert live.funnel is not old
    point_back()
    live.refresh()
    assert live.status.release == "fake-1"


def test_a_tampered_release_is_refused_and_the_old_one_goes_on(platform: Platform) -> None:
    live = LiveFunnel()
    live.refresh()
    folder = make_release("fake-2", as_of=platform.gold.as_of, live=False)
    saved = folder / "query_tower" / "saved_model.pb"
    saved.write_bytes(saved.read_bytes() + b"\x00")
    point_to("fake-2")
    live.refresh()
    assert live.funnel is not None
    assert live.funnel.model is not None
    assert live.funnel.model.version == "fake-1"
    assert (live.status.release, live.status.refused) == ("fake-1", "fake-2")
    assert "query_tower/saved_model.pb changed" in str(live.status.reason)


def test_a_release_trained_on_other_features_is_refused(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveFunnel()
    monkeypatch.setattr(model_module, "fingerprint", lambda *_: "f" * 64)
    live.refresh()
    assert live.status.release is None
    assert "feature service ffffffffffff" in str(live.status.reason)
    assert live.funnel is not None, "the popular lists need no release"


def test_nothing_is_loaded_again_while_nothing_changes(platform: Platform) -> None:
    live = LiveFunnel()
    live.refresh()
    before = live.funnel
    live.refresh()
    assert live.funnel is before
