"""`segue monitor` on a whole home: what is an alarm, and what the command leaves and says. Drift has a file of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from monitored_home import AS_OF, alarms_of, states_of

from infra import mailbox
from monitoring import samples
from monitoring.command import run
from segue.cli import main
from segue.errors import SegueError
from segue.feature_store import _shared_store
from segue.home import Home, get_home
from segue.names import Table
from segue.release import release_path
from segue.settings import get_settings


def test_a_feature_that_went_empty_is_an_alarm(few: None, live: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = samples.recent_features
    live("filled")
    monkeypatch.setattr(samples, "recent_features", lambda listens: whole(listens).assign(tempo=None))
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.exit_code, outcome.summary["retrain"]) == ("alarm", 3, False)
    assert alarms_of(outcome) == ["tempo"]
    assert "tempo was filled" in mailbox.messages(get_home().mail)[-1]["Subject"]


def test_a_feature_empty_then_and_now_is_left_out(
    few: None, live: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = samples.recent_features
    live("never", change=lambda reference: reference.assign(tempo=None))
    monkeypatch.setattr(samples, "recent_features", lambda listens: whole(listens).assign(tempo=None))
    outcome = run(as_of=AS_OF)
    assert outcome.summary["verdict"] == "ok"
    assert outcome.summary["left_out"] == ["tempo"]


def test_a_week_without_listens_is_an_alarm(live: Callable[..., str]) -> None:
    live("silent")
    outcome = run(as_of=AS_OF + timedelta(days=7))
    assert outcome.exit_code == 3
    assert {"listens", "days without listens"} <= set(alarms_of(outcome))


def test_a_week_without_answers_is_an_alarm(few: None, live: Callable[..., str], platform: Home) -> None:
    version = live("unheard")
    logged = platform.predictions / f"day={AS_OF}" / f"weekly-{version}.jsonl"
    kept = platform.predictions.rename(platform.root / "kept")
    try:
        outcome = run(as_of=AS_OF)
    finally:
        kept.rename(platform.predictions)
    assert alarms_of(outcome) == ["answers"]
    assert logged.exists()


def test_a_release_without_a_reference_is_an_alarm(few: None, live: Callable[..., str]) -> None:
    live("unreferenced", change=lambda reference: reference.iloc[:0])
    assert alarms_of(run(as_of=AS_OF)) == ["reference"]


def test_no_live_release_is_an_alarm(platform: Home) -> None:
    (platform.releases / "current.json").unlink(missing_ok=True)
    outcome = run(as_of=AS_OF)
    assert outcome.exit_code == 3
    assert "live release" in alarms_of(outcome)


def test_a_release_with_one_byte_changed_is_an_alarm_that_names_the_file(few: None, live: Callable[..., str]) -> None:
    vectors = release_path(live("bent")) / "vectors.npy"
    content = bytearray(vectors.read_bytes())
    content[-1] ^= 1
    vectors.write_bytes(bytes(content))
    outcome = run(as_of=AS_OF)
    assert outcome.exit_code == 3
    assert "vectors.npy changed" in outcome.summary["reason"]


def test_an_online_value_that_differs_from_offline_is_an_alarm(few: None, live: Callable[..., str], platform: Home) -> None:
    live("split")
    with sqlite3.connect(platform.feast / "online.db") as online, sqlite3.connect(":memory:") as kept:
        online.backup(kept)
        try:
            break_plays_7d(online)
            outcome = run(as_of=AS_OF)
        finally:
            kept.backup(online)
    assert alarms_of(outcome) == ["offline and online"]
    assert "plays_7d" in outcome.summary["reason"]


def test_an_online_store_that_is_down_is_an_alarm_and_the_rest_is_still_told(
    few: None, live: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live("down")
    monkeypatch.setenv("SEGUE_ONLINE_STORE", "redis")
    monkeypatch.setenv("SEGUE_REDIS_URL", "127.0.0.1:1")
    get_settings.cache_clear()
    _shared_store.cache_clear()
    try:
        outcome = run(as_of=AS_OF)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
        _shared_store.cache_clear()
    assert alarms_of(outcome) == ["offline and online"]
    assert "Redis at SEGUE_REDIS_URL, received ConnectionError" in outcome.summary["reason"]
    assert states_of(outcome)["genre"] == "ok"


def test_a_damaged_pointer_is_an_alarm_with_its_path(few: None, live: Callable[..., str], platform: Home) -> None:
    live("lost")
    pointer = platform.releases / "current.json"
    pointer.write_text("garbage")
    outcome = run(as_of=AS_OF)
    assert outcome.exit_code == 3
    assert str(pointer) in outcome.summary["reason"]


@pytest.mark.parametrize("table", [Table.LABELS, Table.USER_FEATURES])
def test_a_table_cut_short_is_an_alarm_with_its_path_in_a_report_that_is_mailed(
    table: Table, live: Callable[..., str], platform: Home
) -> None:
    live(f"cut-{table.value.replace('_', '-')}")
    damaged = sorted(platform.table(table).rglob("*.parquet"))[-1]
    whole, mails = damaged.read_bytes(), mailbox.count(platform.mail)
    damaged.write_bytes(whole[: len(whole) // 2])
    try:
        outcome = run(as_of=AS_OF)
    finally:
        damaged.write_bytes(whole)
    assert (outcome.exit_code, outcome.summary["verdict"]) == (3, "alarm")
    assert str(damaged) in (Path(outcome.summary["report"]) / "summary.json").read_text()
    assert "features" in alarms_of(outcome)
    assert states_of(outcome)["live release"] == "ok"
    assert mailbox.count(platform.mail) == mails + 1


def break_plays_7d(online: sqlite3.Connection) -> None:
    """Give everyone the plays of 30 days of somebody."""
    (table,) = online.execute("select name from sqlite_master where name like '%user_features'").fetchone()
    stranger = f'(select value from "{table}" where feature_name = ? limit 1)'  # noqa: S608
    sql = f'update "{table}" set value = {stranger} where feature_name = ?'  # noqa: S608
    assert online.execute(sql, ("plays_30d", "plays_7d")).rowcount > 0
    online.commit()


def test_the_same_day_again_gives_the_same_report_and_no_second_mail(
    few: None, live: Callable[..., str], platform: Home
) -> None:
    live("again")
    first = run(as_of=AS_OF)
    summary = (Path(first.summary["report"]) / "summary.json").read_bytes()
    mails = mailbox.count(platform.mail)
    second = run(as_of=AS_OF)
    assert second.summary["mail"] == "already sent"
    assert (Path(second.summary["report"]) / "summary.json").read_bytes() == summary
    assert mailbox.count(platform.mail) == mails


def test_an_as_of_before_the_first_listen_is_one_sentence(platform: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--as-of", "2020-01-01"]) == 2
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert "as-of 2020-01-01, and the first listen on 2026-10-19" in sentence
    assert not (platform.reports / "day=2020-01-01").exists()


def test_a_home_without_gold_tables_is_one_sentence(home: Home) -> None:
    with pytest.raises(SegueError, match="no gold tables yet"):
        run(as_of=AS_OF)


def test_the_json_summary_carries_what_the_dag_reads(
    few: None, live: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    live("json")
    assert main(["monitor", "--as-of", AS_OF.isoformat(), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["verdict"], facts["retrain"], facts["mail"]) == ("ok", False, "sent")
