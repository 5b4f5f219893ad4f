"""The gold tables of a landing written by hand are what can be worked out on paper."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from gold_schemas import SCHEMAS
from landed_by_hand import AS_OF, BAD, CONTROL_BYTES, land_by_hand
from mart_homes import day, gold, query

from segue.home import Home
from segue.names import DAILY_TABLES, Table


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One build over every source and every bad row."""
    made = Home(tmp_path_factory.mktemp("answers") / "home")
    land_by_hand(made)
    gold(made, AS_OF)
    return made


def one(home: Home, table: str, where: str, columns: str) -> tuple[Any, ...]:
    rows = query(home, f"select {columns} from gold.{table} where {where}")  # noqa: S608
    assert len(rows) == 1, rows
    return rows[0]


def test_every_bad_row_is_kept_with_its_reason(home: Home) -> None:
    kept = query(home, "select reason, row_text from gold.rejected_listens where landed_file like '%bad.jsonl'")
    written = [(reason, line if isinstance(line, str) else json.dumps(line)) for reason, line in BAD]
    assert Counter(kept) == Counter(written)


def test_a_dislike_of_the_artist_of_a_track_without_one_is_kept_with_its_reason(home: Home) -> None:
    (text,) = one(home, "rejected_listens", "reason = 'missing_artist'", "row_text")
    assert json.loads(text)["event_id"] == "e16"


def test_control_bytes_in_a_line_cost_that_line_alone(home: Home) -> None:
    kept = query(home, "select reason, row_text from gold.rejected_listens where landed_file like '%bytes.jsonl'")
    lines = [CONTROL_BYTES[0], *CONTROL_BYTES[1].split("\r"), CONTROL_BYTES[2]]
    assert Counter(kept) == Counter(("malformed_json", line) for line in lines)
    assert one(home, "labels", "user_id = 'u9'", "listen_id") == ("e9",)


def test_a_file_that_is_not_parquet_is_one_rejected_row_and_stops_no_other_file(home: Home) -> None:
    (text,) = one(home, "rejected_listens", "reason = 'unreadable_file'", "row_text")
    assert "not a Parquet file" in text


def test_a_play_is_classified_by_what_was_heard_of_the_track(home: Home) -> None:
    found = query(
        home, "select listen_id, outcome, saved, weight, first_listen from gold.labels where user_id = 'u1' order by 1"
    )
    assert found == [
        ("e1", "complete", False, 1.0, True),
        ("e2", "early_skip", False, 0.0, True),
        ("e3", "late_skip", True, 5.0, False),
        ("e5", None, False, 1.0, True),
    ]


def test_a_pause_of_more_than_thirty_minutes_begins_a_session(home: Home) -> None:
    sessions = query(
        home, "select list(listen_id order by listen_id) from gold.labels where user_id = 'u1' group by session_id"
    )
    assert sorted(sessions) == [(["e1", "e2", "e3"],), (["e5"],)]


def test_user_features_of_a_day_are_what_paper_says(home: Home) -> None:
    where = f"user_id = 'u1' and day = '{day(0)}'"
    assert one(home, "user_features", where, "plays_7d, plays_30d, active_days_30d, distinct_artists_30d") == (4, 4, 1, 2)
    assert one(home, "user_features", where, "early_skip_rate_7d, save_rate_30d") == (1 / 3, 1 / 4)
    assert one(home, "user_features", where, "mean_tempo_30d") == (320 / 3,)
    assert one(home, "user_features", where, "top_genres, top_genre_shares") == (["rock", "jazz"], [0.75, 0.25])
    assert one(home, "user_features", where, "top_artists, top_artist_shares") == (["a1", "a2"], [0.75, 0.25])
    assert one(home, "user_features", where, "recent_tracks, top_device") == (["t3", "t1", "t2"], "phone")
    assert one(home, "user_features", where, "recent_outcomes") == ([2, 2, 0],)
    assert one(home, "user_features", where, "territory, explicit_allowed, days_since_last_play") == ("US", False, 0)
    (hours,) = one(home, "user_features", where, "hour_shares")
    assert [hour for hour, share in enumerate(hours) if share] == [10]


def test_user_rows_end_with_one_closing_row(home: Home) -> None:
    (last,) = one(home, "user_features", f"user_id = 'u1' and day = '{day(30)}'", "plays_30d")
    assert last == 0
    assert one(home, "user_features", f"user_id = 'u1' and day > '{day(30)}'", "count(*)") == (0,)
    assert one(home, "user_features", f"user_id = 'u1' and day = '{day(29)}'", "plays_30d, plays_7d") == (4, 0)


def test_track_features_count_the_window_and_no_more(home: Home) -> None:
    columns = "plays_7d, plays_30d, users_30d, complete_rate_30d, save_rate_30d"
    assert one(home, "track_features", f"track_id = 't1' and day = '{day(6)}'", columns) == (2, 2, 1, 0.5, 0.5)
    assert one(home, "track_features", f"track_id = 't1' and day = '{day(7)}'", columns) == (0, 2, 1, 0.5, 0.5)
    assert one(home, "track_features", f"track_id = 't1' and day = '{day(30)}'", columns) == (0, 0, 0, None, None)


