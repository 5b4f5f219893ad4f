"""What `segue bench playlists` says of its measurements: one table, and a chart of the rate beside the bars to reach and of
how even it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segue.charts import draw_page
from segue.home import get_home
from segue.machine import cores
from segue.panels import Bar, Bars, Line, Lines, Panel
from segue.stage import Outcome, table

USERS_A_DAY = 500_000_000
WANTED, WANTED_TIMES = 1_000, 2.5
"""Playlists a second at a million tracks, and times `implicit`'s rate, that are asked for."""
PARTS = 20
NOTE = """The dashed lines are the {wanted:,} a second that we want at a million tracks. On the right is how even the run was:
a machine has slow hours. A playlist is retrieved, ranked, put under the policy and stored; implicit only retrieves."""


@dataclass(frozen=True)
class Timed:
    """When each batch was `stored`, in seconds from the first one's beginning, and how many playlists were in it; the seconds
    of processors that all took, and how many playlists are personal."""

    stored: list[tuple[float, int]]
    processor_seconds: float
    personal: int

    @property
    def seconds(self) -> float:
        """Until every playlist was stored."""
        return self.stored[-1][0]

    def rates(self, parts: int = PARTS) -> list[tuple[float, float]]:
        """Playlists stored until the end of each of so many parts of the run, or of each batch if there are fewer, and
        playlists a second in it."""
        last = np.linspace(0, len(self.stored), min(parts, len(self.stored)) + 1).astype(int)[1:] - 1
        at = np.array([0.0, *(self.stored[i][0] for i in last)])
        made = np.array([0, *np.cumsum([count for _, count in self.stored])[last]])
        return list(zip(made[1:].tolist(), (np.diff(made) / np.diff(at)).tolist(), strict=True))


def outcome_of(size: dict[str, Any], timed: Timed, facts: dict[str, Any]) -> Outcome:
    """The table and the chart of one run.

    Args:
        size: `tracks`, `users` and `release`; facts: what else was measured, `implicit_users_per_second` among it.
    """
    rate = size["users"] / timed.seconds
    measured: dict[str, Any] = {
        **size,
        "cores": cores(),
        "seconds": round(timed.seconds, 2),
        "playlists_per_second": round(rate, 1),
        "playlists_per_second_per_core": round(rate / cores(), 1),
        "processor_ms_per_playlist": round(1_000 * timed.processor_seconds / size["users"], 3),
        "personal": timed.personal,
        "hours_for_500_million_users": round(USERS_A_DAY / rate / 3600, 1),
        "cores_for_500_million_users_a_day": round(USERS_A_DAY / 86_400 / (rate / cores()), 1),
        **facts,
        "times_implicit": round(rate / facts["implicit_users_per_second"], 2),
    }
    path = _draw(get_home().chart("playlists"), measured, timed)
    rows: list[list[Any]] = [[name.replace("_", " "), value] for name, value in measured.items()]
    text = table(["whole weekly playlists", ""], rows)
    return Outcome(measured | {"chart": str(path)}, f"{text}\n\nThe chart is {path}")


def _draw(path: Path, measured: dict[str, Any], timed: Timed) -> Path:
    parts, implicit = timed.rates(), measured["implicit_users_per_second"]
    rates = [rate for _, rate in parts]
    bars = [
        Bar("whole playlists", measured["playlists_per_second"], min(rates), max(rates), ours=True),
        Bar("implicit, retrieval alone", implicit),
        Bar(f"{WANTED_TIMES:g} times implicit, wanted", WANTED_TIMES * implicit),
    ]
    unit = "more is better; black line: slowest to fastest part of the run"
    line = Line("whole playlists", [made for made, _ in parts], rates, ours=True)
    panels: list[Panel] = [
        Bars("listeners served a second", unit, bars, form=",.0f", mark=WANTED),
        Lines("as the run went", "playlists stored so far", "playlists a second", [line], mark=WANTED),
    ]
    title = f"Weekly playlists out of {measured['tracks']:,} tracks, {measured['cores']} cores"
    return draw_page(path, title, panels, note=NOTE.format(wanted=WANTED))
