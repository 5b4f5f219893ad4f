"""Track vectors with a known fault are alarms; sound ones are not, whatever way the space is turned."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.drift import measure
from monitoring.embeddings import Floats, Vectors, check, compare_listening
from monitoring.findings import Finding, State
from monitoring.rules import Rules

RULES = Rules()
TRACKS, WIDTH = 200, 16


def vectors(seed: int = 0, tracks: int = TRACKS) -> Vectors:
    values = np.random.default_rng(seed).normal(size=(tracks, WIDTH)).astype(np.float32)
    return Vectors(np.array([f"t{n}" for n in range(tracks)], dtype=object), unit(values))


def unit(values: Floats) -> Floats:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def found(live: Vectors, before: Vectors | None = None) -> dict[str, Finding]:
    return {finding.name: finding for finding in check(live, before, RULES)}


def alarms(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.state is State.ALARM]


def test_sound_vectors_raise_nothing() -> None:
    assert alarms(found(vectors(), vectors(1))) == []


def test_one_vector_with_nan_is_an_alarm() -> None:
    live = vectors()
    live.values[3, 2] = np.nan
    assert alarms(found(live)) == ["vectors with NaN or infinity"]


def test_one_vector_of_length_zero_is_an_alarm() -> None:
    live = vectors()
    live.values[3] = 0
    assert alarms(found(live)) == ["vectors of length zero"]


@pytest.mark.parametrize(("spread", "expected"), [(0.1, State.ALARM), (0.4, State.NOTE), (1.0, State.OK)])
def test_a_collapsed_space_is_an_alarm_and_a_narrow_one_a_note(spread: float, expected: State) -> None:
    live = vectors()
    narrow = unit(live.values * spread + unit(np.ones((1, WIDTH), np.float32)))
    assert found(Vectors(live.track_ids, narrow))["mean cosine of two tracks"].state is expected


def test_a_release_without_vectors_is_an_alarm() -> None:
    assert alarms(found(vectors(tracks=0))) == ["vectors"]


def test_a_turned_space_keeps_every_neighbour() -> None:
    live = vectors()
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
    assert found(live, Vectors(live.track_ids, live.values @ turn))["nearest tracks kept"].now == pytest.approx(1.0)


def test_another_space_keeps_hardly_any() -> None:
    assert float(found(vectors(0), vectors(1))["nearest tracks kept"].now or 0) < 0.2


def test_tracks_are_matched_by_id_and_not_by_row() -> None:
    live, order = vectors(), np.random.default_rng(2).permutation(TRACKS)
    shuffled = Vectors(live.track_ids[order], live.values[order])
    findings = found(live, shuffled)
    assert findings["nearest tracks kept"].now == pytest.approx(1.0)
    assert findings["tracks kept"].now == TRACKS


def test_a_vector_of_another_length_than_one_is_an_alarm_and_counted_once() -> None:
    live = vectors()
    live.values[3] *= 2
    live.values[4] = 0
    findings = found(live)
    assert alarms(findings) == ["vectors of length zero", "vectors of another length than one"]
    assert findings["vectors of another length than one"].now == 1
    assert alarms(found(vectors())) == []


def two_moods() -> tuple[Vectors, list[str], list[str]]:
    """Vectors around two opposite places, and the tracks of each."""
    live = vectors()
    side = np.where(np.arange(TRACKS) % 2 == 0, 1, -1)[:, None] * np.eye(1, WIDTH, dtype=np.float32)
    ids = [str(track) for track in live.track_ids]
    return Vectors(live.track_ids, unit(live.values * 0.3 + side)), ids[::2], ids[1::2]


def place(live: Vectors, now: list[str], before: list[str]) -> Finding:
    comparison = compare_listening(live, now, before, RULES)
    return next(finding for finding in measure(comparison, RULES).findings if finding.name == "place of listening")


def test_listening_that_goes_to_one_side_of_the_space_has_moved_and_other_tracks_of_both_sides_have_not() -> None:
    live, some, others = two_moods()
    both = [*some[:50], *others[:50]]
    assert place(live, some[50:], both).state is State.MOVED
    same = place(live, [*some[50:], *others[50:]], both)
    assert (same.group, same.state) == ("embeddings", State.OK)


def test_listens_of_tracks_the_release_does_not_know_have_no_place_and_are_told() -> None:
    live, some, others = two_moods()
    both = [*some, *others]
    comparison = compare_listening(live, [*both, *["new"] * len(both)], both, RULES)
    assert len(comparison.now) == len(both)
    told = {finding.name: finding.now for finding in comparison.found}
    assert told == {"listens of tracks it knows": 0.5}


@pytest.mark.parametrize(("known", "new", "expected"), [(3, 97, State.MOVED), (20, 80, State.NOTE), (3, 0, State.NOTE)])
def test_a_week_of_tracks_the_release_has_never_met_is_drift_and_a_short_one_is_not(
    known: int, new: int, expected: State
) -> None:
    live, some, others = two_moods()
    assert place(live, [*some[:known], *["new"] * new], [*some, *others]).state is expected
    assert place(live, [*some, *others], some[:1]).state is State.NOTE, "a reference of one listen"


def test_a_vector_with_nan_has_no_place_and_stops_no_comparison() -> None:
    live, some, others = two_moods()
    live.values[0] = np.nan
    assert place(live, [*some, *others], [*some, *others]).state is State.OK
