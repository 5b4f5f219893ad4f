"""Slots that explored, out of stored logs: which are read, what counts as saved, and what the report says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segue.charts import page_bytes
from segue.home import get_home
from segue.names import Surface, Table
from segue.policy import PolicySettings
from segue.predictions import Explored, ExploredSlot, PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.settings import get_settings
from trainers.evaluation.charts import _explored
from trainers.evaluation.explored import exploration_report, exploration_text, slots_of
from trainers.evaluation.target_policies import choosing, targets_of

WEEK = date(2026, 11, 2)
CHANCES = [0.75, 0.25]
AS_OLD: dict[str, Any] = {"usual_novelty": 0.0, "novelty": 0.0}
"""Settings that make nothing of what is new, as every release once did."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def _made(user: str, took: int, week: date = WEEK) -> Prediction:
    slot = ExploredSlot(took=took, worth=[0.9, 0.1], propensity=CHANCES)
    shown = PredictedTrack(track_id=f"t{took}", score=0, source="retriever", reason="", propensity=CHANCES[took])
    return Prediction(
        request_id=f"{user}{week}",
        at=datetime(week.year, week.month, week.day, tzinfo=UTC),
        surface=Surface.WEEKLY,
        user=pseudonym(user),
        release="r",
        week=week,
        explored=Explored(candidates=["t0", "t1"], mean=[0, 1], deviation=[1, 1], slots=[slot]),
        tracks=[shown],
        latency_ms=0,
    )


def _log(name: str, *made: Prediction, week: date = WEEK) -> None:
    path = get_home().predictions / f"day={week}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(one.model_dump_json() + "\n" for one in made) + '{"explored":{ half a line')


def _heard(
    user: str, track: str, day: date, surface: Surface = Surface.WEEKLY, *, saved: bool = True, integrity: float = 1.0
) -> None:
    folder = get_home().table(Table.LABELS) / f"day={day}"
    folder.mkdir(parents=True, exist_ok=True)
    row = {"user_id": user, "track_id": track, "surface": surface.value, "saved": saved, "integrity": integrity}
    at = pd.Timestamp(day, tz="UTC") + timedelta(hours=9)
    pd.DataFrame([row | {"event_timestamp": at}]).to_parquet(folder / f"{user}-{track}.parquet")


def test_what_was_saved_of_the_list_in_its_week_is_counted_and_weighed(home: Path) -> None:
    _log("weekly-r.jsonl", *(_made(f"u{n}", took) for n, took in enumerate([0, 0, 0, 1])))
    _heard("u0", "t0", WEEK)
    _heard("u3", "t1", WEEK + timedelta(days=6))
    _heard("u1", "t1", WEEK)  # was not in their list
    _heard("u2", "t0", WEEK + timedelta(days=2), Surface.HOME)  # not heard in the list
    found = exploration_report()
    assert found is not None
    assert (found["slots"], found["users"], found["saves"]) == (4, 4, 2)
    by_name = {row["policy"]: row for row in found["policies"]}
    assert by_name["as logged"]["snips"] == pytest.approx(2 / 4)
    assert by_name["best ranked"]["ips"] == pytest.approx((1 / 0.75) / 4)
    assert by_name["best ranked"]["snips"] == pytest.approx(1 / 3)
    assert by_name["most believed"]["ips"] == pytest.approx((1 / 0.25) / 4)
    assert by_name["any alike"]["ips"] == pytest.approx((0.5 / 0.75 + 0.5 / 0.25) / 4)
    assert by_name["most believed"]["lead"] == pytest.approx(by_name["most believed"]["snips"] - 2 / 4)
    assert {row["better"] for row in found["policies"]} == {"unsure"}, "four users prove nothing"
    text = exploration_text(found)
    assert "2 saves of 4 slots" in text
    assert "better than as logged?" in text


def test_an_interval_is_told_by_its_ends_as_it_may_reach_further_to_one_side(home: Path) -> None:
    _log("weekly-r.jsonl", *(_made(f"u{n}", n % 2) for n in range(30)))
    _heard("u1", "t1", WEEK)
    _heard("u3", "t1", WEEK + timedelta(days=6))
    found = exploration_report()
    assert found is not None
    (row,) = (row for row in found["policies"] if row["policy"] == "best ranked")
    assert row["lead_high"] > 0 > row["lead_low"]
    text = exploration_text(found)
    assert f"{row['lead']:+.4f} ({row['lead_low']:+.4f} to {row['lead_high']:+.4f})" in text
    assert f"{row['snips']:.4f} ({row['snips_low']:.4f} to {row['snips_high']:.4f})" in text
    assert "±" not in text


def test_bounds_that_nobody_knows_are_null_in_what_is_stored_and_a_dash_in_what_is_read(home: Path) -> None:
    _log("weekly-r.jsonl", _made("u0", 0), _made("u1", 1))
    _heard("u0", "t0", WEEK + timedelta(days=6), saved=False)
    found = exploration_report()
    assert found is not None
    assert {(row["ips_low"], row["ips_high"]) for row in found["policies"]} == {(None, None)}
    json.dumps(found, allow_nan=False)
    assert "0.0000 (-)" in exploration_text(found)
    assert found["policies"][0]["snips_high"] > 0


