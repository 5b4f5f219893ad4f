"""Track vectors with a known fault are alarms; sound ones are not, whatever way the space is turned."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.drift import measure
from monitoring.embeddings import Floats, Vectors, check, compare_lengths
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


def test_vectors_twice_as_long_have_moved_and_turned_ones_have_not() -> None:
    live = vectors()
    for factor, expected in ((1.0, State.OK), (2.0, State.MOVED)):
        longer = Vectors(live.track_ids, vectors(1).values * factor)
        (length,) = measure(compare_lengths(longer, live, RULES), RULES).findings
        assert (length.group, length.name, length.state) == ("embeddings", "vector length", expected)
