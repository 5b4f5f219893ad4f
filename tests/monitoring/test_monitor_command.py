"""`segue monitor` on a whole home: the three verdicts, each with the twin that differs in one thing."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from monitored_home import AS_OF, log_answers, monitored, seal

from infra import mailbox
from monitoring import samples
from monitoring.command import run
from monitoring.filling import looks_back
from monitoring.listening import recent_window, sample
from monitoring.rules import Rules
from segue.cli import main
from segue.dates import start_of
from segue.errors import SegueError
from segue.feature_store import _shared_store
from segue.home import Home, get_home
from segue.live_release import point_to
from segue.release import release_path
from segue.settings import get_settings
from segue.stage import Outcome


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One home for all tests here; each puts back what it changes. Release `same` has this very week as its reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(tmp_path_factory.mktemp("monitored")))
        get_settings.cache_clear()
        home = get_home()
        monitored(home)
        with mailbox.running(home.mail) as port:
            patch.setenv("SEGUE_SMTP_PORT", str(port))
            get_settings.cache_clear()
            yield home
    get_settings.cache_clear()


@pytest.fixture
def live(platform: Home) -> Iterator[Callable[..., str]]:
    """Make a release live that is as it should be but for what a test changes; nothing of it stays."""
    made: list[str] = []

    def release(version: str, **changes: object) -> str:
        made.append(version)
        seal(version, week_end=AS_OF, **changes)  # type: ignore[arg-type]
        point_to(version, at=start_of(AS_OF))
        log_answers(platform, version, AS_OF)
        return version

    yield release
    for version in made:
        shutil.rmtree(release_path(version))
        (platform.predictions / f"day={AS_OF}" / f"weekly-{version}.jsonl").unlink(missing_ok=True)
    (platform.releases / "current.json").unlink(missing_ok=True)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare four features instead of all, which takes a tenth of the time, where a test is about something else."""
    whole = samples.flat
    kept = ["genre", "plays_7d", "tempo", "territory"]
    monkeypatch.setattr(samples, "flat", lambda frame: whole(frame)[kept])


def findings(outcome: Outcome) -> dict[str, str]:
    """State by name of the stored report."""
    stored = json.loads((Path(outcome.summary["report"]) / "summary.json").read_text())
    return {finding["name"]: finding["state"] for finding in stored["findings"]}


def alarms(outcome: Outcome) -> list[str]:
    return [name for name, state in findings(outcome).items() if state == "alarm"]


def test_a_week_like_the_reference_is_ok(live: Callable[..., str]) -> None:
    live("same")
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.exit_code, outcome.summary["retrain"]) == ("ok", 0, False)
    assert outcome.summary["moved"] == 0
    assert outcome.summary["compared"] + outcome.summary["filling"] >= 30
    assert alarms(outcome) == []


NEEDS_NO_DAYS = {
    *("age_days", "days_since_last_play", "device", "duration_s", "energy", "explicit", "explicit_allowed", "genre"),
    *("tempo", "territory"),
}


def test_every_feature_is_known_to_look_back_or_to_need_no_days(platform: Home) -> None:
    told = samples.flat(samples.recent_features(sample(recent_window(AS_OF, Rules()), 20)))
    assert {name for name in told.columns if looks_back(name) == 0} == NEEDS_NO_DAYS


