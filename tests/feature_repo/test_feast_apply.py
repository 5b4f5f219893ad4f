"""The apply stage: complete or refused, repeatable, repairable after a kill, and never a step back."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from feature_readings import change_column, changed_repo, day_file
from gold_tables import AS_OF, user_id, write_gold
from redis import Redis

from infra.mart import feast_apply
from infra.mart.feast_apply import apply_and_materialise
from segue.errors import SegueError
from segue.features import MATERIALISED, REGISTRY, fingerprint, materialised_through, online_rows, open_store
from segue.home import Home
from segue.names import MODEL_SERVICES, Service, Table
from segue.settings import get_settings

ROOT = Path(__file__).resolve().parents[2]
USERS = [user_id(n) for n in range(6)]


def small_gold(home: Home, end: date = AS_OF, seed: int = 17) -> None:
    write_gold(home, users=6, tracks=24, days=3, end=end, seed=seed)


def test_the_newest_row_of_every_entity_is_online(home: Home) -> None:
    small_gold(home)
    done = apply_and_materialise(AS_OF)
    assert done["rows"] == {"user_features": 6, "user_history": 6, "track_features": 24}
    assert done["online_as_of"] == AS_OF.isoformat()
    assert materialised_through() == AS_OF
    assert done["fingerprint"] == fingerprint(open_store(), MODEL_SERVICES)


def test_the_same_day_again_changes_nothing(home: Home) -> None:
    small_gold(home)
    first, rows = apply_and_materialise(AS_OF), online_rows(Service.RETRIEVER, USERS)
    again = apply_and_materialise(AS_OF)
    assert again["rows"] == {"user_features": 0, "user_history": 0, "track_features": 0}
    assert {**again, "rows": 0, "seconds": 0} == {**first, "rows": 0, "seconds": 0}
    assert online_rows(Service.RETRIEVER, USERS) == rows
    assert apply_and_materialise(AS_OF, everything=True)["rows"] == first["rows"]


def test_a_gold_value_that_changed_for_the_same_day_replaces_the_online_one(home: Home, store_kind: str) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    change_column(day_file(home, Table.USER_FEATURES, AS_OF), "plays_7d", lambda values: [v + 1_000 for v in values])
    assert apply_and_materialise(AS_OF)["rows"] == {"user_features": 6, "user_history": 0, "track_features": 0}
    assert min(online_rows(Service.RETRIEVER, USERS)["plays_7d"]) >= 1_000


def _lose(home: Home, store_kind: str) -> None:
    if store_kind == "sqlite":
        for file in home.feast.glob("online.db*"):
            file.unlink()
    else:
        redis_client().flushall()


def redis_client() -> Redis:
    address = get_settings().redis_url
    assert address is not None
    host, port = address.get_secret_value().split(":")
    return Redis(host=host, port=int(port))


def test_a_lost_online_store_is_filled_again_and_that_is_said(
    home: Home, store_kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small_gold(home)
    first, rows = apply_and_materialise(AS_OF), online_rows(Service.RETRIEVER, USERS)
    _lose(home, store_kind)
    assert apply_and_materialise(AS_OF)["rows"] == first["rows"]
    assert online_rows(Service.RETRIEVER, USERS) == rows
    assert f"does not hold just what was written for {AS_OF}" in capsys.readouterr().err
    assert set(apply_and_materialise(AS_OF)["rows"].values()) == {0}


def test_one_lost_view_is_enough_to_fill_the_store_again(home: Home) -> None:
    small_gold(home)
    first = apply_and_materialise(AS_OF)
    with closing(sqlite3.connect(home.feast / "online.db")) as connection, connection:
        connection.execute("delete from segue_user_history")
    assert apply_and_materialise(AS_OF)["rows"] == first["rows"]
    assert None not in online_rows(Service.POLICY, USERS)["heard_tracks"]


def test_an_earlier_day_fills_a_store_that_lost_a_later_one(home: Home, store_kind: str) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    _lose(home, store_kind)
    earlier = AS_OF - timedelta(days=1)
    done = apply_and_materialise(earlier)
    assert (done["online_as_of"], done["rows"]["user_features"]) == (earlier.isoformat(), 6)
    assert materialised_through() == earlier


@pytest.mark.parametrize("store_kind", ["redis"], indirect=True)
def test_a_store_put_back_from_an_old_copy_is_brought_to_the_day(home: Home, store_kind: str) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF - timedelta(days=1))
    copy = {key: redis_client().dump(key) for key in redis_client().keys()}  # noqa: SIM118
    apply_and_materialise(AS_OF)
    rows = online_rows(Service.RETRIEVER, USERS)
    for key, value in copy.items():
        redis_client().restore(key, 0, value, replace=True)
    assert online_rows(Service.RETRIEVER, USERS) != rows
    apply_and_materialise(AS_OF)
    assert online_rows(Service.RETRIEVER, USERS) == rows


@pytest.mark.parametrize("view", ["user_features", "user_history"])
def test_a_changed_view_is_written_whole(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str) -> None:
    small_gold(home)
    field = {"user_features": "mean_tempo_30d", "user_history": "saved_tracks"}[view]
    kind = {"user_features": "Float64", "user_history": "Array(String)"}[view]
    less = changed_repo(tmp_path / "repo", f'        Field(name="{field}", dtype={kind}),\n', "")
    with monkeypatch.context() as before:
        before.setattr(feast_apply, "REPO", less)
        apply_and_materialise(AS_OF)
    assert apply_and_materialise(AS_OF)["rows"][view] == 6
    service = Service.POLICY if view == "user_history" else Service.RETRIEVER
    assert None not in online_rows(service, USERS)[field]


def test_an_old_day_that_changed_reaches_the_online_row_it_is_the_newest_of(home: Home) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    small_gold(home)
    for day in range(2):  # one listener has been away for two days
        path = day_file(home, Table.USER_FEATURES, AS_OF - timedelta(days=day))
        table = pq.ParquetFile(path).read()
        pq.write_table(table.filter(pc.not_equal(table.column("user_id"), USERS[0])), path)
    apply_and_materialise(AS_OF)
    path = day_file(home, Table.USER_FEATURES, AS_OF - timedelta(days=2))
    table = pq.ParquetFile(path).read()
    late = pc.if_else(pc.equal(table.column("user_id"), USERS[0]), 4_321, table.column("plays_7d"))
    pq.write_table(table.set_column(table.schema.get_field_index("plays_7d"), "plays_7d", late), path)
    assert apply_and_materialise(AS_OF)["rows"] == {"user_features": 6, "user_history": 0, "track_features": 0}
    assert online_rows(Service.RETRIEVER, USERS[:1])["plays_7d"] == [4_321]


def test_a_later_day_replaces_the_rows(home: Home) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF - timedelta(days=1))
    before = online_rows(Service.RETRIEVER, USERS)
    apply_and_materialise(AS_OF)
    step_by_step = online_rows(Service.RETRIEVER, USERS)
    assert step_by_step != before
    shutil.rmtree(home.feast)
    apply_and_materialise(AS_OF)
    assert online_rows(Service.RETRIEVER, USERS) == step_by_step


def test_an_earlier_day_after_a_later_one_leaves_the_later_rows_and_says_so(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    small_gold(home)
    apply_and_materialise(AS_OF)
    rows = online_rows(Service.RETRIEVER, USERS)
    done = apply_and_materialise(AS_OF - timedelta(days=1))
    assert done["rows"] == {}
    assert done["online_as_of"] == AS_OF.isoformat()
    assert online_rows(Service.RETRIEVER, USERS) == rows
    assert f"already holds {AS_OF}" in capsys.readouterr().err


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
