"""`segue bench playlists`: whole weekly playlists a second over a catalogue of any size, on the release that is live.

Timed is what `segue playlists` does for each listener once their features are read: tensors of them, retrieval, the release's
own ranker on all candidates, the whole policy, 30 tracks with reasons, and the row in the online store, which is one of the
bench's own. Not timed is that reading, a point-in-time join and a read of the online store for every block of listeners, whose
cost decision 15 has; nor what is done once: opening the release, making the catalogue, its charts and its index. In the same
run `implicit` recommends by brute force on the same vectors, which is retrieval alone.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from segue.dates import as_of_for_week, week_after
from segue.errors import SegueError
from segue.features import materialised_through, online_rows, write_playlists
from segue.live_release import read_pointer
from segue.machine import cores
from segue.names import Service, Table
from segue.release import CANDIDATES, versions
from segue.stage import Outcome, Progress
from segue.tensors import is_list
from serving.benches.larger_catalogue import enlarged
from serving.benches.playlists_table import Timed, outcome_of
from serving.benches.stored_weekly import create_tables, store_home
from serving.funnel.funnel import Funnel
from serving.funnel.model import Floats, Model, load_model, one_thread_each
from serving.funnel.people import has_history, model_columns, week_columns
from serving.tracks.gold import read_table
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly.batch import Row, batch_rows, batch_width, made_of

MOST_TRACKS, MOST_LISTENERS = 20_000_000, 5_000_000
DRAWN_FROM = 2_000
"""Most listeners of the home whose features are read; those of the bench are drawn from them, each with part of a history."""
ASKED_EXACTLY, IMPLICIT_USERS = 200, 400
KEPT_SHARE = 0.8


@dataclass(frozen=True)
class People:
    """Listeners of the bench (n): their ids, and what `segue playlists` reads of each before it begins."""

    ids: list[str]
    columns: Row
    policy: Row

    def batch(self, part: slice) -> People:
        return People(self.ids[part], *({k: v[part] for k, v in values.items()} for values in (self.columns, self.policy)))


def bench_playlists(*, tracks: int = 1_000_000, users: int = 20_000) -> Outcome:
    """Make playlists of `users` listeners out of `tracks` tracks, and measure.

    Raises:
        SegueError: sizes out of bounds, no release, or features that do not fit it.
    """
    week, version = _ready(tracks, users)
    progress = Progress("bench playlists")
    one_thread_each()
    with progress.step(f"open release {version}"):
        model, catalogue = load_model(version), load_catalogue(as_of_for_week(week))
        people = _people(users, week)
    accounts = {user: catalogue.account(of) for user, of in zip(people.ids, people.columns["account"], strict=True)}
    with progress.step(f"make {tracks} tracks and their index"):
        funnel = enlarged(model, replace(catalogue, accounts=accounts), tracks)
        for territory in {place for place, _ in accounts.values()}:
            funnel.catalogue.popular(territory)
    with store_home("sqlite", users):
        create_tables()
        first = people.batch(slice(0, batch_width(tracks)))
        batch_rows(funnel, *_batch_of(first), week)  # the first one waits for TensorFlow and charts
        with progress.step(f"make {users} playlists"):
            timed = _timed(funnel, people, week, version)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with progress.step("recall, and implicit"):
        queries, vectors = _queries(funnel, people), _model(funnel).vectors
        recall = _recall(_model(funnel), queries)
        del funnel  # implicit's scores of so many tracks want its room
        facts: dict[str, Any] = {"recall_at_500": recall, "implicit_users_per_second": _implicit(vectors, queries)}
    size = {"tracks": tracks, "users": users, "release": version}
    return outcome_of(size, timed, facts | {"peak_memory_mib": round(peak)})


def _ready(tracks: int, users: int) -> tuple[date, str]:
    """The week to make, and the release: the live one, else the newest."""
    through, pointer = materialised_through(), read_pointer()
    there = pointer.version if pointer is not None else next(reversed(versions()), None)
    if through is None or there is None:
        raise SegueError(
            expected="a release, and features in the store",
            received=f"release {there}, features through {through}",
            mend="run `make demo`, or `segue features` and `segue train`",
        )
    if not 0 < tracks <= MOST_TRACKS or not 0 < users <= MOST_LISTENERS:
        raise SegueError(
            expected=f"1 to {MOST_TRACKS} tracks and 1 to {MOST_LISTENERS} users",
            received=f"{tracks} tracks, {users} users",
            mend="give another --tracks or --users",
        )
    return week_after(through), there


def _people(users: int, week: date) -> People:
    """Listeners drawn from those of the home who have a history, each with a part of their newest tracks."""
    known = sorted(read_table(Table.USERS)["user_id"])[:DRAWN_FROM]
    columns, policy = week_columns(known, week), online_rows(Service.POLICY, known)
    there = [i for i in range(len(known)) if has_history(columns["recent_tracks"][i], policy["heard_tracks"][i])]
    if not there:
        raise SegueError(expected="listeners with a history", received="none", mend="run `segue features` again")
    rng = np.random.default_rng(3)
    drawn = [there[i] for i in rng.integers(len(there), size=users)]
    made: Row = {name: [values[i] for i in drawn] for name, values in columns.items()}
    made |= shortened({name: made[name] for name in ("recent_tracks", "recent_outcomes")}, rng)
    made["account"] = [known[i] for i in drawn]
    return People([f"listener-{n:07d}" for n in range(users)], made, {k: [v[i] for i in drawn] for k, v in policy.items()})


def shortened(lists: Row, rng: np.random.Generator) -> Row:
    """Part of each listener's lists, the same places of all that stand side by side, and at least the first one."""
    kept = [_part(values, rng) for values in next(iter(lists.values()))]
    return {name: [_at(*pair) for pair in zip(values, kept, strict=True)] for name, values in lists.items()}