def test_a_new_track_has_features_from_its_release_on(home: Home) -> None:
    assert query(home, "select min(day), min(age_days) from gold.track_features where track_id = 't4'") == [(day(3), 0)]


def test_a_track_is_seen_first_on_the_first_day_of_its_features(home: Home) -> None:
    late = query(home, "select track_id from gold.tracks left join (select track_id, min(day) as first_day from "
                       "gold.track_features group by track_id) using (track_id) "
                       "where first_seen_at is null or cast(first_seen_at as date) is distinct from first_day")  # fmt: skip
    assert late == []
    assert one(home, "tracks", "track_id = 't3'", "first_seen_at::date") == (day(0),)


def test_territory_features_end_with_one_closing_row(home: Home) -> None:
    rows = query(home, "select day, territory_plays_30d, territory_rank from gold.track_territory_features "
                       "where track_id = 't1' and territory = 'US' order by day")  # fmt: skip
    assert len(rows) == 31
    assert rows[0] == (day(0), 2, 1)
    assert rows[-1] == (day(30), 0, None)


def test_a_malformed_territory_counts_as_unknown(home: Home) -> None:
    where = f"track_id = 't1' and day = '{AS_OF}'"
    assert one(home, "track_territory_features", where, "territory, territory_users_30d") == ("ZZ", 1)


def test_history_playlists_and_licences_are_as_landed(home: Home) -> None:
    assert one(home, "user_history", "user_id = 'u1'", "heard_tracks, saved_tracks, disliked_tracks") == (
        ["t1", "t3", "t2"], ["t1"], ["t2"])  # fmt: skip
    columns = "heard_tracks, disliked_tracks, disliked_artists, heard_60d"
    assert one(home, "user_history", "user_id = 'u3'", columns) == ([], [], ["a2", "a3"], 0)
    assert one(home, "user_history", "user_id = 'u1'", "disliked_artists, heard_60d") == (["a2"], 3)
    assert one(home, "user_playlists", "true", "playlist_id, user_id, track_id") == ("p1", "u1", "t2")
    assert one(home, "licences", "true", "track_id, territory, valid_to") == ("t3", "US", None)
    free = query(home, "select track_id from gold.tracks where licensed_everywhere and track_id like 't_' order by 1")
    assert free == [("t1",), ("t2",)]


def test_a_source_without_catalogue_gets_its_tracks_from_its_listens(home: Home) -> None:
    assert one(home, "tracks", "track_id = '77'", "artist_id, title, licensed_everywhere") == ("900", None, True)
    assert one(home, "labels", "track_id = '77'", "outcome, saved, weight, territory") == (None, None, 1.0, None)
    assert one(home, "rejected_listens", "source = '30music' and reason = 'duplicate'", "count(*)") == (1,)
    assert one(home, "rejected_listens", "source = '30music' and reason = 'malformed_row'", "row_text") == ("torn",)


def test_lastfm_rows_without_ids_are_known_by_their_names(home: Home) -> None:
    assert one(home, "tracks", "title = 'Composition 0919'", "artist_name, length(track_id)") == ("坂本龍一", 32)
    assert one(home, "tracks", "track_id = 'mb-track'", "artist_id") == ("mb-artist",)
    reasons = query(home, "select reason from gold.rejected_listens where source = 'lastfm-1k' order by 1")
    assert reasons == [("missing_track_id",), ("unparsable_time",)]


def test_listenbrainz_listens_of_both_dump_formats_are_read(home: Home) -> None:
    found = query(home, "select user_id, track_id = 'mb-1' from gold.labels where day = '2026-09-25' order by 1")
    assert found == [("7", True), ("rob", False)]


@pytest.mark.parametrize("table", list(Table))
def test_exported_columns_are_the_agreed_ones(home: Home, table: Table) -> None:
    files = sorted(home.table(table).rglob("*.parquet"))
    assert files
    assert (files[0].parent != home.table(table)) == (table in DAILY_TABLES)
    found = pq.read_schema(files[0])
    assert {field.name: _plain(field.type) for field in found} == {f.name: _plain(f.type) for f in SCHEMAS[table]}


def _plain(kind: Any) -> str:
    return str(kind).replace("element: ", "").replace("item: ", "")


def test_nothing_is_written_into_the_project(home: Home) -> None:
    project = Path(__file__).resolve().parents[2] / "dbt"
    assert {path.name for path in project.iterdir()} <= {
        "dbt_project.yml",
        "profiles.yml",
        "models",
        "macros",
        "seeds",
        "tests",
        ".user.yml",
    }
    assert (home.warehouse.parent / "dbt" / "manifest.json").exists()
