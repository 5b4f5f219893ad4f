"""The track vectors of the live release: sound in themselves, beside those of the release before it, and as a map of what
is listened to.

Both towers end in a normalisation, so the length of a vector is one and cannot drift: any other length is a defect, and an
alarm. What can move is where in the space people listen, and that is measured in the live release's own space, since two
releases share none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.drift import Comparison, compare_columns
from monitoring.findings import Finding, State, alarm, note
from monitoring.rules import Rules
from segue.errors import SegueError
from segue.release import release_path

Floats = npt.NDArray[np.float32]
PLACE = "place of listening"


@dataclass(frozen=True)
class Vectors:
    """Track ids (n,) and their vectors (n, d)."""

    track_ids: npt.NDArray[np.object_]
    values: Floats


def read_vectors(version: str) -> Vectors:
    """The vectors a release serves.

    Raises:
        SegueError: a file is missing or the two disagree on the number of tracks.
    """
    import pyarrow.parquet as pq

    folder = release_path(version)
    try:
        values = np.load(folder / "vectors.npy", allow_pickle=False)
        ids = pq.read_table(folder / "tracks.parquet", columns=["track_id"])["track_id"].to_numpy(zero_copy_only=False)
    except (OSError, ValueError, KeyError) as problem:
        raise SegueError(
            expected=f"vectors.npy and tracks.parquet in release {version}",
            received=str(problem).splitlines()[0],
            mend="go back with `segue rollback`, or train again",
        ) from problem
    if values.ndim != 2 or len(values) != len(ids):
        raise SegueError(
            expected=f"one vector for each of {len(ids)} tracks in release {version}",
            received=f"an array of shape {values.shape}",
            mend="go back with `segue rollback`, or train again",
        )
    return Vectors(ids, values)


def check(live: Vectors, before: Vectors | None, rules: Rules) -> list[Finding]:
    """Numbers that must be numbers, lengths that must be one, a space that has not collapsed; then the comparison."""
    broken = int((~np.isfinite(live.values)).any(axis=1).sum())
    norms = np.linalg.norm(np.nan_to_num(live.values), axis=1)
    zero = norms < rules.norm_tolerance
    unlike_one = (np.abs(norms - 1) > rules.norm_tolerance) & ~zero & np.isfinite(live.values).all(axis=1)
    found = [
        _none_of("vectors with NaN or infinity", broken),
        _none_of("vectors of length zero", int(zero.sum())),
        _none_of("vectors of another length than one", int(unlike_one.sum())),
    ]
    if broken or not len(norms):
        return found if len(norms) else [alarm("embeddings", "vectors", "the live release has no track vectors", now=0)]
    found += [_norms(norms, before), _spread(live, before, rules)]
    if before is None:
        return [*found, note("embeddings", "release before", "none yet to compare with")]
    return [*found, _kept_tracks(live, before), _kept_neighbours(live, before, rules)]


def compare_listening(live: Vectors, now: Sequence[str], before: Sequence[str], rules: Rules) -> Comparison:
    """Where in the space of `live` the first listens to tracks `now` lie, beside those `before`, one number each: the place
    of the track's vector on the line along which the listens before were spread most (their first principal axis).

    Listens of tracks that the release does not know have no place; the share of the others is noted.
    """
    import pandas as pd

    sound = np.asarray(np.isfinite(live.values).all(axis=1))
    number = {str(track): row for row, track in enumerate(live.track_ids) if sound[row]}
    new, old = ([number[track] for track in tracks if track in number] for tracks in (now, before))
    shares = {"now": len(new) / max(len(now), 1), "before": len(old) / max(len(before), 1)}
    known = note("embeddings", "listens of tracks it knows", "", unit="share", **shares)
    if min(len(new), len(old)) < rules.fewest_rows:
        return Comparison(pd.DataFrame(), pd.DataFrame(), found=[known, _without_place(len(new), len(now), rules)])
    places = live.values @ _axis(live.values[old])
    week, reference = (pd.DataFrame({PLACE: places[rows]}, dtype=float) for rows in (new, old))
    both = compare_columns(week, reference, "embeddings", rules)
    both.found.append(known)
    return both


def _without_place(known: int, listens: int, rules: Rules) -> Finding:
    """Too few listens to compare; that most are of tracks the release has never met is drift."""
    if listens >= rules.fewest_rows and known < rules.filled_lost * listens:
        return Finding("embeddings", PLACE, State.MOVED, says=f"the release knows the tracks of {known} of {listens} listens")
    return note("embeddings", PLACE, f"{known} listens of tracks the release knows: too few to compare")


def _axis(values: Floats) -> npt.NDArray[np.float64]:
    """The unit vector (d,) along which `values` (n, d) vary most; of its two directions, the one of the larger part."""
    axis = np.linalg.eigh(np.cov(values.astype(np.float64), rowvar=False))[1][:, -1]
    return axis if axis[np.abs(axis).argmax()] > 0 else -axis


def _none_of(name: str, number: int) -> Finding:
    if number:
        return alarm("embeddings", name, f"{number} {name} in the live release", now=number)
    return Finding("embeddings", name, State.OK, 0)


def _norms(norms: npt.NDArray[np.floating], before: Vectors | None) -> Finding:
    old = float(np.linalg.norm(before.values, axis=1).mean()) if before is not None else None
    return Finding("embeddings", "mean length", State.OK, float(norms.mean()), old, says="one, as the towers make it")


def _spread(live: Vectors, before: Vectors | None, rules: Rules) -> Finding:
    """Mean cosine of neighbouring rows in a fixed shuffle: 1 when every track has the same vector."""
    now, old = _mean_cosine(live.values), _mean_cosine(before.values) if before is not None else None
    state, says = State.OK, ""
    if now > rules.collapsed_cosine:
        state, says = State.ALARM, f"the vectors collapsed: mean cosine {now:.3f}"
    elif now > rules.close_cosine:
        state, says = State.NOTE, "the vectors lie close together: small differences decide"
    return Finding("embeddings", "mean cosine of two tracks", state, now, old, limit=rules.collapsed_cosine, says=says)


def _mean_cosine(values: Floats) -> float:
    order = np.random.default_rng(0).permutation(len(values))[:4_000]
    unit = _unit(values[order])
    return float((unit[1:] * unit[:-1]).sum(axis=1).mean()) if len(unit) > 1 else 0.0


def _unit(values: Floats) -> Floats:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _kept_tracks(live: Vectors, before: Vectors) -> Finding:
    kept = len(np.intersect1d(live.track_ids.astype(str), before.track_ids.astype(str)))
    return note("embeddings", "tracks kept", f"{kept} of {len(live.track_ids)} tracks were in the release before", now=kept)


def _kept_neighbours(live: Vectors, before: Vectors, rules: Rules) -> Finding:
    """Share of each sampled track's nearest tracks that both releases agree on, among the tracks both know."""
    _, here, there = np.intersect1d(live.track_ids.astype(str), before.track_ids.astype(str), return_indices=True)
    if len(here) <= rules.neighbours:
        return note("embeddings", "nearest tracks kept", "too few tracks in common")
    asked = np.random.default_rng(0).permutation(len(here))[: rules.neighbour_tracks]
    now, old = (_nearest(_unit(v.values[rows]), asked, rules.neighbours) for v, rows in ((live, here), (before, there)))
    shared = float(np.mean([len(set(a) & set(b)) / rules.neighbours for a, b in zip(now, old, strict=True)]))
    return note("embeddings", "nearest tracks kept", f"of each track's nearest {rules.neighbours}", now=shared, unit="share")


def _nearest(unit: Floats, asked: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    cosines = unit[asked] @ unit.T
    cosines[np.arange(len(asked)), asked] = -np.inf
    return np.argpartition(-cosines, k - 1, axis=1)[:, :k]
