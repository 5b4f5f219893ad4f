"""What a check found: one typed line of the report, the same in JSON, on the page and in the e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

Group = Literal["integrity", "parity", "listening", "features", "scores", "embeddings", "answers"]
GROUPS: tuple[Group, ...] = ("integrity", "parity", "listening", "features", "scores", "embeddings", "answers")
Unit = Literal["", "share", "ms"]
Value = float | int | str | None


class State(StrEnum):
    """`ok` is within its limit, `note` changes no verdict, nor does `filling`, `moved` counts towards drift, one `alarm` is an
    alarm."""

    OK = "ok"
    FILLING = "filling"
    NOTE = "note"
    MOVED = "moved"
    ALARM = "alarm"


class Verdict(StrEnum):
    OK = "ok"
    DRIFT = "drift"
    ALARM = "alarm"


@dataclass(frozen=True)
class Finding:
    """One check. `says` is the sentence for people; for a feature, `distance` is beside its `limit`. `unit` is of `now` and
    `before`: a share is shown as a percentage."""

    group: Group
    name: str
    state: State
    now: Value = None
    before: Value = None
    distance: float | None = None
    limit: float | None = None
    says: str = ""
    unit: Unit = ""


def as_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """JSON rows, floats cut to six digits so that a re-run on the same data is the same text."""
    return [{name: _cut(value) for name, value in asdict(finding).items()} for finding in findings]


def by_reason(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """The names of JSON rows by their state and what they say, in the order in which each reason comes up first."""
    names: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        names.setdefault((row["state"], row["says"]), []).append(row["name"])
    return names


def alarm(group: Group, name: str, says: str, *, now: Value = None, before: Value = None, unit: Unit = "") -> Finding:
    return Finding(group, name, State.ALARM, now, before, says=says, unit=unit)


def note(group: Group, name: str, says: str, *, now: Value = None, before: Value = None, unit: Unit = "") -> Finding:
    return Finding(group, name, State.NOTE, now, before, says=says, unit=unit)


def _cut(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
