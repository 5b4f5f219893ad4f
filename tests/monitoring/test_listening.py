"""Listening of a window, counted from gold tables whose listens are known one by one."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from gold_listens import track_id, user_id
from gold_tables import AS_OF, write_gold
from monitored_home import answer, log_answers

from monitoring import answers, listening, reception
from monitoring.findings import Finding, State
from monitoring.integrity import check_landing
from monitoring.listening import Window, recent_window
from monitoring.rules import Rules
from segue.dates import start_of
from segue.errors import SegueError
from segue.home import Home
from segue.names import UNKNOWN_TERRITORY, Table

RULES = Rules()
RECENT = recent_window(AS_OF, RULES)
BEFORE = Window(AS_OF - timedelta(days=27), AS_OF - timedelta(days=7))


def write_listens(home: Home, day: date, outcomes: list[str | None], **columns: object) -> None:
    """One listen per outcome, each by another user of another track."""
    rows = [
        {
            "listen_id": f"{day}-{n}",
            "user_id": user_id(n),
            "track_id": track_id(n),
            "event_timestamp": pd.Timestamp(start_of(day)),
            "territory": None,
            "device": None,
            "outcome": outcome,
            "saved": None if outcome is None else outcome == "complete" and n % 2 == 0,
            "first_listen": n % 4 != 0,
            "integrity": 1.0,
        }
        | columns
        for n, outcome in enumerate(outcomes)
    ]
    folder = home.table(Table.LABELS) / f"day={day}"
    folder.mkdir(parents=True, exist_ok=True)
    words = dict.fromkeys(("territory", "device", "outcome"), "string")
    frame = pd.DataFrame(rows).astype(words | {"saved": "boolean", "event_timestamp": "datetime64[us, UTC]"})
    frame.to_parquet(folder / "data.parquet", index=False)


def compared(recent: Window = RECENT, training: Window | None = BEFORE) -> dict[str, Finding]:
    return {finding.name: finding for finding in listening.compare(recent, training, RULES)}


MIX = ["complete"] * 70 + ["early_skip"] * 20 + ["late_skip"] * 10


def test_counts_are_the_known_ones(home: Home) -> None:
    write_listens(home, AS_OF, MIX)
    write_listens(home, AS_OF - timedelta(days=1), MIX)
    counted = listening.counts(RECENT)
    assert (counted["listens"], counted["users"], counted["days"], counted["visits"]) == (200, 100, 2, 200)
    assert (counted["complete"], counted["early_skip"], counted["late_skip"], counted["save"]) == (140, 40, 20, 70)


def test_the_same_mix_of_outcomes_is_ok(home: Home) -> None:
    write_listens(home, AS_OF, MIX * 5)
    write_listens(home, BEFORE.last, MIX * 8)
    assert {f.state for f in compared().values()} == {State.OK, State.NOTE}


def test_twice_the_early_skips_are_named(home: Home) -> None:
    write_listens(home, AS_OF, (["complete"] * 50 + ["early_skip"] * 40 + ["late_skip"] * 10) * 5)
    write_listens(home, BEFORE.last, MIX * 8)
    found = compared()
    assert found["early skips"].state is State.MOVED
    assert (found["early skips"].now, found["early skips"].before) == (pytest.approx(0.4), pytest.approx(0.2))
    assert found["late skips"].state is State.OK


def test_a_small_sample_is_no_proof(home: Home) -> None:
    write_listens(home, AS_OF, ["early_skip"] * 4 + ["complete"] * 6)
    write_listens(home, BEFORE.last, MIX * 8)
    assert compared()["early skips"].state is State.OK


def test_a_source_without_outcomes_is_noted_and_not_judged(home: Home) -> None:
    write_listens(home, AS_OF, [None] * 50)
    write_listens(home, BEFORE.last, [None] * 50)
    assert {f.state for f in compared().values()} == {State.NOTE}


def test_outcomes_known_before_and_unknown_now_are_an_alarm(home: Home) -> None:
    write_listens(home, AS_OF, [None] * 50)
    write_listens(home, BEFORE.last, MIX)
    assert compared()["early skips"].state is State.ALARM


def test_an_empty_week_and_an_empty_training_window_are_alarms(home: Home) -> None:
    write_listens(home, BEFORE.last, MIX)
    assert compared()["listens"].state is State.ALARM
    write_listens(home, AS_OF, MIX)
    assert compared(training=Window(BEFORE.first, BEFORE.first))["training window"].state is State.ALARM
    assert compared(training=None)["training window"].state is State.ALARM


def test_a_sample_holds_first_listens_only_and_is_the_same_twice(home: Home) -> None:
    write_listens(home, AS_OF, MIX)
    first, again = (listening.sample(RECENT, 40) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == 40
    assert not {user_id(n) for n in range(0, 100, 4)} & set(first["user_id"])
    assert set(first["territory"]) == {UNKNOWN_TERRITORY}
    assert str(first["event_timestamp"].dtype) == "datetime64[us, UTC]"
    assert first["event_timestamp"].iloc[0] == pd.Timestamp(start_of(AS_OF))


def test_listens_of_accounts_in_doubt_are_compared_with_nothing_and_told(home: Home) -> None:
    write_listens(home, AS_OF, MIX)
    write_listens(home, AS_OF - timedelta(days=1), ["complete"] * 300, integrity=0.4)
    assert listening.counts(RECENT)["listens"] == len(MIX)
    assert len(listening.sample(RECENT, 1_000)) == 75
    assert len(listening.heard_pairs(RECENT)) == len(MIX)
    assert landing()["doubted listens"].now == pytest.approx(0.75)
    write_listens(home, AS_OF - timedelta(days=1), ["complete"] * 300)
    assert listening.counts(RECENT)["listens"] == len(MIX) + 300


def landing(recent: Window = RECENT) -> dict[str, Finding]:
    return {f.name: f for f in check_landing(recent, RULES)}


def test_a_silent_as_of_day_is_an_alarm_and_an_earlier_one_a_note(home: Home) -> None:
    for back in (0, 1, 3, 4, 5, 6):
        write_listens(home, AS_OF - timedelta(days=back), MIX)
    silence = landing()["days without listens"]
    assert (silence.state, silence.now, silence.says) == (State.NOTE, 1, str(AS_OF - timedelta(days=2)))
    write_listens(home, AS_OF - timedelta(days=2), MIX)
    assert landing()["days without listens"].state is State.OK
    tomorrow = recent_window(AS_OF + timedelta(days=1), RULES)
    assert landing(tomorrow)["days without listens"].state is State.ALARM


def test_days_before_the_first_listen_are_not_silent(home: Home) -> None:
    write_listens(home, AS_OF, MIX)
    assert landing()["days without listens"].state is State.OK


def test_mostly_rejected_rows_are_an_alarm_and_a_few_are_not(home: Home) -> None:
    for rejected, expected in ((5, State.OK), (60, State.ALARM)):
        write_listens(home, AS_OF, MIX)
        folder = home.table(Table.REJECTED_LISTENS) / f"day={AS_OF}"
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"reason": ["no track"] * rejected}).to_parquet(folder / "data.parquet")
        assert landing()["rejected rows"].state is expected


def test_an_as_of_before_the_first_listen_is_refused_and_the_first_day_is_not(home: Home) -> None:
    write_listens(home, AS_OF, MIX)
    with pytest.raises(SegueError, match=f"the first listen on {AS_OF}"):
        listening.check_known(AS_OF - timedelta(days=1))
    listening.check_known(AS_OF)


def test_shown_tracks_played_and_saved_are_counted_by_pseudonym(home: Home) -> None:
    """User 1 and user 2 were shown ten tracks each from their own number on; each listen n is of track n, even ones saved."""
    write_gold(home, users=4, tracks=20, days=2)
    write_listens(home, AS_OF, ["complete"] * 3)
    folder = home.predictions / f"day={AS_OF}"
    folder.mkdir(parents=True)
    shown = [answer(n, AS_OF, "r1", tracks=10) for n in (1, 2)]
    (folder / "weekly-r1.jsonl").write_text("".join(a.model_dump_json() + "\n" for a in shown))
    found = {f.name: f.now for f in reception.check(answers.read_answers(RECENT, RULES), RECENT)}
    assert found == {"shown tracks played": pytest.approx(2 / 20), "shown tracks saved": pytest.approx(1 / 20)}


def test_a_playlist_only_just_made_is_not_yet_judged(home: Home) -> None:
    log_answers(home, "r1", AS_OF + timedelta(days=1))
    (found,) = reception.check(answers.read_answers(RECENT, RULES), RECENT)
    assert (found.state, found.now) == (State.NOTE, None)
