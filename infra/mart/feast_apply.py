"""Applies `feature_repo/` to the feature store and materialises its views into the online store.

A stage of `segue features`, after the gold tables are exported. The registry is built beside the live one and renamed over
it at the very end, so a reader sees the old views or the new ones, and a killed run leaves nothing but a file to sweep.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sqlite3
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from infra.mart.served_parts import first_to_write, parts_until
from segue.atomic import replacing_file, write_json
from segue.dates import end_of
from segue.errors import SegueError
from segue.features import (
    MATERIALISED,
    REGISTRY,
    TIMESTAMP,
    feast_store,
    fingerprint,
    guard_registry,
    last_materialised,
    repo_config,
)
from segue.home import get_home
from segue.names import DAILY_TABLES, MODEL_SERVICES, Service, Table
from segue.online_mark import MARKED, has_mark, put_mark, withdraw_marks
from segue.settings import get_settings
from segue.stage import Progress

if TYPE_CHECKING:
    from feast import FeatureStore

REPO = Path(__file__).resolve().parents[2] / "feature_repo"
ONLINE_VIEWS = (Table.USER_FEATURES, Table.USER_HISTORY, Table.TRACK_FEATURES)
"""Views read online. Tracks are served from the release; they are here so that parity covers them."""

SERVED_TABLES = (*ONLINE_VIEWS, Table.TRACK_TERRITORY_FEATURES)

_FEAST_NAMES = {"string": "STRING", "bool": "BOOL", "int64": "INT64", "double": "DOUBLE", "float": "FLOAT"}


def apply_and_materialise(as_of: date, *, everything: bool = False) -> dict[str, Any]:
    """Bring the feature store to `as_of`: views applied, the newest row of every entity in the online store.

    Rows of days that did not change since the last run are there already and are not written again, unless the views
    changed, `everything` asks for it, or the online store does not bear the mark of that run: then it lost its rows or is
    another one. A store never goes back: when it already holds a later day, the views are applied and no row is written,
    and `online_as_of` in the answer says which day it holds.

    Returns:
        `as_of`, `online_as_of`, `fingerprint`, `rows` (view to rows written) and `seconds` (step to seconds).

    Raises:
        SegueError: a gold table is missing, ends before `as_of` or lacks a column that a view serves, or others may write
            the registry.
    """
    _require_gold(as_of)
    progress = Progress("features")
    with _new_registry() as registry, contextlib.redirect_stdout(io.StringIO()):  # Feast prints as it goes
        with progress.step("apply feature views"):
            store = apply(registry)
        _require_columns(store, as_of)
        served = fingerprint(store, MODEL_SERVICES)
        before = _still_online(store, progress)
        covered = date.fromisoformat(before["as_of"]) if before else as_of
        if covered <= as_of:
            rows, done = _write_rows(store, as_of, {} if everything else before, progress)
        else:
            rows, done = {}, before
            progress.say(f"the online store already holds {covered}: nothing older than that was written")
    write_json(get_home().feast / MATERIALISED, done)
    return {
        "as_of": as_of.isoformat(),
        "online_as_of": done["as_of"],
        "fingerprint": served,
        "rows": rows,
        "seconds": progress.seconds,
    }


def _still_online(store: FeatureStore, progress: Progress) -> dict[str, Any]:
    """What the last materialisation wrote down; empty when the online store does not hold its rows any more."""
    before = last_materialised()
    if before and not has_mark(store, ONLINE_VIEWS, before):
        progress.say(
            f"the online store does not hold just what was written for {before['as_of']}, as after a loss, a move or a killed "
            "run: everything is written again; if it was lost, `segue playlists` brings back the lists of a week"
        )
        return {}
    return before


def _write_rows(
    store: FeatureStore, as_of: date, before: dict[str, Any], progress: Progress
) -> tuple[dict[str, int], dict[str, Any]]:
    """Write what changed since `before` up to `as_of`, everything when the views changed, and mark it; the number of rows by
    view, and what to write down."""
    views = fingerprint(store, (*MODEL_SERVICES, Service.POLICY))
    filled = before["parts"] if before.get("views") == views else {}
    parts: dict[str, dict[str, str]] = {}
    rows: dict[str, int] = {}
    withdraw_marks(store, ONLINE_VIEWS)  # until all is written the store is as good as any
    for view in ONLINE_VIEWS:
        parts[str(view)] = parts_until(view, as_of)
        with progress.step(f"materialise {view}"):
            start = first_to_write(view, parts[str(view)], filled.get(str(view), {}))
            rows[str(view)] = _materialise(store, view, start, end_of(as_of)) if start else 0
    done = {"as_of": as_of.isoformat(), "parts": parts, "views": views, MARKED: True}
    put_mark(store, ONLINE_VIEWS, done)
    return rows, done


def apply(registry: Path, repo: Path | None = None) -> FeatureStore:
    """Register everything `repo` defines in a registry file of its own and create the online tables; the store on it."""
    store = feast_store(repo_config(registry))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="On demand feature view is an experimental feature")
        store.apply(_defined(_load((repo or REPO) / "definitions.py")))
    if get_settings().online_store == "sqlite":
        _prepare_sqlite(get_home().feast / "online.db")
    return store


def _load(path: Path) -> ModuleType:
    """The module at `path`, executed afresh: paths in it follow the present settings."""
    spec = importlib.util.spec_from_file_location("segue_feature_definitions", path)
    if spec is None or spec.loader is None or not path.exists():
        raise SegueError(
            expected=f"feature definitions in {path}", received="no such file", mend="run Segue from a full checkout"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _defined(module: ModuleType) -> list[Any]:
    from feast import Entity, FeatureService, FeatureView, OnDemandFeatureView

    kinds = (Entity, FeatureView, OnDemandFeatureView, FeatureService)
    return [value for value in vars(module).values() if isinstance(value, kinds)]


@contextlib.contextmanager
def _new_registry() -> Iterator[Path]:
    """A path for a registry in the making, renamed over the live one when all went well.

    Feast itself writes its registry in place, several times during a materialisation; a kill then would leave half a file.
    """
    folder = get_home().feast
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    guard_registry()
    for left_behind in folder.glob(f".{REGISTRY}.*"):
        left_behind.unlink()
    with replacing_file(folder / REGISTRY) as temporary:
        yield temporary
        temporary.chmod(0o600)


def _prepare_sqlite(path: Path) -> None:
    """Let readers go on while a stage writes, and keep the file, which holds listening histories, to its owner."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    path.chmod(0o600)


