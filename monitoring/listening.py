"""The listens of a window from the gold tables: how many, their outcomes, and a repeatable sample of them.

Only listens of accounts in no doubt are looked at: a farm that comes or goes is no drift. `doubted` says how
many the others are.

DuckDB reads the exported Parquet in memory; the warehouse file is not opened, so a running build is not in the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitoring.findings import Finding, State, alarm, note
from monitoring.rules import Rules
from segue.errors import NotBegunError
from segue.home import get_home
from segue.names import UNKNOWN_TERRITORY, Table

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = """
select count(*) as listens, count(distinct user_id) as users, count(distinct day) as days,
       count(distinct (day, user_id)) as visits,
       count(outcome) as judged, count(*) filter (outcome = 'complete') as complete,
       count(*) filter (outcome = 'early_skip') as early_skip, count(*) filter (outcome = 'late_skip') as late_skip,
       count(saved) as savable, count(*) filter (saved) as save, count(first_listen) as datable,
       count(*) filter (first_listen) as first_listen
from read_parquet($files, hive_partitioning = true) where coalesce(integrity, 1) = 1
"""
_COUNTED = (
    *("listens", "users", "days", "visits", "judged", "complete", "early_skip", "late_skip"),
    *("savable", "save", "datable", "first_listen"),
)
_SAMPLE = """
select user_id, track_id, coalesce(territory, $unknown) as territory, device, event_timestamp
from read_parquet($files) where coalesce(first_listen, true) and coalesce(integrity, 1) = 1 order by md5(listen_id) limit $rows
"""
_HEARD = """
select user_id, track_id, coalesce(bool_or(saved), false)
from read_parquet($files) where coalesce(integrity, 1) = 1 group by all order by all
"""
_DOUBTED = "select coalesce(avg((integrity < 1)::integer), 0) from read_parquet($files)"


@dataclass(frozen=True)
class Window:
    """Days `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def recent_window(as_of: date, rules: Rules) -> Window:
    return Window(as_of - timedelta(days=rules.recent_days - 1), as_of)


def days_with_files(table: Table) -> list[date]:
    """The days a daily table has a partition for, oldest first."""
    folders = get_home().table(table).glob("day=*")
    return sorted(date.fromisoformat(folder.name.removeprefix("day=")) for folder in folders if any(folder.glob("*.parquet")))


def files_of(table: Table, window: Window) -> list[str]:
    """The Parquet files of a window, in the order of days."""
    folder = get_home().table(table)
    return [str(path) for day in window.days for path in sorted((folder / f"day={day}").glob("*.parquet"))]


def check_known(as_of: date) -> None:
    """Refuse an as-of day before the first listen, or a home without gold tables.

    Raises:
        SegueError: with the first day there is.
    """
    days = days_with_files(Table.LABELS)
    if not days or as_of < days[0]:
        raise NotBegunError(
            expected="listens on or before the as-of day",
            received=f"as-of {as_of}, and " + (f"the first listen on {days[0]}" if days else "no gold tables yet"),
            mend="run `segue features --as-of D` first, and ask for a day it covers",
        )


def counts(window: Window) -> dict[str, int]:
    """Listens, users, days with a listen and outcomes of a window; all zero when it is empty."""
    files = files_of(Table.LABELS, window)
    if not files:
        return dict.fromkeys(_COUNTED, 0)
    return dict(zip(_COUNTED, _query(_COUNTS, files=files).fetchone(), strict=True))


def doubted(window: Window) -> float:
    """The share of a window's listens whose account is in doubt, and which nothing else here looks at."""
    files = files_of(Table.LABELS, window)
    return float(_query(_DOUBTED, files=files).fetchone()[0]) if files else 0.0


def sample(window: Window, rows: int) -> pd.DataFrame:
    """At most `rows` first listens of a window, the same for the same log: ordered by a hash of the listen's id.

    First listens, because that is what a release is trained on and what its reference sample holds.
    """
    import pandas as pd

    files = files_of(Table.LABELS, window)
    columns = ["user_id", "track_id", "territory", "device", "event_timestamp"]
    if not files:
        return pd.DataFrame({name: [] for name in columns})
    frame: pd.DataFrame = _query(_SAMPLE, files=files, rows=rows, unknown=UNKNOWN_TERRITORY).df()
    frame["event_timestamp"] = frame["event_timestamp"].dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    return frame


def heard_pairs(window: Window) -> list[tuple[str, str, bool]]:
    """Each user and track heard in a window, once, and whether the listener saved it there."""
    files = files_of(Table.LABELS, window)
    return [(str(u), str(t), bool(s)) for u, t, s in _query(_HEARD, files=files).fetchall()] if files else []


def rows_in(table: Table, window: Window) -> int:
    """Rows of a daily table in a window, from the Parquet footers alone."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(Path(path)).num_rows for path in files_of(table, window))


def _query(sql: str, **values: Any) -> Any:
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    return connection.execute(sql, values)


SHARES: tuple[tuple[str, str, str], ...] = (
    ("completed listens", "complete", "judged"),
    ("early skips", "early_skip", "judged"),
    ("late skips", "late_skip", "judged"),
    ("saves", "save", "savable"),
)
"""What a listener did with what they heard: label, counted part, counted whole. First listens fall as a history grows, so
they are told and not judged."""


def compare(recent: Window, training: Window | None, rules: Rules) -> list[Finding]:
    """The week's listening beside the training window's: volume as notes, outcome shares by a two-proportion z-test."""
    now = counts(recent)
    if now["listens"] == 0:
        return [alarm("listening", "listens", f"no listens from {recent}", now=0)]
    before = counts(training) if training else dict.fromkeys(now, 0)
    if before["listens"] == 0:
        missing = f"no listens of the training window {training}" if training else "no training window"
        return [alarm("listening", "training window", f"{missing} to compare with", now=now["listens"])]
    found = [*_volume(now, before), _first_listens(now, before)]
    return found + [_share(*names, now, before, rules) for names in SHARES]


def _volume(now: dict[str, int], before: dict[str, int]) -> list[Finding]:
    """Listens and listeners a day, and listens of a listener's day, over days with listens only."""
    measures = {"listens per day": ("listens", "days"), "listeners per day": ("visits", "days")}
    measures["listens of a listener's day"] = ("listens", "visits")
    rates = {label: [c[part] / max(c[whole], 1) for c in (now, before)] for label, (part, whole) in measures.items()}
    return [note("listening", label, "", now=rate[0], before=rate[1]) for label, rate in rates.items()]


def _first_listens(now: dict[str, int], before: dict[str, int]) -> Finding:
    shares = [counted["first_listen"] / counted["datable"] if counted["datable"] else None for counted in (now, before)]
    return note("listening", "first listens", "falls as histories grow", now=shares[0], before=shares[1], unit="share")


def _share(label: str, part: str, whole: str, now: dict[str, int], before: dict[str, int], rules: Rules) -> Finding:
    n, m = now[whole], before[whole]
    if m == 0:
        return note("listening", label, "the source does not say", now=now[part] / n if n else None, unit="share")
    if n == 0:
        return alarm(
            "listening", label, f"{label}: known in the training window, unknown now", before=before[part] / m, unit="share"
        )
    p, q = now[part] / n, before[part] / m
    pooled = (now[part] + before[part]) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    certain = error > 0 and abs(p - q) / error >= rules.rate_z
    moved = certain and abs(p - q) >= rules.rate_change * max(q, 1 / m)
    state = State.MOVED if moved else State.OK
    return Finding("listening", label, state, p, q, abs(p - q), rules.rate_change * q, unit="share")


def silent_days(recent: Window, present: Sequence[date]) -> list[date]:
    """Days of the window without a listen, days before the first listen ever left out."""
    return [day for day in recent.days if present and day >= present[0] and day not in set(present)]