def windows_moved(reference: pd.DataFrame) -> pd.DataFrame:
    """Every count, share and list over a month as a third of what it is."""
    lists = [name for name in reference.columns if reference[name].map(np.ndim).max() == 1]
    numbers = [name for name in reference.select_dtypes("number").columns if looks_back(name) == 30]
    third = {name: reference[name].map(lambda items: items[: len(items) // 3]) for name in lists if name == "recent_tracks"}
    return reference.assign(**{name: reference[name] / 3 for name in numbers}, **third)


def test_windows_still_filling_are_no_drift_of_a_young_log_and_drift_of_an_old_one(live: Callable[..., str]) -> None:
    live("filling", change=windows_moved)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"], outcome.summary["moved"]) == ("ok", False, 0)
    assert findings(outcome)["plays_30d"] == "filling"
    later = timedelta(days=60)  # as if the log had begun so much earlier
    live("filled", change=lambda r: windows_moved(r).assign(event_timestamp=r["event_timestamp"] + later))
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"]) == ("drift", True)
    assert findings(outcome)["plays_30d"] == "moved"
    assert outcome.summary["filling"] == 0


def test_a_young_log_whose_tracks_became_others_is_drift(live: Callable[..., str]) -> None:
    def other_tracks(r: pd.DataFrame) -> pd.DataFrame:
        return r.assign(genre="polka", tempo=r["tempo"] + 60, energy=r["energy"] / 3, duration_s=r["duration_s"] * 2)

    live("others", change=other_tracks)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"]) == ("drift", True)


def test_a_reference_of_other_listening_is_drift_and_asks_for_a_retraining(live: Callable[..., str]) -> None:
    def shifted(reference: pd.DataFrame) -> pd.DataFrame:
        numbers = reference.select_dtypes("number").columns.drop("score")
        return reference.assign(**{name: reference[name] * 3 + 50 for name in numbers})

    live("shifted", change=shifted)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.exit_code, outcome.summary["retrain"]) == ("drift", 0, True)
    states = findings(outcome)
    assert states["tempo"] == "moved"
    assert states["genre"] == "ok"
    newest = mailbox.messages(get_home().mail)[-1]
    assert newest["Subject"].startswith("[segue] drift: ")


def test_scores_that_moved_are_drift_by_themselves(few: None, live: Callable[..., str]) -> None:
    live("colder", change=lambda reference: reference.assign(score=reference["score"] - 3))
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["reason"]) == ("drift", "best score moved")


def test_drift_asks_for_no_retraining_on_the_days_the_release_was_made_from(few: None, live: Callable[..., str]) -> None:
    live("young", change=lambda r: r.assign(**{c: r[c] * 3 + 50 for c in r.select_dtypes("number")}), as_of=AS_OF)
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.summary["retrain"]) == ("drift", False)


def test_a_feature_that_went_empty_is_an_alarm(few: None, live: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = samples.recent_features
    live("filled")
    monkeypatch.setattr(samples, "recent_features", lambda listens: whole(listens).assign(tempo=None))
    outcome = run(as_of=AS_OF)
    assert (outcome.summary["verdict"], outcome.exit_code, outcome.summary["retrain"]) == ("alarm", 3, False)
    assert alarms(outcome) == ["tempo"]
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
    assert {"listens", "days without listens"} <= set(alarms(outcome))


def test_a_week_without_answers_is_an_alarm(few: None, live: Callable[..., str], platform: Home) -> None:
    version = live("unheard")
    logged = platform.predictions / f"day={AS_OF}" / f"weekly-{version}.jsonl"
    kept = platform.predictions.rename(platform.root / "kept")
    try:
        outcome = run(as_of=AS_OF)
    finally:
        kept.rename(platform.predictions)
    assert alarms(outcome) == ["answers"]
    assert logged.exists()


def test_a_release_without_a_reference_is_an_alarm(few: None, live: Callable[..., str]) -> None:
    live("unreferenced", change=lambda reference: reference.iloc[:0])
    assert alarms(run(as_of=AS_OF)) == ["reference"]


def test_no_live_release_is_an_alarm(platform: Home) -> None:
    (platform.releases / "current.json").unlink(missing_ok=True)
    outcome = run(as_of=AS_OF)
    assert outcome.exit_code == 3
    assert "live release" in alarms(outcome)


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
    assert alarms(outcome) == ["offline and online"]
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
    assert alarms(outcome) == ["offline and online"]
    assert "Redis at SEGUE_REDIS_URL, received ConnectionError" in outcome.summary["reason"]
    assert findings(outcome)["genre"] == "ok"


def test_a_damaged_pointer_is_an_alarm_with_its_path(few: None, live: Callable[..., str], platform: Home) -> None:
    live("lost")
    pointer = platform.releases / "current.json"
    pointer.write_text("garbage")
    outcome = run(as_of=AS_OF)
    assert outcome.exit_code == 3
    assert str(pointer) in outcome.summary["reason"]


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