def _part(values: Any, rng: np.random.Generator) -> list[int]:
    count = len(values) if is_list(values) else 0
    return [int(place) for place in np.flatnonzero(rng.random(count) < KEPT_SHARE)] or [0][:count]


def _at(values: Any, places: list[int]) -> Any:
    """What stands at `places`; an array stays one, as the store gives it: a list of NumPy's numbers is slow to read."""
    if isinstance(values, np.ndarray):
        return values[places]
    return [values[place] for place in places] if is_list(values) else values


def _batch_of(people: People) -> tuple[list[str], Row, Row]:
    return people.ids, {k: v for k, v in people.columns.items() if k != "account"}, people.policy


def _timed(funnel: Funnel, people: People, week: date, version: str) -> Timed:
    """The cores make playlists, one thread writes them."""
    import pandas as pd

    width = batch_width(len(funnel.catalogue))
    parts = [slice(at, at + width) for at in range(0, len(people.ids), width)]
    began, worked, personal = time.perf_counter(), time.process_time(), 0
    stored: list[tuple[float, int]] = []
    for rows in made_of(lambda part: batch_rows(funnel, *_batch_of(people.batch(part)), week), parts, cores()):
        write_playlists(pd.DataFrame(rows).assign(week=f"{week}/{version}", release=version))
        personal += sum(row["features"] is not None for row in rows)
        stored.append((time.perf_counter() - began, len(rows)))
    return Timed(stored, time.process_time() - worked, personal)


def _queries(funnel: Funnel, people: People) -> Floats:
    some = people.batch(slice(0, IMPLICIT_USERS))
    return _model(funnel).queries(model_columns(some.ids, some.columns))


def _model(funnel: Funnel) -> Model:
    if funnel.model is None:
        raise ValueError("the funnel of a bench has a release")
    return funnel.model


def _recall(model: Model, queries: Floats) -> float:
    """The share of the exactly nearest that retrieval finds, over a few queries; 1 without an index."""
    if model.searcher is None:
        return 1.0
    queries = queries[:ASKED_EXACTLY]
    found, _ = model.nearest(queries, CANDIDATES)
    hits = [len(np.intersect1d(near, exact)) for near, exact in zip(found, _exact(queries, model.vectors), strict=True)]
    return round(float(np.mean(hits)) / CANDIDATES, 4)


def _exact(queries: Floats, vectors: Floats) -> Iterator[Any]:
    for query in queries:
        yield np.argpartition(-(vectors @ query), CANDIDATES - 1)[:CANDIDATES]


def _implicit(vectors: Floats, queries: Floats) -> float:
    """Users a second of implicit's brute-force `recommend` on the same vectors, on all cores, its products by one thread or by
    one for each core, whichever is quicker."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    other = AlternatingLeastSquares(factors=vectors.shape[1], num_threads=cores())
    other.user_factors, other.item_factors = queries, vectors
    nothing = csr_matrix((len(queries), len(vectors)), dtype=np.float32)
    ids, count = np.arange(len(queries)), min(CANDIDATES, len(vectors))
    rates = []
    for threads in (1, cores()):
        with threadpool_limits(threads, "blas"):
            other.recommend(ids[:8], nothing[:8], N=count, filter_already_liked_items=False)
            began = time.perf_counter()
            other.recommend(ids, nothing, N=count, filter_already_liked_items=False)
            rates.append(len(ids) / (time.perf_counter() - began))
    return round(max(rates), 1)
