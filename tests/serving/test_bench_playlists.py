"""`segue bench playlists` on a small catalogue: every listener gets a whole playlist, and the figures are there."""

from __future__ import annotations

import numpy as np
import pytest
from serving_platform import Platform

from segue.errors import SegueError
from serving.bench_catalogue import Variations, enlarged
from serving.bench_playlists import bench_playlists, shortened
from serving.gold_catalogue import load_catalogue
from serving.model import load_model


def test_every_listener_gets_a_playlist_and_the_figures_are_there(platform: Platform) -> None:
    figures = bench_playlists(tracks=900, users=50).summary
    asked = ("playlists_per_second", "peak_memory_mib", "recall_at_500", "implicit_users_per_second")
    assert all(figures[name] > 0 for name in asked)
    assert figures["personal"] == figures["users"] == 50
    assert figures["recall_at_500"] == 1.0  # so few tracks are searched exactly


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


def test_codes_of_variations_never_meet() -> None:
    codes = Variations.of(3, 8).codes(np.array([0, 0, 1], dtype=np.int32))
    assert codes.tolist() == [0, 0, 1, 2, 2, 3, 4, 4]


def test_a_size_that_is_none_is_refused(platform: Platform) -> None:
    with pytest.raises(SegueError, match="tracks"):
        bench_playlists(tracks=0, users=5)
