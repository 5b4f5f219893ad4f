"""Where a run keeps its things: the folders under `SEGUE_HOME`, named once.

| folder | holds | written by |
|---|---|---|
| `landing/` | raw files as received, by source, kind and day | `segue world`, `segue land`, `POST /v1/events` |
| `audio/` | a clip of each track that has one, `TRACK.flac`, `.wav` or `.mp3` | `segue world`, or you |
| `world/` | the truth behind a simulated world; no stage reads it | `segue world` |
| `warehouse/` | the DuckDB file dbt builds in, or Spark's tables; nothing else opens them | `segue features` |
| `features/` | gold tables as Parquet | `segue features` |
| `embeddings/` | the weights of the network that hears clips, by the day it was trained | `segue embed` |
| `feast/` | registry and SQLite online store | `segue features`, `segue playlists` |
| `releases/` | the BentoML model store, evaluations, verdicts of the gate, the pointer | `segue train` and after |
| `playlists/` | the audits, the pointer to the visible week, whose lists the store holds | `segue playlists` |
| `predictions/` | every answer given, by day | the service, `segue playlists` |
| `reports/` | drift reports by day | `segue monitor` |
| `runs/` | when each stage last ran, and how it ended | the command line |
| `mail/`, `airflow/`, `logs/`, `secrets/`, `tmp/` | what their names say | |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from segue.settings import get_settings


@dataclass(frozen=True)
class Home:
    """Paths under one root; nothing is created by asking for a path."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def world(self) -> Path:
        return self.root / "world"

    @property
    def audio(self) -> Path:
        return self.root / "audio"

    def clip(self, track_id: str, suffix: str = ".flac") -> Path:
        """The clip of a track; whatever its id holds, the file lies in `audio`."""
        return self.audio / (quote(track_id, safe="") + suffix)

    @property
    def embeddings(self) -> Path:
        return self.root / "embeddings"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "segue.duckdb"

    @property
    def spark_warehouse(self) -> Path:
        return self.root / "warehouse" / "spark"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def feast(self) -> Path:
        return self.root / "feast"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def playlists(self) -> Path:
        return self.root / "playlists"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def mail(self) -> Path:
        return self.root / "mail"

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def tmp(self) -> Path:
        """Half-written things, on the same file system as their final place so that a rename is atomic."""
        return self.root / "tmp"

    def landing_day(self, source: str, kind: str, day: date) -> Path:
        """The folder for the files of one source, one kind (`events`, `tracks`, `users`) and one arrival day."""
        return self.landing / source / kind / f"day={day.isoformat()}"

    def table(self, name: str) -> Path:
        """The folder of one gold table: `day=YYYY-MM-DD/*.parquet` for daily tables, `data.parquet` for the others."""
        return self.features / name

    def chart(self, bench: str) -> Path:
        """Where `segue bench NAME` keeps its chart, when it is not told where."""
        return self.reports / "benches" / f"{bench}.png"


def get_home() -> Home:
    """The home of this process, absolute."""
    home = get_settings().home
    return _absolute(home) if home.is_absolute() else Home(home.resolve())


@lru_cache(maxsize=8)
def _absolute(root: Path) -> Home:
    """Kept, because every answer asks for it and following the links of a path takes as long as reading a small file."""
    return Home(root.resolve())
