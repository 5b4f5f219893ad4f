"""A rule of the policy left out, for tests that expect somebody to notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serving.policy import order
from serving.policy.rule import Floats, Mask, Pool


def leave_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the rule of this name allow everything: one about single tracks is not asked, one about the list sees no candidates
    and changes nothing."""
    monkeypatch.setattr(order, "TRACK_RULES", tuple(rule for rule in order.TRACK_RULES if rule.name != name))
    for kind in [type(rule) for rule in order.LIST_RULES if rule.name == name]:
        monkeypatch.setattr(kind, "begin", _blind(kind))


def _blind(kind: Any) -> Any:
    begin = kind.begin

    def begin_without(rule: Any, pool: Pool, gain: Floats, closed: Mask) -> Any:
        nothing = {"rows": pool.rows[:, :0], "open": pool.open[:, :0], "value": pool.value[:, :0], "vectors": None}
        return begin(rule, replace(pool, **nothing), gain, closed)

    return begin_without
