"""The prediction log, counted: quality has the known values, and what is missing or broken is an alarm."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from monitored_home import AS_OF, USERS, answer, log_answers

from monitoring import answers
from monitoring.findings import Finding, State
from monitoring.listening import Window, recent_window
from monitoring.rules import Rules
from segue.dates import start_of, week_after
from segue.home import Home
from segue.live_release import point_to
from segue.names import Fallback, Surface
from segue.predictions import Prediction
from segue.release import Manifest

RULES = Rules()
RECENT = recent_window(AS_OF, RULES)
LIVE = Manifest.model_construct(version="r1", tracks=120)


def checked(recent: Window = RECENT, live: Manifest | None = LIVE, rules: Rules = RULES) -> dict[str, Finding]:
    return {f.name: f for f in answers.check(answers.read_answers(recent, rules), live, rules)}


def alarms(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.state is State.ALARM]


def write(home: Home, day: date, records: list[Prediction], name: str = "service-1") -> None:
    folder = home.predictions / f"day={day}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(r.model_dump_json() + "\n" for r in records))


def home_answers(count: int, *, fallback: Fallback | None = None, tracks: int = 30) -> list[Prediction]:
    change = {"surface": Surface.HOME, "week": None, "fallback": fallback}
    return [answer(n, AS_OF, "r1", tracks=tracks).model_copy(update=change) for n in range(count)]


def test_a_healthy_log_raises_nothing_and_is_counted(home: Home) -> None:
    log_answers(home, "r1", AS_OF)
    found = checked()
    assert alarms(found) == []
    assert found["answers"].now == USERS
    assert found["catalogue coverage"].now == pytest.approx(60 / 120)
    assert found["latency p50"].now == pytest.approx(20.5)


def test_no_answers_while_a_release_is_live_is_an_alarm(home: Home) -> None:
    assert alarms(checked()) == ["answers"]


def test_no_answers_before_the_first_release_is_a_note(home: Home) -> None:
    assert checked(live=None)["answers"].state is State.NOTE


def test_answers_of_another_week_do_not_count(home: Home) -> None:
    log_answers(home, "r1", AS_OF - timedelta(days=8))
    assert alarms(checked()) == ["answers"]


def test_the_playlist_made_from_the_as_of_day_counts(home: Home) -> None:
    log_answers(home, "r1", week_after(AS_OF))
    assert checked()["answers"].now == USERS


def test_mostly_fallbacks_are_an_alarm_and_a_few_are_not(home: Home) -> None:
    write(home, AS_OF, [*home_answers(6, fallback=Fallback.NEW_USER), *home_answers(4)])
    assert alarms(checked()) == ["fallbacks"]
    write(home, AS_OF, [*home_answers(4, fallback=Fallback.NEW_USER), *home_answers(6)])
    assert alarms(checked()) == []


def test_empty_answers_are_an_alarm(home: Home) -> None:
    write(home, AS_OF, [*home_answers(20), *home_answers(1, tracks=0)])
    assert alarms(checked()) == ["empty answers"]


def test_one_torn_line_is_counted_and_many_are_an_alarm(home: Home) -> None:
    log_answers(home, "r1", AS_OF)
    path = home.predictions / f"day={AS_OF}" / "service-1.jsonl"
    path.write_text((home_answers(1)[0].model_dump_json() + "\n") * 200 + '{"request_id": "to')
    assert checked()["unreadable log lines"].now == pytest.approx(1 / 241)
    assert alarms(checked()) == []
    path.write_text("not json\n" * 10)
    assert alarms(checked()) == ["unreadable log lines"]


def test_a_log_of_rubbish_only_is_an_alarm(home: Home) -> None:
    (home.predictions / f"day={AS_OF}").mkdir(parents=True)
    (home.predictions / f"day={AS_OF}" / "service-1.jsonl").write_text("not json\n")
    assert alarms(checked()) == ["answers"]


def test_a_long_log_is_sampled_the_same_way_twice(home: Home) -> None:
    log_answers(home, "r1", AS_OF)
    some = Rules(most_answers=7)
    first, second = (answers.read_answers(RECENT, some) for _ in range(2))
    assert first == second
    assert (first.total, len(first.read)) == (USERS, 7)


def test_a_replay_of_the_past_reads_what_was_answered_since_and_says_so(home: Home) -> None:
    later = AS_OF + timedelta(days=400)
    point_to("r1", at=start_of(later))
    log_answers(home, "r1", later + timedelta(days=1))
    found = checked()
    assert found["answers"].now == USERS
    assert "replay" in found["answers"].says


def test_an_answer_newer_than_the_as_of_day_does_not_count_without_a_replay(home: Home) -> None:
    point_to("r1", at=start_of(AS_OF))
    log_answers(home, "r1", AS_OF + timedelta(days=2))
    assert alarms(checked()) == ["answers"]


def test_surfaces_are_told_apart(home: Home) -> None:
    log_answers(home, "r1", AS_OF)
    write(home, AS_OF, home_answers(10, fallback=Fallback.WORLDWIDE, tracks=12))
    rows = {row.surface: row for row in answers.by_surface(answers.read_answers(RECENT, RULES).read)}
    assert (rows[Surface.WEEKLY].answers, rows[Surface.WEEKLY].mean_length, rows[Surface.WEEKLY].fallbacks) == (USERS, 30, 0)
    assert (rows[Surface.HOME].answers, rows[Surface.HOME].mean_length, rows[Surface.HOME].fallbacks) == (10, 12, 1)


def test_only_the_best_ranked_track_of_the_release_s_lists_is_compared(home: Home) -> None:
    log_answers(home, "r0", AS_OF, score=9.0)
    ours = answer(1, AS_OF, "r1", score=0.5)
    ours.tracks[3].score = 0.7
    ours.tracks[4].source, ours.tracks[4].score = "popular", 9.0
    write(home, AS_OF, [ours, *home_answers(3)])
    assert answers.best_scores(answers.read_answers(RECENT, RULES), "r1", 20_000) == [0.7]


def test_lists_of_a_moment_are_compared_where_there_is_no_playlist(home: Home) -> None:
    write(home, AS_OF, home_answers(3))
    assert len(answers.best_scores(answers.read_answers(RECENT, RULES), "r1", 20_000)) == 3


def test_the_weeks_before_are_read_apart_from_the_last(home: Home) -> None:
    log_answers(home, "r1", AS_OF, score=0.5)
    log_answers(home, "r1", AS_OF - timedelta(days=10), score=0.1)
    log_answers(home, "r1", AS_OF - timedelta(days=100), score=7.0)
    earlier = answers.read_earlier(answers.read_answers(RECENT, RULES), RECENT, RULES)
    assert set(answers.best_scores(earlier, "r1", 20_000)) == {0.1}
