"""The sampling frequency follows the time: a release's first week is not its average."""

from __future__ import annotations

import numpy as np

from trainers.retriever.frequency import local_shares

NEW, EVERGREEN, RARE = 0, 1, 2


def _stream() -> np.ndarray:
    """10,000 listens: every second one is the evergreen; every fourth of the last fifth is the new track; one-offs besides."""
    tracks = np.arange(10, 10_010)
    tracks[::2] = EVERGREEN
    tracks[8_001::4] = NEW
    tracks[3] = RARE
    return tracks.astype(np.int32)


def test_a_new_release_is_as_frequent_as_it_was_in_its_own_days() -> None:
    tracks = _stream()
    shares, _ = local_shares(tracks, np.array([], np.int32), size=10_010, window=500)
    late = np.flatnonzero(tracks == NEW)
    assert abs(shares[late[len(late) // 2 :]].mean() - 0.25) < 0.02
    whole, _ = local_shares(tracks, np.array([], np.int32), size=10_010, window=50_000)
    assert whole[late].max() < 0.06


def test_an_evergreen_is_as_frequent_as_ever() -> None:
    tracks = _stream()
    shares, _ = local_shares(tracks, np.array([], np.int32), size=10_010, window=500)
    assert abs(shares[tracks == EVERGREEN].mean() - 0.5) < 0.02


def test_a_track_met_once_is_drawn_towards_its_share_over_the_whole_time() -> None:
    tracks = _stream()
    shares, _ = local_shares(tracks, np.array([], np.int32), size=10_010, window=200)
    counted = 1 / 400
    assert shares[tracks == RARE][0] < counted / 5


def test_a_track_drawn_before_its_release_was_hardly_ever_in_a_batch() -> None:
    _, drawn = local_shares(_stream(), np.array([NEW, *[EVERGREEN] * 8, NEW], np.int32), size=10_010, window=500)
    assert drawn[0] < drawn[-1] / 50
    assert drawn[1] > 0.4
