"""One line of what `segue status` shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Row:
    """What, its value, more about it, when it was last written, the facts for `--json`, and in words what is wrong with it."""

    what: str
    value: str
    about: str = ""
    written: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    wrong: str | None = None


def moment(at: datetime | None) -> str:
    """A time as the tables show it, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"
