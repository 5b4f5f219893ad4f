"""What listeners stay with, beside what is played: by track, artist and listener, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plain_examples import rows
from ranker_suite import catalogue, inputs

from segue.ranker.crosses import SUCCESS_SCALE, WIDTH
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.layers.crosses import staying
from trainers.ranker.reception import Reception, ReceptionConfig, reception
from trainers.ranker.track_rows import gathered_for

CUTOFF = datetime(2026, 11, 2, tzinfo=UTC)
PLAIN = ReceptionConfig(track_prior=2.0, artist_prior=4.0)
LIKED, RECEIVED = WIDTH - 2, WIDTH - 1
"""Which of the crosses they are."""


def _listens(*plays: tuple[str, str | None], **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(plays, columns=["track_id", "outcome"])
    usual = {"event_timestamp": pd.Timestamp("2026-11-01", tz="UTC"), "first_listen": True, "integrity": 1.0}
    return frame.assign(**(usual | columns))


def _received(listens: pd.DataFrame, artists: tuple[int, ...] = (0, 0, 1)) -> Reception:
    ids = np.array(["a", "b", "c"][: len(artists)], object)
    return reception(listens, ids, np.array(artists), CUTOFF, PLAIN)


def test_a_track_is_drawn_to_its_artist_and_an_artist_to_the_usual() -> None:
    plays = [("a", "complete")] * 3 + [("a", "late_skip")] + [("c", "early_skip")] * 4
    made = _received(_listens(*plays))
    usual = 3.5 / 8
    first, second = (3.5 - 4 * usual) / (4 + 4), (0 - 4 * usual) / (4 + 4)
    assert made.usual == pytest.approx(usual)
    expected = [first + (3.5 - 4 * (usual + first)) / (4 + 2), first, second + (0 - 4 * (usual + second)) / (4 + 2)]
    np.testing.assert_allclose(made.tracks, expected, atol=1e-6)


def test_listens_again_of_bots_of_later_and_of_other_tracks_say_nothing() -> None:
    told = [("a", "complete"), ("b", "early_skip")]
    alone = _received(_listens(*told))
    again = _listens(("b", "complete"), first_listen=False)
    later = _listens(("b", "complete"), event_timestamp=pd.Timestamp(CUTOFF))
    bots = _listens(("b", "complete"), integrity=0.0)
    for more in (again, later, bots, _listens(("elsewhere", "complete"))):
        made = _received(pd.concat([_listens(*told), more], ignore_index=True))
        assert made.usual == alone.usual
        np.testing.assert_array_equal(made.tracks, alone.tracks)


def test_an_end_that_is_not_told_counts_as_one_heard_out() -> None:
    """Of a track without a duration nothing but its early skips is told."""
    plays = [("a", "early_skip"), ("a", None), ("a", None), ("b", "complete")]
    heard_out = [(track, outcome or "complete") for track, outcome in plays]
    np.testing.assert_array_equal(_received(_listens(*plays)).tracks, _received(_listens(*heard_out)).tracks)


def test_tracks_without_a_known_artist_say_nothing_of_one_another() -> None:
    made = _received(_listens(("a", "complete"), ("b", "early_skip"), ("c", "early_skip")), artists=(-1, 0, -1))
    assert made.tracks[0] == pytest.approx((1 - 1 / 3) / (1 + 2))
    assert made.tracks[2] == pytest.approx((0 - 1 / 3) / (1 + 2))


@pytest.mark.parametrize("plays", [[], [("a", None)], [("elsewhere", "complete")]])
def test_where_no_end_is_known_all_are_received_alike(plays: list[tuple[str, str | None]]) -> None:
    made = _received(_listens(*plays))
    assert (made.usual, made.tracks.tolist()) == (1.0, [0.0, 0.0, 0.0])


def test_a_listener_likes_what_lies_where_they_stay_longer_than_others_do() -> None:
    """Two directions: they heard tracks 0 and 2 to the end and skipped 1 and 3, which everybody else likes as much."""
    crossed = _crossed([2, 0, 2, 0])
    assert crossed[4, LIKED] > 0 > crossed[5, LIKED]
    once = 1 - 0.5
    assert crossed[4, LIKED] == pytest.approx(SUCCESS_SCALE * (2 * once / (2 + 1)), abs=1e-5)


def test_what_a_listener_stays_with_is_their_own_taste_twice_and_what_everybody_receives_well() -> None:
    received = np.linspace(-0.2, 0.2, len(catalogue().frame)).astype(np.float32)
    crossed = _crossed([2, 0, 2, 0], received=received)
    np.testing.assert_allclose(staying(crossed), 2 * crossed[:, LIKED] + crossed[:, RECEIVED], rtol=1e-6)
    assert np.std(staying(crossed)) > 0.1


def test_a_track_that_came_after_the_release_is_received_as_its_artists_tracks_are() -> None:
    made, frame = inputs(), catalogue().frame
    received = np.where(np.arange(len(frame)) % 2 == 0, 0.2, -0.1).astype(np.float32)  # by artist
    nothing = np.zeros((len(frame), 4), np.float32)
    made.know_tracks(nothing, np.ones(len(frame), np.float32), Reception(0.5, received))
    new = rows(RANKER_TRACKS, 3, track_id=["new", "newer", "newest"], artist_id=["a0", "a1", None])
    read = made.read_tracks(constants(arrays(new, RANKER_TRACKS)))
    np.testing.assert_allclose(read["received"].numpy(), [0.2, -0.1, 0.0], atol=1e-6)


def test_nobody_likes_anything_where_the_source_tells_no_end() -> None:
    assert not _crossed([2, 2, 2, 2], usual=1.0)[:, LIKED].any()
    assert not _crossed([], usual=1.0)[:, LIKED].any()


def test_how_a_track_is_received_is_the_same_for_everyone() -> None:
    received = np.linspace(-0.2, 0.2, len(catalogue().frame)).astype(np.float32)
    crossed = _crossed([2, 0, 2, 0], received=received)
    np.testing.assert_allclose(crossed[:, RECEIVED], SUCCESS_SCALE * received, atol=1e-6)


def _crossed(outcomes: list[int], *, usual: float = 0.5, received: np.ndarray | None = None) -> np.ndarray:
    """What one listener, of tracks 0 to 3 with these `outcomes`, has in common with every track (tracks, c). Even tracks lie
    in one direction of the factors, odd ones in another."""
    made, frame = inputs(), catalogue().frame
    factors = np.zeros((len(frame), 4), np.float32)
    factors[np.arange(len(frame)), np.arange(len(frame)) % 2] = 3.0
    told = np.zeros(len(frame), np.float32) if received is None else received
    made.know_tracks(factors, np.ones(len(frame), np.float32), Reception(usual, told))
    recent = [list(frame["track_id"][: len(outcomes)])]
    someone = rows(RANKER_USERS, 1, territory=["DE"], recent_tracks=recent, recent_outcomes=[outcomes])
    people = made.read_users(constants(arrays(someone, RANKER_USERS)))
    tracks = made.read_tracks(constants(arrays(frame, RANKER_TRACKS))) | {"territory": constant(catalogue().popularity)}
    candidates = np.arange(len(frame), dtype=np.int32)[None]
    gathered, territory = gathered_for(people, tracks, candidates)
    return made.common(people, gathered, territory, np.zeros(candidates.shape, np.float32)).numpy()[0]
