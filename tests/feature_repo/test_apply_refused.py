"""The apply stage: complete or refused, repairable after a kill, and a registry for its owner only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from feature_readings import changed_repo, day_file
from gold_tables import AS_OF
from small_gold import ROOT, USERS, small_gold

from infra.mart import feast_apply
from infra.mart.feast_apply import apply_and_materialise
from segue.errors import SegueError
from segue.features import MATERIALISED, REGISTRY, materialised_through, online_rows, open_store
from segue.home import Home
from segue.names import Service, Table


@pytest.mark.parametrize("table", [Table.USER_FEATURES, Table.TRACK_FEATURES, Table.USER_HISTORY])
def test_a_missing_gold_table_is_named(home: Home, table: Table) -> None:
    small_gold(home)
    shutil.rmtree(home.table(table))
    with pytest.raises(SegueError, match=f"the gold table {table} of {AS_OF}.*no such table"):
        apply_and_materialise(AS_OF)
    assert not (home.feast / MATERIALISED).exists()


def test_gold_that_ends_before_the_day_is_refused(home: Home) -> None:
    small_gold(home)
    with pytest.raises(SegueError, match=f"newest day is {AS_OF}"):
        apply_and_materialise(AS_OF + timedelta(days=1))


def test_a_gold_column_that_a_view_needs_and_is_not_there_leaves_the_old_registry(home: Home) -> None:
    import pyarrow.parquet as pq

    small_gold(home)
    apply_and_materialise(AS_OF - timedelta(days=1))
    registry = (home.feast / REGISTRY).read_bytes()
    for day in range(3):
        path = day_file(home, Table.TRACK_FEATURES, AS_OF - timedelta(days=day))
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["tempo"]), path)
    with pytest.raises(SegueError, match=r"the column tempo .* received no such column"):
        apply_and_materialise(AS_OF)
    assert (home.feast / REGISTRY).read_bytes() == registry
    assert materialised_through() == AS_OF - timedelta(days=1)


def test_a_gold_column_of_another_type_is_refused(home: Home) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    small_gold(home)
    path = day_file(home, Table.USER_FEATURES, AS_OF)
    table = pq.ParquetFile(path).read()
    at = table.schema.get_field_index("plays_7d")
    pq.write_table(table.set_column(at, "plays_7d", table.column(at).cast(pa.string())), path)
    with pytest.raises(SegueError, match=r"the column plays_7d of the view user_features as int64 .* received string"):
        apply_and_materialise(AS_OF)


def test_a_view_taken_away_is_gone_after_the_next_run(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    less = changed_repo(tmp_path / "repo", "weekly = FeatureService", "del weekly_playlists\nwhatever = lambda **_: None #")
    monkeypatch.setattr(feast_apply, "REPO", less)
    apply_and_materialise(AS_OF)
    assert "weekly_playlists" not in {view.name for view in open_store().list_feature_views()}


def test_the_rest_of_a_killed_run_is_swept(home: Home) -> None:
    small_gold(home)
    home.feast.mkdir(mode=0o700, parents=True)
    half = home.feast / f".{REGISTRY}.0123"
    half.write_bytes(b"half a registry")
    apply_and_materialise(AS_OF)
    assert not half.exists()
    assert [path.name for path in home.feast.glob(".*")] == []


def test_killed_between_two_views_and_run_again_is_as_if_undisturbed(home: Home, tmp_path: Path) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF - timedelta(days=1))
    registry = (home.feast / REGISTRY).read_bytes()
    killed = subprocess.run([sys.executable, "-c", KILLED_AFTER_THE_FIRST_VIEW], cwd=ROOT, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert materialised_through() == AS_OF - timedelta(days=1)
    assert (home.feast / REGISTRY).read_bytes() == registry  # readers still have a whole registry
    apply_and_materialise(AS_OF)
    after_kill = online_rows(Service.RETRIEVER, USERS), online_rows(Service.POLICY, USERS)
    shutil.rmtree(home.feast)
    apply_and_materialise(AS_OF)
    assert after_kill == (online_rows(Service.RETRIEVER, USERS), online_rows(Service.POLICY, USERS))


KILLED_AFTER_THE_FIRST_VIEW = textwrap.dedent(
    f"""
    import os, signal
    from datetime import date
    from infra.mart import feast_apply

    written = feast_apply._materialise

    def one_view_then_killed(*arguments):
        written(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    feast_apply._materialise = one_view_then_killed
    feast_apply.apply_and_materialise(date.fromisoformat("{AS_OF}"))
    """
)


def test_registry_and_online_store_are_for_their_owner_only(home: Home) -> None:
    small_gold(home)
    before = os.umask(0)  # the most careless umask there is
    try:
        apply_and_materialise(AS_OF)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (home.feast, home.feast / REGISTRY, home.feast / "online.db")}
    assert modes == {"feast": 0o700, REGISTRY: 0o600, "online.db": 0o600}


@pytest.mark.parametrize("name", [".", REGISTRY])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_a_registry_that_others_may_write_is_neither_opened_nor_replaced(home: Home, name: str, mode: int) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    path = home.feast / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(SegueError, match=r"writable by its owner only.*chmod go-w"):
        open_store()
    with pytest.raises(SegueError, match="writable by its owner only"):
        apply_and_materialise(AS_OF)
    path.chmod(path.stat().st_mode & ~mode)
    assert open_store().project == "segue"


def test_a_registry_of_another_user_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    os.chown(home.feast / REGISTRY, 65_534, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    with pytest.raises(SegueError, match="owned by the user who runs Segue"):
        open_store()


def test_before_the_first_run_the_reads_say_what_to_do(home: Home) -> None:
    with pytest.raises(SegueError, match="segue features --as-of D"):
        online_rows(Service.RETRIEVER, USERS)
