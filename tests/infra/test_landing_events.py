"""Our own format lands from JSON Lines and Parquet; a bad file is refused in one sentence and never stops the good ones."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_files import jsonl, landed_files, parquet, refusal, row

from infra.landing import schemas
from infra.landing.command import run
from segue.errors import SegueError
from segue.events import EVENT_COLUMNS, TRACK_COLUMNS, USER_COLUMNS
from segue.home import Home


def test_schemas_are_the_contract() -> None:
    for schema, columns in ((schemas.EVENTS, EVENT_COLUMNS), (schemas.TRACKS, TRACK_COLUMNS), (schemas.USERS, USER_COLUMNS)):
        assert {field.name: str(field.type) for field in schema} == columns


def test_json_lines_land_on_the_day_they_arrived_else_on_the_day_they_happened(home: Home, tmp_path: Path) -> None:
    late = row(received_at="2026-09-23T00:00:01Z")
    offset = row(occurred_at="2026-09-21T23:30:00-02:00")
    run(source="events", path=jsonl(tmp_path, "a.jsonl", [row(), late, offset, "no json"]))
    assert landed_files(home) == ["events/2026-09-21", "events/2026-09-22", "events/2026-09-23"]
    [last] = (home.landing / "events" / "events" / "day=2026-09-23").iterdir()
    assert last.read_text().splitlines() == [json.dumps(late, default=str), "no json"]


def test_parquet_lands_by_day_with_the_types_of_the_contract(home: Home, tmp_path: Path) -> None:
    rows = [row(), row(event_id="e2", occurred_at=datetime(2026, 9, 22, tzinfo=UTC)), row(event_id="e3", occurred_at=None)]
    table = pa.Table.from_pylist(rows).append_column("ms_played", pa.array([1, 2, 3], pa.int32()))
    nanoseconds = table.schema.get_field_index("occurred_at")
    times = table.column(nanoseconds).cast(pa.timestamp("ns", tz="UTC"))
    run(source="events", path=parquet(tmp_path, "a.parquet", table.set_column(nanoseconds, "occurred_at", times)))
    assert landed_files(home) == ["events/2026-09-21", "events/2026-09-22"]
    [last] = (home.landing / "events" / "events" / "day=2026-09-22").iterdir()
    landed = pq.ParquetFile(last).read()
    assert landed.column("event_id").to_pylist() == ["e2", "e3"]
    assert {field.name: str(field.type) for field in landed.schema} == {
        name: EVENT_COLUMNS[name] for name in table.column_names
    }


def test_catalogue_and_accounts_land_on_the_first_day_of_the_events(home: Home, tmp_path: Path) -> None:
    jsonl(tmp_path / "in", "b-events.jsonl", [row()])
    jsonl(tmp_path / "in", "a-users.jsonl", [{"user_id": "u1", "territory": "SE"}])
    parquet(tmp_path / "in", "a-tracks.parquet", pa.table({"track_id": ["t1"], "tempo": [120.0]}))
    assert run(source="events", path=tmp_path / "in").exit_code == 0
    assert landed_files(home) == ["events/2026-09-21", "tracks/2026-09-21", "users/2026-09-21"]


def test_catalogue_lands_on_the_day_its_folder_names(home: Home, tmp_path: Path) -> None:
    run(source="events", path=jsonl(tmp_path, "day=2026-10-01/tracks.jsonl", [{"track_id": "t1"}]))
    assert landed_files(home) == ["tracks/2026-10-01"]


def test_a_later_catalogue_lands_on_the_last_day_and_after_the_one_before_it(home: Home, tmp_path: Path) -> None:
    run(source="events", path=jsonl(tmp_path, "events.jsonl", [row(), row(event_id="e2", occurred_at="2026-09-23T09:00:00Z")]))
    for territory in ("SE", "NO", "DK", "FI", "SE"):
        run(source="events", path=jsonl(tmp_path, "users.jsonl", [{"user_id": "u1", "territory": territory}]))
    landed = sorted((home.landing / "events" / "users").glob("day=*/*"))
    assert [json.loads(file.read_text())["territory"] for file in landed] == ["SE", "NO", "DK", "FI"]
    assert [file.parent.name for file in landed] == ["day=2026-09-21"] + ["day=2026-09-23"] * 3
    assert [file.name.rpartition("-")[0] for file in landed] == ["users-0001", "users-0002", "users-0003", "users-0004"]


def test_the_parts_of_one_catalogue_land_together(home: Home, tmp_path: Path) -> None:
    jsonl(tmp_path / "in", "events.jsonl", [row(), row(event_id="e2", occurred_at="2026-09-23T09:00:00Z")])
    for number in (1, 2):
        jsonl(tmp_path / "in", f"tracks-{number}.jsonl", [{"track_id": f"t{number}"}])
    run(source="events", path=tmp_path / "in")
    assert landed_files(home)[2:] == ["tracks/2026-09-21", "tracks/2026-09-21"]


def test_a_day_above_the_given_path_says_nothing(home: Home, tmp_path: Path) -> None:
    jsonl(tmp_path / "day=2026-10-01" / "in", "events.jsonl", [row()])
    jsonl(tmp_path / "day=2026-10-01" / "in", "users.jsonl", [{"user_id": "u1"}])
    run(source="events", path=tmp_path / "day=2026-10-01" / "in")
    assert landed_files(home) == ["events/2026-09-21", "users/2026-09-21"]


def test_a_catalogue_before_any_event_is_refused(home: Home, tmp_path: Path) -> None:
    assert "Expected events before tracks.jsonl, received none landed" in refusal(
        jsonl(tmp_path, "tracks.jsonl", [{"track_id": "t1"}])
    )


def test_one_bad_file_never_stops_the_others(home: Home, tmp_path: Path) -> None:
    for number in (1, 3):
        jsonl(tmp_path / "in", f"{number}.jsonl", [row(event_id=f"e{number}")])
    (tmp_path / "in" / "2.jsonl").write_bytes(b"\x00\x01 this is no listening log")
    outcome = run(source="events", path=tmp_path / "in")
    assert (outcome.exit_code, outcome.summary["landed"]) == (4, 2)
    assert list(outcome.summary["refused"]) == ["2.jsonl"]
    assert outcome.summary["reason"] == "1 of 3 files refused"
    assert len(list((home.landing / "events" / "events" / "day=2026-09-21").iterdir())) == 2


def test_a_bad_file_beside_files_landed_before_is_still_told_apart_from_nothing_landed(home: Home, tmp_path: Path) -> None:
    jsonl(tmp_path / "in", "1.jsonl", [row()])
    run(source="events", path=tmp_path / "in")
    (tmp_path / "in" / "2.jsonl").write_bytes(b"\x00\x01 this is no listening log")
    outcome = run(source="events", path=tmp_path / "in")
    assert (outcome.exit_code, outcome.summary["landed"], outcome.summary["landed_before"]) == (4, 0, 1)


def test_bad_files_alone_leave_with_status_2(home: Home, tmp_path: Path) -> None:
    for name in ("1.jsonl", "2.jsonl"):
        jsonl(tmp_path / "in", name, ["this is no listening log"])
    outcome = run(source="events", path=tmp_path / "in")
    assert (outcome.exit_code, len(outcome.summary["refused"])) == (2, 2)


def test_good_files_alone_leave_with_status_0(home: Home, tmp_path: Path) -> None:
    assert run(source="events", path=jsonl(tmp_path, "1.jsonl", [row()])).exit_code == 0


def test_optional_columns_may_be_missing_or_null(home: Home, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([row(device=None, ms_played=None, received_at=None)])
    assert run(source="events", path=parquet(tmp_path, "a.parquet", table)).exit_code == 0


def test_an_empty_folder_and_an_unknown_source_are_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SegueError, match="received an empty folder"):
        run(source="events", path=tmp_path / "in")
    with pytest.raises(SegueError, match="Expected a source among events, 30music, lastfm-1k, listenbrainz"):
        run(source="spotify", path=tmp_path)


def test_a_landed_world_is_readable_by_landing_too(home: Home, tmp_path: Path) -> None:
    from infra.world.command import run as world

    world(start=date(2026, 9, 21), days=2, users=20, tracks=60, seed=1)
    before = pq.read_table(home.landing_day("events", "events", date(2026, 9, 22)) / "world.parquet", partitioning=None)
    moved = tmp_path / "elsewhere"
    (home.landing / "events").rename(moved)
    assert run(source="events", path=moved).exit_code == 0
    [again] = home.landing_day("events", "events", date(2026, 9, 22)).iterdir()
    assert pq.read_table(again, partitioning=None) == before


def test_a_parquet_file_with_more_days_than_files_may_be_open_lands_whole(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.landing.parquet._FILES_AT_ONCE", 3)
    days = [date(2026, 9, 1 + n) for n in range(10)]
    rows = [row(event_id=f"e{day.day}", occurred_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC)) for day in days]
    rows += [row(event_id="undated", occurred_at=None)]
    table = pa.Table.from_pylist(rows, schema=pa.schema([schemas.EVENTS.field(name) for name in rows[0]]))
    assert run(source="events", path=parquet(tmp_path, "a.parquet", table)).summary["undated"] == 1
    landed = {day: list(home.landing_day("events", "events", day).glob("*.parquet")) for day in days}
    ids = {day: pq.read_table(files[0], partitioning=None)["event_id"].to_pylist() for day, files in landed.items()}
    assert ids == {day: [f"e{day.day}"] + (["undated"] if day == days[-1] else []) for day in days}
