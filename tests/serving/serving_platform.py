"""What the tests of serving stand on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gold_tables import Gold

from segue.dates import week_after
from segue.home import Home

VERSION = "fake-1"


@dataclass(frozen=True)
class Platform:
    home: Home
    gold: Gold
    version: str = VERSION

    @property
    def week(self) -> date:
        return week_after(self.gold.as_of)
