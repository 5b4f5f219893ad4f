"""Real sources land raw and by day: every line is kept as it came, and landing a file again changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.landing import lines
from infra.landing.command import run
from segue.home import Home

HEADER = "UserId\tSessionId\tItemId\tTime\tArtistId\n"
MIDNIGHT = int(datetime(2014, 4, 21, tzinfo=UTC).timestamp())


def days_of(home: Home, source: str, kind: str = "events") -> dict[str, bytes]:
    """Landed bytes by day."""
    found: dict[str, bytes] = {}
    for file in sorted((home.landing / source / kind).glob("day=*/*")):
        day = file.parent.name.removeprefix("day=")
        found[day] = found.get(day, b"") + file.read_bytes()
    return found


def put(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def listen(**fields: Any) -> str:
    metadata = {"artist_name": "A", "track_name": "T", "additional_info": {"recording_msid": "m", "listened_at": 1}}
    return json.dumps({"user_name": "ana", "track_metadata": metadata} | fields) + "\n"


def test_plays_land_on_their_utc_day_without_the_header(home: Home, tmp_path: Path) -> None:
    before, after = f"1\t1\t9\t{MIDNIGHT - 1}\t5\n", f"1\t1\t9\t{MIDNIGHT}\t5\n"
    outcome = run(source="30music", path=put(tmp_path, "plays.tsv", HEADER + before + after))
    assert days_of(home, "30music") == {"2014-04-20": before.encode(), "2014-04-21": after.encode()}
    assert (outcome.exit_code, outcome.summary["rows"], outcome.summary["days"]) == (0, 2, ["2014-04-20", "2014-04-21"])


def test_rows_without_a_day_go_with_the_last_day_of_their_file(home: Home, tmp_path: Path) -> None:
    rows = f"1\t1\t9\tyesterday\t5\nhalf a row\n1\t1\t9\t{MIDNIGHT}\t5\n1\t1\t9\t{MIDNIGHT - 1}\t5\n1\t1\t9\t-4\t5\n"
    outcome = run(source="30music", path=put(tmp_path, "plays.tsv", HEADER + rows))
    landed = days_of(home, "30music")["2014-04-21"].decode().splitlines()
    assert landed == [f"1\t1\t9\t{MIDNIGHT}\t5", "1\t1\t9\tyesterday\t5", "half a row", "1\t1\t9\t-4\t5"]
    assert outcome.summary["undated"] == 3


def test_every_line_is_kept_as_it_came_in_any_script_and_encoding(home: Home, tmp_path: Path) -> None:
    rows = [
        "user_000001\t2009-05-04T23:08:57Z\tid\t坂本龍一\t\tComposition 0919 (Live_2009_4_15)\n".encode(),
        "user_000001\t2009-05-04T23:59:59Z\t\t\u00c6on\tx\tquote \" and 'quote'\r\n".encode(),
        b"user_000002\t2009-05-04T10:00:00Z\tid\tMot\xf6rhead\t\tlatin-1\n",
        b"user_000002\t2009-05-04T10:00:00Z\tid\tno line end\t\tlast",
    ]
    run(source="lastfm-1k", path=put(tmp_path, "plays.tsv", b"".join(rows)))
    assert days_of(home, "lastfm-1k") == {"2009-05-04": b"".join(rows) + b"\n"}


def test_listens_are_dated_by_their_own_time_in_either_spelling(home: Home, tmp_path: Path) -> None:
    new, old, broken = listen(listened_at=MIDNIGHT, user_id=7), listen(timestamp=MIDNIGHT - 1), '{"listened_at": 13\n'
    run(source="listenbrainz", path=put(tmp_path, "1.listens", new + old + broken))
    assert days_of(home, "listenbrainz") == {"2014-04-21": (new + broken).encode(), "2014-04-20": old.encode()}


def test_a_file_of_many_blocks_lands_like_a_file_of_one(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"1\t1\t{number}\t{MIDNIGHT + 7_200 * number}\t5\n" for number in range(200))
    file = put(tmp_path, "plays.tsv", "\ufeff" + HEADER + rows + "\n\n")
    run(source="30music", path=file)
    whole = days_of(home, "30music")
    assert b"".join(whole.values()).decode() == rows
    for receipt in (home.landing / "30music" / "receipts").iterdir():
        receipt.unlink()
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 64)
    run(source="30music", path=file)
    assert days_of(home, "30music") == whole


def test_landing_the_same_content_again_changes_nothing_even_under_another_name(home: Home, tmp_path: Path) -> None:
    text = f"{HEADER}1\t1\t9\t{MIDNIGHT}\t5\n"
    run(source="30music", path=put(tmp_path, "one.tsv", text))
    before = {file: file.stat().st_mtime_ns for file in home.landing.rglob("*")}
    outcome = run(source="30music", path=put(tmp_path, "two.tsv", text))
    assert {file: file.stat().st_mtime_ns for file in home.landing.rglob("*")} == before
    assert (outcome.summary["landed"], outcome.summary["landed_before"]) == (0, 1)


def test_a_landed_part_that_was_lost_lands_again(home: Home, tmp_path: Path) -> None:
    file = put(tmp_path, "one.tsv", f"{HEADER}1\t1\t9\t{MIDNIGHT}\t5\n")
    run(source="30music", path=file)
    before = days_of(home, "30music")
    next((home.landing / "30music" / "events").glob("day=*/*")).unlink()
    run(source="30music", path=file)
    assert days_of(home, "30music") == before


def test_two_files_with_one_name_land_side_by_side(home: Home, tmp_path: Path) -> None:
    for folder, user in (("a", 1), ("b", 2)):
        put(tmp_path / "in", f"{folder}/plays.tsv", f"{HEADER}{user}\t1\t9\t{MIDNIGHT}\t5\n")
    run(source="30music", path=tmp_path / "in")
    assert sorted(days_of(home, "30music")["2014-04-21"].splitlines()) == [
        f"{user}\t1\t9\t{MIDNIGHT}\t5".encode() for user in (1, 2)
    ]


def test_a_landing_killed_between_two_parts_is_completed_by_the_next(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path, "plays.tsv", HEADER + "".join(f"1\t1\t9\t{MIDNIGHT + 86_400 * day}\t5\n" for day in range(3)))
    rename, calls = Path.replace, Counter[str]()

    def killed_at_the_second(self: Path, target: Path) -> Path:
        calls["rename"] += 1
        if calls["rename"] == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(source="30music", path=file)
    assert len(days_of(home, "30music")) == 1
    monkeypatch.setattr(Path, "replace", rename)
    run(source="30music", path=file)
    assert Counter(day for day in days_of(home, "30music")) == Counter(["2014-04-21", "2014-04-22", "2014-04-23"])
    assert not any(home.tmp.iterdir())


def test_the_real_plays_land_whole(home: Home, data_dir: Path) -> None:
    outcome = run(source="30music", path=data_dir / "30music")
    received = [line for file in sorted((data_dir / "30music").iterdir()) for line in file.read_bytes().splitlines()[1:]]
    landed = [line for text in days_of(home, "30music").values() for line in text.splitlines()]
    assert outcome.summary["rows"] == 65_965
    assert Counter(landed) == Counter(received)
    assert outcome.summary["days"] == ["2014-04-20", "2014-08-23"]


def test_the_real_listens_with_missing_ids_land_whole(home: Home, data_dir: Path) -> None:
    outcome = run(source="lastfm-1k", path=data_dir / "lastfm-1k-sample")
    received = next((data_dir / "lastfm-1k-sample").iterdir()).read_bytes().splitlines()
    landed = [line for text in days_of(home, "lastfm-1k").values() for line in text.splitlines()]
    assert outcome.summary["rows"] == 5_000
    assert Counter(landed) == Counter(received)