def _materialise(store: FeatureStore, view: Table, start: datetime, until: datetime) -> int:
    """Write the newest row from `start` to `until` of every entity of `view` that has one; the number of entities."""
    store.materialize(start, until, feature_views=[str(view)])
    (key,) = (column.name for column in store.get_feature_view(str(view)).entity_columns)
    files = get_home().table(view).rglob("*.parquet")
    return _count_entities([str(file) for file in files], key, start, until)


def _count_entities(files: list[str], key: str, start: datetime, until: datetime) -> int:
    import pyarrow.dataset as ds

    within = (ds.field(TIMESTAMP) >= start) & (ds.field(TIMESTAMP) <= until)
    return len(ds.dataset(files).to_table(columns=[key], filter=within).column(key).unique())


def _require_gold(as_of: date) -> None:
    """Refuse to serve a day that gold does not hold."""
    for table in SERVED_TABLES:
        folder, part = get_home().table(table), _part(table, as_of)
        if not any(part.glob("*.parquet")):
            days = sorted(path.name.removeprefix("day=") for path in folder.glob("day=*"))
            raise SegueError(
                expected=f"the gold table {table} of {as_of} in {part}",
                received=f"a table whose newest day is {days[-1]}" if days else "no such table",
                mend=f"run `segue features --as-of {as_of}`, which builds gold before it applies the views",
            )


def _part(table: Table, as_of: date) -> Path:
    folder = get_home().table(table)
    return folder / f"day={as_of.isoformat()}" if table in DAILY_TABLES else folder


def _require_columns(store: FeatureStore, as_of: date) -> None:
    """Refuse gold whose columns are not what the views say: Feast itself would notice in the middle of writing, or never."""
    for table in SERVED_TABLES:
        view = store.get_feature_view(str(table))
        present = _column_types(next(_part(table, as_of).glob("*.parquet")), view.batch_source.field_mapping)
        for field in (*view.entity_columns, *view.features):
            wanted, found = field.dtype.to_value_type().name, present.get(field.name)
            if found != wanted:
                raise SegueError(
                    expected=f"the column {field.name} of the view {view.name} as {wanted.lower()} in the gold table {table}",
                    received="no such column" if found is None else found.lower(),
                    mend="make feature_repo/definitions.py and dbt/models/gold agree, then run `segue features` again",
                )


def _column_types(file: Path, renamed: dict[str, str]) -> dict[str, str]:
    """Feature name to Feast's name of its type, as a Parquet file has it; Arrow's own name where Feast has none here."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def name(kind: pa.DataType) -> str:
        return f"{name(kind.value_type)}_LIST" if pa.types.is_list(kind) else _FEAST_NAMES.get(str(kind), str(kind))

    return {renamed.get(column.name, column.name): name(column.type) for column in pq.read_schema(file)}
