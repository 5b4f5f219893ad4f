"""What is no file of events is refused in one sentence, and what Segue wrote itself is no source."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_files import jsonl, landed_files, parquet, refusal, row

from infra.landing import schemas
from infra.landing.command import run
from segue.cli import main
from segue.errors import SegueError
from segue.events import EVENT_COLUMNS, TRACK_COLUMNS
from segue.home import Home


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", b"plain text\nmore of it\n", "Expected Parquet or JSON Lines in a.jsonl, received neither"),
        ("a.csv", b"event_id,user_id\n1,2\n", "Expected Parquet or JSON Lines in a.csv, received neither"),
        ("a.jsonl", b"", "Expected rows in a.jsonl, received an empty file"),
        ("a.jsonl", b"\n\n", "Expected rows in a.jsonl, received an empty file"),
        ("a.parquet", b"PAR1 cut short", "Expected Parquet in a.parquet, received bytes that are not"),
        ("a.parquet", b"", "Expected Parquet in a.parquet, received bytes that are not"),
        ("a.jsonl", b'{"colour": "red"}\n', "Expected events, tracks or users in a.jsonl, received columns colour"),
    ],
)
def test_what_is_no_event_file_is_refused_in_one_sentence(
    home: Home, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert sentence in refusal(tmp_path / name)
    assert landed_files(home) == []


@pytest.mark.parametrize("column", ["event_id", "event_type", "user_id", "track_id", "occurred_at"])
def test_a_missing_column_is_named(home: Home, tmp_path: Path, column: str) -> None:
    left = {name: value for name, value in row().items() if name != column}
    for file in (jsonl(tmp_path, "a.jsonl", [left]), parquet(tmp_path, "a.parquet", pa.Table.from_pylist([left]))):
        assert f"Expected a column {column} in {file.name}, received none" in refusal(file)


@pytest.mark.parametrize(
    ("column", "value"), [("ms_played", "long"), ("user_id", 7), ("occurred_at", 1_700_000_000), ("device", ["phone"])]
)
def test_a_column_of_another_type_is_named(home: Home, tmp_path: Path, column: str, value: Any) -> None:
    rows = [row(**{column: value})]
    for file in (jsonl(tmp_path, "a.jsonl", rows), parquet(tmp_path, "a.parquet", pa.Table.from_pylist(rows))):
        assert f"Expected {column} as {EVENT_COLUMNS[column]} in {file.name}, received" in refusal(file)


_OTHER_LICENCES = [
    (["SE"], "list<element: string>", "ARRAY<VARCHAR>"),
    ([[]], "list<element: list<element: null>>", "ARRAY<ARRAY>"),
    ([{"territory": "SE", "valid_to": "2026-05-31"}], "list<element: struct<territory: string, valid_to: string>>", None),
    ([{"territory": "SE", "until": date(2026, 5, 31)}], "list<element: struct<territory: string, until: date32[day]>>", None),
    ({"territory": "SE"}, "struct<territory: string>", "OBJECT"),
]


@pytest.mark.parametrize(("licences", "typed", "written"), _OTHER_LICENCES)
def test_licences_that_are_no_list_of_windows_are_refused(
    home: Home, tmp_path: Path, licences: Any, typed: str, written: str | None
) -> None:
    """In JSON a date is a text, and what each row says is judged with the row."""
    rows = [{"track_id": "t1", "licences": licences}]
    found = [(parquet(tmp_path / "day=2026-09-21", "a.parquet", pa.Table.from_pylist(rows)), typed)]
    if written:
        found += [(jsonl(tmp_path / "day=2026-09-21", "a.jsonl", rows), written)]
    for file, received in found:
        sentence = f"Expected licences as {TRACK_COLUMNS['licences']} in {file.name}, received {received}"
        assert sentence in refusal(file).replace("item:", "element:")
    assert landed_files(home) == []


@pytest.mark.parametrize("licences", [[], [{"territory": "SE"}], [{"valid_to": None, "territory": "SE", "valid_from": None}]])
def test_licences_with_fields_left_out_or_in_another_order_land(home: Home, tmp_path: Path, licences: list[Any]) -> None:
    rows = [{"track_id": "t1", "licences": licences}]
    for file in (
        jsonl(tmp_path / "day=2026-09-21", "a.jsonl", rows),
        parquet(tmp_path / "day=2026-09-21", "a.parquet", pa.Table.from_pylist(rows)),
    ):
        assert run(source="events", path=file).exit_code == 0
    [typed] = home.landing_day("events", "tracks", date(2026, 9, 21)).glob("*.parquet")
    assert pq.read_schema(typed).field("licences") == schemas.TRACKS.field("licences")


def test_times_without_a_zone_are_refused(home: Home, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([row(occurred_at=datetime(2026, 9, 21))])  # noqa: DTZ001 - the mistake under test
    assert "received timestamp[us]" in refusal(parquet(tmp_path, "a.parquet", table))


def test_a_parquet_file_without_rows_is_refused(home: Home, tmp_path: Path) -> None:
    assert "received an empty file" in refusal(parquet(tmp_path, "a.parquet", schemas.EVENTS.empty_table()))


def test_a_parquet_file_with_a_broken_page_is_refused(home: Home, tmp_path: Path) -> None:
    names = [f"e{number}" for number in range(20_000)]
    file = parquet(tmp_path, "a.parquet", pa.table({name: names for name in row() if name != "occurred_at"}))
    broken = bytearray(file.read_bytes())
    broken[5_000:9_000] = bytes(4_000)
    file.write_bytes(broken)
    assert refusal(file)
    assert landed_files(home) == []


@pytest.mark.parametrize(
    ("source", "text", "sentence"),
    [
        ("30music", "user\titem\n1\t2\n", "Expected the header 'UserId"),
        ("30music", "UserId\tSessionId\tItemId\tTime\tArtistId\n", "received an empty file"),
        (
            "30music",
            "UserId\tSessionId\tItemId\tTime\tArtistId\n1\t1\t1\tnoon\t1\n",
            "seconds since 1970 in the fourth column",
        ),
        ("lastfm-1k", "one,two\n", "rows of six tab-separated columns"),
        ("listenbrainz", '{"user_name": "ana"}\n', "JSON Lines with listened_at"),
        ("listenbrainz", "", "received an empty file"),
    ],
)
def test_a_file_of_another_source_is_refused(home: Home, tmp_path: Path, source: str, text: str, sentence: str) -> None:
    (tmp_path / "file").write_text(text)
    outcome = run(source=source, path=tmp_path / "file")
    assert outcome.exit_code == 2
    assert sentence in outcome.summary["refused"]["file"]
    assert not (home.landing / source / "events").exists()


def test_a_path_that_does_not_exist_leaves_with_status_2_and_one_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["land", "--source", "events", "--path", "/nowhere/at/all"]) == 2
    assert capsys.readouterr().err == (
        "segue land: Expected a file or folder, received /nowhere/at/all, which does not exist: give an existing --path.\n"
    )


def test_an_empty_path_is_refused_and_lands_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jsonl(tmp_path / "here", "a.jsonl", [row()])
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(SystemExit) as stopped:
        main(["land", "--source", "events", "--path", ""])
    assert stopped.value.code == 2
    assert "expected a path, received an empty one" in capsys.readouterr().err
    assert landed_files(home) == []
    assert main(["land", "--source", "events", "--path", "."]) == 0
    assert landed_files(home) == ["events/2026-09-21"]


@pytest.mark.parametrize(("path", "where"), [("..", "holds it"), (".", "lies in it"), ("mail", "lies in it")])
def test_what_segue_wrote_itself_is_no_source(home: Home, monkeypatch: pytest.MonkeyPatch, path: str, where: str) -> None:
    jsonl(home.mail, "1.jsonl", [row()])
    monkeypatch.chdir(home.root)
    with pytest.raises(SegueError, match=f"which {where}"):
        run(source="events", path=Path(path))
    assert landed_files(home) == []


def test_a_link_into_the_home_is_no_way_round(home: Home, tmp_path: Path) -> None:
    jsonl(home.mail, "1.jsonl", [row()])
    (tmp_path / "in").symlink_to(home.mail)
    with pytest.raises(SegueError, match="which lies in it"):
        run(source="events", path=tmp_path / "in")


def test_a_time_without_an_offset_is_utc_whatever_the_zone_of_the_machine(home: Home, tmp_path: Path) -> None:
    file = jsonl(tmp_path, "a.jsonl", [row(occurred_at="2026-11-20T05:00:00")])
    there = [sys.executable, "-m", "segue", "land", "--source", "events", "--path", str(file)]
    subprocess.run(there, env=os.environ | {"TZ": "Asia/Tokyo"}, check=True, capture_output=True)
    assert landed_files(home) == ["events/2026-11-20"]
