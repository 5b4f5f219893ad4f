"""A vector made after an example is never joined to it; a release has what its artist and its clip say from its first day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from gold_listens import track_id
from gold_tables import AS_OF
from trained_home import SPLIT, Board, checkerboard_home

from segue.dates import end_of, start_of
from segue.errors import SegueError
from segue.features import TIMESTAMP, training_frame
from segue.home import Home
from segue.names import Service, Table
from trainers.examples import catalogue_at, with_new_releases
from trainers.gold import read_tracks
from trainers.sources import track_vectors
from trainers.sources.embed import not_silent, run, wanted
from trainers.sources.listening import sentences
from trainers.sources.track_vectors import Snapshot, artist_plays, artist_vectors

__all__ = ["checkerboard_home"]

KNOWN = track_id(0)


@pytest.fixture(scope="module")
def snapshots(checkerboard_home: Board) -> list[date]:
    assert training_frame(Service.RETRIEVER, _rows(AS_OF))["track2vec"].isna().all()  # before any, everything is null
    run(as_of=AS_OF)
    return track_vectors.days()


def _rows(*days: date) -> pd.DataFrame:
    return pd.DataFrame({"user_id": "", "track_id": KNOWN, TIMESTAMP: [pd.Timestamp(end_of(day)) for day in days]})


def test_the_days_that_cut_history_have_a_snapshot_and_a_second_run_makes_none(snapshots: list[date]) -> None:
    assert {(cut - timedelta(days=1)).date() for cut in (SPLIT.rank_from, SPLIT.cutoff, SPLIT.end)} <= set(snapshots)
    again = run(as_of=AS_OF).summary
    assert (again["snapshots"], again["completed"], again["clips"]) == ([], 0, 0)


def test_an_example_gets_the_last_snapshot_before_it_and_none_of_its_future(snapshots: list[date]) -> None:
    second = snapshots[1]
    frame = training_frame(Service.RETRIEVER, _rows(snapshots[0] - timedelta(days=1), second - timedelta(days=1), second))
    early, before, at = frame["track2vec"]
    assert not np.ndim(early)
    assert np.allclose(before, track_vectors.read(snapshots[0], "track2vec")[KNOWN])
    assert np.allclose(at, track_vectors.read(second, "track2vec")[KNOWN])
    assert not np.allclose(before, at)


def test_a_release_of_the_held_out_days_starts_from_its_artist_as_the_cutoff_knew_them(snapshots: list[date]) -> None:
    joined = with_new_releases(catalogue_at(SPLIT.cutoff), catalogue_at(SPLIT.end), SPLIT.cutoff, SPLIT.end)
    new = joined.frame.iloc[-1]
    cutoff = track_vectors.read((SPLIT.cutoff - timedelta(days=1)).date(), "artist_vector")
    assert not np.ndim(new["track2vec"])
    assert np.allclose(new["artist_vector"], cutoff[new["track_id"]])


def test_the_artists_vector_leaves_the_track_itself_out() -> None:
    tracks = pd.DataFrame({"track_id": ["a", "b", "alone", "none"], "artist_id": ["x", "x", "y", None]})
    played = {track: np.full(2, n, np.float32) for n, track in enumerate(["a", "b", "alone"])}
    found = artist_vectors(tracks, played)
    assert {track: v.tolist() for track, v in found.items()} == {"a": [1, 1], "b": [0, 0]}


def test_the_plays_of_an_artist_are_those_of_the_other_tracks_that_were_out() -> None:
    begins = [pd.Timestamp("2026-01-01", tz="UTC")] * 4 + [pd.Timestamp(end_of(AS_OF))]
    tracks = pd.DataFrame({"track_id": list("abcde"), "artist_id": ["x", "x", "y", None, "x"], "first_seen_at": begins})
    found = artist_plays(tracks, {"a": 6, "b": 2, "c": 9}, AS_OF)
    assert found == {"a": 2.0, "b": 6.0, "e": 4.0}  # nobody else of y or of no artist; e is not out, and counts for none


def test_a_snapshot_from_before_there_were_plays_of_artists_is_made_anew(snapshots: list[date]) -> None:
    path = track_vectors._file(snapshots[0])
    (path.parent / "with-old.parquet").write_bytes(path.read_bytes())
    pd.read_parquet(path).drop(columns="artist_plays").to_parquet(path, index=False)
    assert snapshots[0] not in track_vectors.days()
    assert [made["day"] for made in run(as_of=AS_OF).summary["snapshots"]] == [snapshots[0].isoformat()]
    assert [file.name for file in path.parent.iterdir()] == ["data.parquet"]


def test_a_track_that_comes_out_later_is_added_to_the_snapshots_that_lack_it(snapshots: list[date]) -> None:
    known = track_vectors.read_ids(snapshots[-1]) - {KNOWN}
    fresh = read_tracks().assign(track_id=lambda t: t["track_id"].where(t["track_id"] != KNOWN, "fresh"))
    snapshot = track_vectors.Snapshot(snapshots[0], track_vectors.read(snapshots[0], "track2vec"), {}, {})
    track_vectors.write(snapshot, fresh, name="with-later", known=known)
    assert "fresh" in track_vectors.read_ids(snapshots[0])
    assert "fresh" in track_vectors.read(snapshots[0], "artist_vector")


def test_a_sentence_is_the_tracks_of_one_session_in_the_order_they_were_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.sources.listening._playlists", lambda _: [])
    listens = pd.DataFrame({"session_id": ["b", "a", None, "b", "a"], "track_id": list("12345")})
    assert sentences(listens, AS_OF) == [["2", "5"], ["1", "4"]]
    assert sentences(listens[:0], AS_OF) == []


def test_what_bots_added_to_playlists_is_no_sentence_from_the_day_they_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.sources.listening.get_home", lambda: Home(tmp_path))
    folder = Home(tmp_path).table(Table.USER_PLAYLISTS)
    folder.mkdir(parents=True)
    added = start_of(AS_OF) - timedelta(days=2)
    entries = [(f"p-{user}", track, added, found) for user, found in (("farm", AS_OF), ("listener", None)) for track in "ab"]
    names = ["playlist_id", "track_id", "added_at", "found_on"]
    pd.DataFrame([*entries, ("p-listener", "c", added, AS_OF)], columns=names).to_parquet(folder / "data.parquet", index=False)
    nothing = pd.DataFrame({"session_id": pd.Series(dtype=str), "track_id": pd.Series(dtype=str)})
    assert sentences(nothing, AS_OF - timedelta(days=1)) == [["a", "b"], ["a", "b", "c"]]
    assert sentences(nothing, AS_OF) == [["a", "b"]]


def test_a_day_without_listening_is_refused() -> None:
    with pytest.raises(SegueError, match="segue embed --as-of"):
        run(as_of=AS_OF + timedelta(days=3))


def test_days_are_chosen_weekly_and_only_where_none_is_near() -> None:
    first, last = date(2026, 10, 1), date(2026, 10, 29)
    assert [day.day for day in wanted(first, last, [], 7)] == [8, 15, 22, 29]
    assert [day.day for day in wanted(first, last, [date(2026, 10, 20)], 2)] == [8, 15, 25, 27, 29]


def test_a_run_that_ended_early_is_continued_with_the_days_it_would_have_made() -> None:
    first, last = date(2026, 9, 21), date(2026, 10, 11)
    days = wanted(first, last, [], 4)
    assert [day.isoformat() for day in days] == ["2026-09-27", "2026-10-03", "2026-10-07", "2026-10-11"]
    assert all(wanted(first, last, days[:made], 4) == days[made:] for made in range(5))


def test_a_gap_of_months_in_the_log_has_no_snapshots() -> None:
    april, june = date(2014, 4, 25), date(2014, 6, 24)
    days = wanted(date(2014, 4, 20), june, [april], 2)
    assert date(2014, 6, 3) in days
    kept = not_silent(days, [date(2014, 4, 20), april, date(2014, 6, 20), june], 28)
    assert date(2014, 6, 3) not in kept
    assert june in kept


def test_what_a_killed_run_left_half_written_is_gone_when_the_snapshot_is_made(home: Home) -> None:
    folder = home.features / "track_vectors" / "day=2026-10-03"
    folder.mkdir(parents=True)
    (folder / ".data.parquet.half").write_text("half a file")
    track = {"track_id": ["t"], "artist_id": ["a"], "first_seen_at": [pd.Timestamp("2026-10-01", tz="UTC")]}
    track_vectors.write(Snapshot(date(2026, 10, 3), {}, {}, {"t": 1}), pd.DataFrame(track))
    assert [path.name for path in folder.iterdir()] == ["data.parquet"]
