"""`segue bench marts`: how fast dbt goes from landing to gold, and what ten times the events cost.

Each size gets a world in a temporary home and one build, in processes of their own, so that nothing is warm and the peak
memory is that of the build alone. Feast is left out: the measure is landing to gold.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from segue.charts import draw_page
from segue.home import get_home
from segue.own_process import python_in
from segue.panels import Bar, Bars
from segue.stage import Outcome, Progress, table

USERS, TRACKS, DAYS = 2_000, 10_000, 56
GROWTH = 10
"""How much larger the second world is: as many more listeners, the same days, the same catalogue."""

FLOOR = 1_000_000
"""Events a minute that the platform promises."""


@dataclass(frozen=True)
class Timing:
    """One build: landed events, seconds of the whole build with its tests and export, peak resident memory in MiB."""

    users: int
    events: int
    seconds: float
    peak_mib: int

    @property
    def per_minute(self) -> float:
        return 60 * self.events / self.seconds


def bench_marts(*, scale: float) -> Outcome:
    """Time a world of `scale` times the default listeners, and one ten times larger."""
    progress = Progress("bench marts")
    timings = []
    for users in (max(20, round(USERS * scale)), max(20, round(USERS * scale)) * GROWTH):
        with progress.step(f"{users} listeners"), tempfile.TemporaryDirectory(prefix="segue-marts-") as folder:
            timings.append(_timed(Path(folder), users, max(100, round(TRACKS * min(scale, 1.0)))))
    small, large = timings
    ratio = (large.seconds / small.seconds) / (large.events / small.events)
    text = table(
        ["listeners", "events", "seconds", "events a minute", "peak MiB"],
        [[t.users, t.events, round(t.seconds, 1), round(t.per_minute), t.peak_mib] for t in timings],
    )
    grew = f"{large.events / small.events:.1f} times the events took {large.seconds / small.seconds:.1f} times the time"
    floor = "above" if min(t.per_minute for t in timings) >= FLOOR else "below"
    told = f"{text}\n\n{grew}: {ratio:.2f} per event. The slower one is {floor} the floor of {FLOOR:,} events a minute."
    path = _draw(get_home().chart("marts"), timings)
    found = {"timings": [vars(t) for t in timings], "cost_per_event_ratio": round(ratio, 3), "chart": str(path)}
    return Outcome(found, f"{told}\nThe chart is {path}")


def _draw(path: Path, timings: list[Timing]) -> Path:
    names = [f"{t.users:,} listeners, {t.events:,} events" for t in timings]
    rates = [Bar(name, t.per_minute, ours=True) for name, t in zip(names, timings, strict=True)]
    memory = [Bar(name, t.peak_mib, ours=True) for name, t in zip(names, timings, strict=True)]
    panels = [
        Bars("events a minute", "landing to gold; the dashed line is the floor", rates, form=",.0f", mark=FLOOR),
        Bars("peak memory", "MiB resident; less is better", memory, form=",.0f"),
    ]
    return draw_page(path, "dbt from landing to gold", panels, note="One build of each size, with its tests and its export.")


def _timed(home: Path, users: int, tracks: int) -> Timing:
    python_in(home, "-m", "segue", "world", "--days", str(DAYS), "--users", str(users), "--tracks", str(tracks))
    return Timing(users=users, **json.loads(python_in(home, "-m", "infra.mart.bench").stdout.splitlines()[-1]))


def _build_once() -> dict[str, float | int]:
    """In the process of one build: everything that landed in this home, to gold."""
    import resource
    import time

    import pyarrow.parquet as pq

    from infra.mart.command import make_gold

    home = get_home()
    files = sorted((home.landing / "events" / "events").rglob("*.parquet"))
    days = sorted(file.parent.name.removeprefix("day=") for file in files)
    started = time.perf_counter()
    make_gold(home, date.fromisoformat(days[-1]), Progress("marts"))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"events": sum(pq.read_metadata(file).num_rows for file in files), "seconds": round(seconds, 2), "peak_mib": peak}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_build_once()) + "\n")