def test_a_week_that_is_not_over_is_not_counted_and_of_a_week_made_twice_the_last(home: Path) -> None:
    _heard("u0", "t0", WEEK + timedelta(days=5))
    _log("weekly-r.jsonl", _made("u0", 0))
    assert exploration_report() is None, "its last day is not known yet"
    assert "nothing to say" in exploration_text(None)
    _heard("u0", "t0", WEEK + timedelta(days=6))
    _log("weekly-s.jsonl", _made("u0", 1), _made("u1", 1))
    found = exploration_report()
    assert found is not None
    assert (found["slots"], found["saves"]) == (2, 0)


def test_lists_and_saves_of_accounts_that_count_for_nothing_are_left_out(home: Path) -> None:
    _log("weekly-r.jsonl", *(_made(user, 0) for user in ("honest", "half", "bot", "quiet bot", "silent")))
    for user in ("honest", "half", "bot"):
        _heard(user, "t0", WEEK + timedelta(days=6), integrity={"honest": 1.0, "half": 0.5, "bot": 0.0}[user])
    _heard("quiet bot", "t1", WEEK, saved=False, integrity=0.0)
    found = exploration_report()
    assert found is not None
    assert (found["slots"], found["users"], found["saves"]) == (3, 3, 2)


def test_a_report_where_only_bots_explored_has_nothing_to_say(home: Path) -> None:
    _log("weekly-r.jsonl", _made("bot", 0))
    _heard("bot", "t0", WEEK + timedelta(days=6), integrity=0.0)
    assert exploration_report() is None


def test_a_report_tells_of_the_policies_it_is_asked_for(home: Path) -> None:
    _log("weekly-r.jsonl", *(_made(f"u{n}", took) for n, took in enumerate([0, 0, 0, 1])))
    _heard("u3", "t1", WEEK + timedelta(days=6))
    quiet = PolicySettings(explore_slots=0, **AS_OLD)
    loud = PolicySettings(explore_floor=1.0, adventurousness=1.0, **AS_OLD)
    found = exploration_report(targets_of(quiet, loud))
    assert found is not None
    rates = {row["policy"]: row["ips"] for row in found["policies"]}
    assert rates["this release"] == rates["best ranked"] == 0
    assert rates["--policy"] == pytest.approx(rates["any alike"]) == pytest.approx(0.5 / 0.25 / 4)
    assert "--policy" in exploration_text(found)
    by_default = exploration_report(targets_of(PolicySettings()))
    assert by_default is not None
    assert "--policy" not in {row["policy"] for row in by_default["policies"]}


def _with_newness(one: Prediction, newness: list[float], **other: Any) -> Prediction:
    assert one.explored is not None
    return one.model_copy(update=other | {"explored": one.explored.model_copy(update={"newness": newness})})


def test_a_policy_that_minds_what_is_new_is_not_asked_about_lists_whose_log_does_not_say_what_is(home: Path) -> None:
    old = [_made("u0", 0), _with_newness(_made("u1", 0), [0.0, 0.0])]
    said = [_with_newness(_made(f"u{n}", took), [0.3, 0.9]) for n, took in ((2, 0), (3, 1))]
    _log("weekly-r.jsonl", *old, *said)
    for user, track in (("u0", "t0"), ("u1", "t0"), ("u3", "t1")):
        _heard(user, track, WEEK + timedelta(days=6))
    found = exploration_report(targets_of(PolicySettings(**AS_OLD), PolicySettings(usual_novelty=50.0)))
    assert found is not None
    by_name = {row["policy"]: row for row in found["policies"]}
    left_out = {name: row["left_out"] for name, row in by_name.items() if row["left_out"]}
    assert left_out == {"--policy": 2}
    assert by_name["--policy"]["snips"] > 0.9, "of what it would have taken, which is the newer one, all was saved"
    assert by_name["--policy"]["lead"] == pytest.approx(by_name["--policy"]["snips"] - 1 / 2), "over the same slots"
    assert "2 for --policy" in exploration_text(found)


def test_where_no_log_says_what_is_new_no_rate_is_told(home: Path) -> None:
    _log("weekly-r.jsonl", _made("u0", 0), _made("u1", 1))
    _heard("u0", "t0", WEEK + timedelta(days=6))
    found = exploration_report(targets_of(PolicySettings(**AS_OLD), PolicySettings(usual_novelty=0.5)))
    assert found is not None
    (row,) = (row for row in found["policies"] if row["policy"] == "--policy")
    assert (row["snips"], row["ips"], row["lead"], row["left_out"]) == (None, None, None, 2)
    assert "nan" not in exploration_text(found)
    assert page_bytes("rates", _explored({"exploration": found})), "the chart has a dash there"


def test_a_radio_goes_on_as_its_session_does_whatever_is_new(home: Path) -> None:
    radio = slots_of([_with_newness(_made("u0", 0), [0.0, 0.0], surface=Surface.RADIO)], set())
    np.testing.assert_allclose(choosing(PolicySettings(usual_novelty=0.5))(radio).sum(axis=1), 1)


def test_a_record_from_before_draws_were_told_apart_is_read_as_if_each_candidate_had_its_own(home: Path) -> None:
    slots = slots_of([_made("u0", 0)], set())
    assert len(set(slots.genre[0])) == len(set(slots.artist[0])) == 2
    np.testing.assert_allclose(choosing(PolicySettings(**AS_OLD), 1.0)(slots).sum(axis=1), 1)
