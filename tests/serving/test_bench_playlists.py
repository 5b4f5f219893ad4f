"""`segue bench playlists` on a small catalogue: every listener gets a whole playlist, and the figures are there."""

from __future__ import annotations

import numpy as np
import pytest
from serving_platform import Platform

from segue.errors import SegueError
from serving.benches import larger_catalogue as bench_catalogue
from serving.benches.larger_catalogue import Variations, enlarged
from serving.benches.playlists import bench_playlists, shortened
from serving.benches.playlists_table import Timed
from serving.funnel.model import load_model
from serving.tracks.gold_catalogue import load_catalogue


def test_every_listener_gets_a_playlist_and_the_figures_are_there(platform: Platform) -> None:
    figures = bench_playlists(tracks=900, users=50).summary
    asked = ("playlists_per_second", "peak_memory_mib", "recall_at_500", "implicit_users_per_second")
    assert all(figures[name] > 0 for name in asked)
    assert figures["personal"] == figures["users"] == 50
    assert figures["recall_at_500"] == 1.0  # so few tracks are searched exactly


def test_the_chart_is_where_those_of_other_benches_are(platform: Platform) -> None:
    outcome = bench_playlists(tracks=400, users=5)
    assert platform.home.chart("playlists").read_bytes().startswith(b"\x89PNG")
    assert str(platform.home.chart("playlists")) in outcome.text


def test_a_run_that_slows_down_is_seen_in_the_rates_of_its_parts() -> None:
    timed = Timed([(1.0, 100), (2.0, 100), (4.0, 100), (8.0, 60)], processor_seconds=8.0, personal=360)
    assert timed.rates(2) == [(200, 100.0), (360, 160 / 6)]
    assert [rate for _, rate in timed.rates()] == [100.0, 100.0, 50.0, 15.0]
    assert timed.seconds == 8.0


def test_the_bench_leaves_no_playlist_in_the_home(platform: Platform) -> None:
    online = platform.home.feast / "online.db"
    before = online.stat().st_size
    bench_playlists(tracks=400, users=5)
    assert online.stat().st_size == before
    assert not platform.home.playlists.exists()


def test_variations_keep_the_tracks_and_their_windows(platform: Platform) -> None:
    model, catalogue = load_model(platform.version), load_catalogue()
    larger = enlarged(model, catalogue, 3 * len(catalogue) + 7)
    assert larger.model is not None
    assert len(larger.catalogue) == 3 * len(catalogue) + 7
    assert list(larger.catalogue.ids[: len(catalogue)]) == list(model.track_ids)
    assert len(set(larger.catalogue.ids)) == len(larger.catalogue)
    windows = np.bincount(larger.catalogue.licences.row, minlength=len(larger.catalogue))
    assert (windows[: len(catalogue)] == windows[len(catalogue) : 2 * len(catalogue)]).all()
    assert np.allclose(np.linalg.norm(larger.model.vectors, axis=1), 1, atol=1e-5)


def test_what_stands_beside_a_recent_track_goes_and_stays_with_it() -> None:
    tracks = [[f"t{n}" for n in range(100)], ["t7"], [], None]
    whole = {"recent_tracks": tracks, "recent_outcomes": [np.arange(100), [7], [], None]}
    part = shortened(whole, np.random.default_rng(3))
    assert 60 < len(part["recent_tracks"][0]) < 95
    assert part["recent_tracks"][0] == [f"t{n}" for n in part["recent_outcomes"][0]]
    assert part["recent_tracks"][1:] == [["t7"], [], None]
    assert part["recent_outcomes"][1:] == [[7], [], None]


def test_numbers_of_variations_are_near_and_those_of_the_tracks_themselves_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_catalogue, "AT_ONCE", 3)
    made, rng = Variations.of(4, 11), np.random.default_rng(3)
    tables = {
        "rows": rng.normal(size=(4, 5)).astype(np.float32),
        "codes": rng.integers(100, size=(4, 2)).astype(np.int32),
        "territory": rng.normal(size=(3, 4, 2)).astype(np.float32),
    }
    for name, values in tables.items():
        found = np.asarray(bench_catalogue._varied(name, values, made.base, made.number > 0, rng))
        axis = int(name == "territory")
        wanted = np.take(values, made.base, axis=axis)
        np.testing.assert_array_equal(np.take(found, range(4), axis=axis), values)
        np.testing.assert_allclose(found, wanted, rtol=0.5)
        assert (np.take(found, 4, axis=axis) == np.take(wanted, 4, axis=axis)).all() == (values.dtype.kind == "i")


def test_vectors_of_variations_are_one_step_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_catalogue, "AT_ONCE", 3)
    made, rng = Variations.of(4, 11), np.random.default_rng(3)
    vectors = np.eye(4, 16, dtype=np.float32)
    moved = bench_catalogue._moved(vectors, made.base, made.number > 0, rng)
    near = (moved * vectors[made.base]).sum(axis=1)
    np.testing.assert_allclose(near[:4], 1, atol=1e-6)
    assert ((near[4:] > 0.85) & (near[4:] < 0.9999)).all()
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)


def test_variations_of_one_artist_share_a_name_and_who_has_none_gets_none() -> None:
    names = Variations.of(3, 8).names(np.array(["a", None, "a"], dtype=object))
    assert names.tolist() == ["a", None, "a", "a~1", None, "a~1", "a~2", None]


def test_codes_of_variations_never_meet() -> None:
    codes = Variations.of(3, 8).codes(np.array([0, 0, 1], dtype=np.int32))
    assert codes.tolist() == [0, 0, 1, 2, 2, 3, 4, 4]


def test_a_size_that_is_none_is_refused(platform: Platform) -> None:
    with pytest.raises(SegueError, match="tracks"):
        bench_playlists(tracks=0, users=5)
