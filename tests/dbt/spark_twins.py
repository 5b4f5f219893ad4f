"""Two homes of one landing: in one DuckDB and the local engine do all the work, in the other Spark does; for the tests that
compare what comes of it."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from farm_rows import CATALOGUE, FARM
from landed_by_hand import AS_OF, land_by_hand
from mart_homes import day, event, land_lines, simulate
from spark_sessions import session_of
from unreadable_rows import land_unreadable

from infra.mart import command as features
from infra.mart.export import STAMP
from segue import feature_store
from segue.home import Home
from segue.names import Source
from segue.settings import get_settings

_SESSION = {
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "2",
    # Each of some two hundred queries runs once over a few thousand rows: to compile it takes longer than to interpret it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.task.cpus": "2",  # one task at a time: a second Python would open TensorFlow and the release once more
}
_NOON = f"{day(3)}T12:00:00Z"
_PLAY = f'{{"event_id": "o1", "event_type": "play", "user_id": "u1", "track_id": "t999", "occurred_at": "{_NOON}"'
ODD_LINES: list[str | dict[str, Any]] = [
    _PLAY + "} and more",
    event(1003, "u1", "t1", _NOON, ms_played=1500.0),
    event(1004, "u1", "t1", _NOON, ms_played="1500.5"),
    event(1005, "u1", "t1", "T10:00:00"),
    event(1006, "u1", "t1", "2026"),
    event(1007, "u1", "t1", f"{day(3)} 10:00:00.25+02:00", territory="DE\n"),
    event(1008, "u1\n", "t1", _NOON),
    event(1009, "u1", "t1", _NOON, device={"kind": "phone", "of": [1, 2]}),
    event(1010, "ü\u00a0", "t1", _NOON, surface="radio \u3000"),
]
"""What the two engines read differently when nobody looks."""
KEY_TWICE = _PLAY + ', "device": "tv", "device": "car"}'
"""The one line of which they say different things: the track is unknown, and Spark takes it for no JSON."""


class Twins(NamedTuple):
    duckdb: Home
    spark: Home
    summaries: tuple[dict[str, Any], dict[str, Any]]


def quick_session() -> AbstractContextManager[Any]:
    """Spark on this machine, without what pays off only in a long run."""
    return session_of("local[2]", _SESSION)


def look_at(home: Home, patch: pytest.MonkeyPatch, *, engine: str) -> None:
    """Make this process one of a home whose work `engine` does."""
    patch.setenv("SEGUE_HOME", str(home.root))
    patch.setenv("SEGUE_MART_ENGINE", engine)
    patch.setenv("SEGUE_OFFLINE_STORE", engine)
    get_settings.cache_clear()
    feature_store._shared_store.cache_clear()  # opened under other settings


def twin_homes(root: Path, patch: pytest.MonkeyPatch) -> Twins:
    """A world, and every kind of file and of bad row by hand: `segue features` on DuckDB and, in a second home, on Spark."""
    home = simulate(root / "duckdb", patch, start=day(18), days=15, users=40, tracks=200)
    land_by_hand(home)
    land_unreadable(home)
    land_lines(home, "farm.jsonl", day(0), CATALOGUE, kind="tracks")
    land_lines(home, "farm.jsonl", day(0), FARM)
    land_lines(home, "odd.jsonl", day(3), [*ODD_LINES, KEY_TWICE])
    latin = home.landing_day(Source.LASTFM_1K, "events", day(5)) / "latin.tsv"
    latin.parent.mkdir(parents=True)
    latin.write_bytes(f"user_000002\t{day(5)}T08:00:00Z\t\tBjörk\t\tJóga\n".encode("latin-1"))
    on_duckdb = features.run(as_of=AS_OF).summary
    other = Home(root / 'Ana\'s "own" home; drop')
    shutil.copytree(home.landing, other.landing)
    other.features.mkdir()
    shutil.copy(home.features / STAMP, other.features / STAMP)  # of a build on DuckDB that has been here before
    look_at(other, patch, engine="spark")
    return Twins(home, other, (on_duckdb, features.run(as_of=AS_OF).summary))
