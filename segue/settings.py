"""Every setting of the platform, read from the environment (prefix `SEGUE_`) on first use.

Settings say where things are and how to reach them. Hyperparameters are not settings: they are frozen dataclasses in
`trainers/` that travel inside the release.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from segue.errors import SegueError


class Settings(BaseSettings):
    """Settings with safe local defaults; secrets have none."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_", extra="ignore")

    home: Path = Field(default=Path("var"), description="everything a run writes lives here")
    data_dir: Path = Field(default=Path("../shared/data"), description="public research data, for tests and benches")
    seed: int = Field(default=17, description="seed of every random choice that no other key decides")

    holdout_days: int = Field(default=7, ge=1, le=28, description="days before the as-of date kept for evaluation")
    exact_search_below: int = Field(default=20_000, description="catalogues smaller than this use exact search")
    policy: str | None = Field(default=None, description="policy settings that differ in the next release: JSON or its file")
    ranker: Literal["network", "lambdarank", "both"] = Field(default="both", description="which ranker a release gets")
    train_rows: int = Field(default=400_000, ge=1_000, description="most listens a training set samples")

    mart_memory: str = Field(default="3GB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$", description="most that a dbt build holds")
    mart_threads: int = Field(default=2, ge=1, description="threads of a dbt build")
    mart_engine: Literal["duckdb", "spark"] = Field(default="duckdb", description="what dbt builds gold with")

    online_store: Literal["sqlite", "redis"] = "sqlite"
    redis_url: SecretStr | None = Field(default=None, description="host:port,password=... as Feast takes it")
    playlist_weeks_kept: int = Field(default=4, ge=2, description="weeks whose playlists the store keeps, the visible one too")

    spark_master: str = Field(default="local[*,4]", description="where Spark runs; the 4 are tries of a task")
    offline_store: Literal["duckdb", "spark"] = Field(default="duckdb", description="what does Feast's point-in-time joins")

    serve_host: str = "127.0.0.1"
    serve_port: int = 3000
    serve_workers: int = Field(default=1, ge=1, description="processes that answer, each with the release in its memory")
    max_request_bytes: int = 1_000_000

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str = "segue@localhost"
    mail_to: str = "on-call@localhost"

    airflow_port: int = 8080
    schedules: bool = Field(default=True, description="run the DAGs by the clock too; off leaves assets and hands")
    retry_seconds: int = Field(default=300, ge=1, description="wait before a failed task's first retry; doubles after")
    task_hours: int = Field(default=4, ge=1, le=168, description="a task that takes longer hangs: it is ended and fails")
    service_url: str | None = Field(default=None, description="where links in mails point; default from serve_port")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process; `get_settings.cache_clear()` reads the environment again.

    Raises:
        SegueError: a variable holds what its setting cannot be.
    """
    try:
        return Settings()
    except ValidationError as problem:
        raise _refusal(problem) from problem


def _refusal(problem: ValidationError) -> SegueError:
    first, *others = problem.errors(include_url=False)
    names = [f"SEGUE_{error['loc'][0]}".upper() for error in (first, *others)]
    return SegueError(
        expected=f"another value of {names[0]} ({first['msg'][:1].lower()}{first['msg'][1:]})",
        received=repr(first["input"]),
        mend=f"correct or unset {' and '.join(names)}",
    )
