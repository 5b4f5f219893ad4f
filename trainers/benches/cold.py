"""`segue bench cold`: how well tracks without a play and listeners without a history are served, source by source.

Tracks: those released in the held-out days, and the users who then discovered them. Every retriever ranks the whole catalogue
without what a user has heard, as known at the cutoff; what counts is how many of the releases a user discovers are among the
first 100, and NDCG@30 of the releases. That is mostly a question of how much is made of being new, so there is another: of
the releases alone, how many of those a user discovers are among the first 10. The last row is what a release ranks: what the
retriever with all sources finds, in the order of the ranker, before the policy.

Listeners: `trainers.benches.strangers` after 0, 1, 3 and 10 plays; what counts is NDCG@30 of all they discover. Who has played
nothing gets the chart of their territory, as in serving, the others what the retriever finds, and beside it the same in the
ranker's order. The policy, which comes after, is not in it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from segue.dates import split_at
from segue.errors import SegueError
from segue.home import get_home
from segue.settings import get_settings
from segue.stage import Outcome, Progress
from segue.trending import chart, lately
from trainers.baselines.popular import Popular
from trainers.baselines.popular_by_genre import PopularByGenre
from trainers.benches import cold_table, strangers
from trainers.benches.cold_models import ColdConfig, Learned, Study, funnel_of, funnel_scores, retrieval_scores, trained
from trainers.benches.cold_table import Found
from trainers.evaluation import metrics
from trainers.evaluation.heldout import HeldOut, held_out
from trainers.evaluation.metrics import Doubles
from trainers.evaluation.slices import Slice
from trainers.examples import make_examples
from trainers.first_listens import first_listens
from trainers.fitting import settled_from
from trainers.gold import label_files, read_labels, read_tracks, release_times
from trainers.inputs import SOURCED
from trainers.interactions import Floats, Indices, best_first

if TYPE_CHECKING:
    import pandas as pd

Mask = npt.NDArray[np.bool_]

GENRE, STARTS, TERRITORY = "popularity-by-genre", "the same, told how releases start", "popular-in-territory"
FUNNEL = "all, and the ranker's order"


def bench_cold(*, as_of: date | None = None) -> Outcome:
    """Both tables, as of the newest day of gold or an earlier one.

    Raises:
        SegueError: too little history, nothing released in the held-out days, or nobody who discovered it.
    """
    progress = Progress("bench cold")
    with progress.step("examples"):
        study = study_of(as_of)
    return measured(study, progress)


def measured(study: Study, progress: Progress) -> Outcome:
    """Both tables of `study`, and their chart."""
    tracks = _new_tracks(study, progress)
    users = _new_users(study, progress)
    k, few, length = study.config.k, study.config.few, study.config.length
    summary: dict[str, Any] = {
        "as_of": (study.split.end - timedelta(days=1)).date().isoformat(),
        "tracks": tracks,
        "users": users,
    }
    ours = frozenset([*study.sources, FUNNEL])
    path = cold_table.draw(get_home().chart("cold"), summary, k=k, few=few, length=length, ours=ours)
    days, whom = (study.split.end - study.split.cutoff).days, tracks[0]
    text = [
        f"{whom['tracks']} tracks released in the {days} days from {study.split.cutoff:%Y-%m-%d} and the {whom['users']}"
        " users who then discovered them",
        cold_table.tracks_text(tracks, k=k, few=few, length=length),
        f"New users: NDCG@{length} of all that {users[0]['users']} of them discover in those days",
        cold_table.users_text(users, popular=TERRITORY),
        f"The chart is {path}",
    ]
    return Outcome(summary | {"chart": str(path)}, "\n\n".join(text))


def study_of(as_of: date | None) -> Study:
    """What `bench_cold` asks about."""
    settings = get_settings()
    newest = date.fromisoformat(label_files(None, datetime.max.replace(tzinfo=UTC))[-1].parent.name.removeprefix("day="))
    split = split_at(as_of or newest, settings.holdout_days)
    listens = read_labels(None, split.cutoff)
    since, rows, seed = settled_from(listens, split.rank_from), settings.train_rows, settings.seed
    early = make_examples(first_listens(since, split.rank_from, rows=rows, seed=seed), seed=seed)
    late = make_examples(first_listens(split.rank_from, split.cutoff, rows=rows, seed=seed), seed=seed)
    return Study(split, held_out(split), Learned(early, late, listens), seed=seed)


def _new_tracks(study: Study, progress: Progress) -> list[dict[str, Any]]:
    held = study.held
    facts = read_tracks().set_index("track_id").reindex(held.catalogue.track_ids).rename_axis("track_id").reset_index()
    scored: dict[str, Floats] = {}
    for name, told in ((GENRE, False), (STARTS, True)):
        scored[name] = PopularByGenre(study.learned.listens, facts, study.split.cutoff, expects_a_start=told).scores(
            held.users
        )
    for name, kept in study.sources.items():
        with progress.step(f"retriever with {name}"):
            retriever, task = trained(study, study.learned, kept)
            scored[name] = retrieval_scores(retriever, held.users, held, kept)
        if task:
            with progress.step("ranker"):
                funnel = funnel_of(retriever, task, study)
                scored[FUNNEL] = funnel_scores(funnel, held.users, held, scored[name], held.heard)
    new = (release_times(facts) >= study.split.cutoff).to_numpy() & (held.listeners == 0)
    return _track_rows(scored, held, new, study.config)


def _track_rows(scored: dict[str, Floats], held: HeldOut, new: Mask, config: ColdConfig) -> list[dict[str, Any]]:
    """One row per contender; `new` (tracks,) are those that count."""
    truth = Slice("new tracks", np.ones(len(held.user_ids), bool), new).truth(held)
    wanted = np.diff(truth.indptr).astype(np.int64)
    asked = wanted > 0
    if not asked.any():
        raise SegueError(
            expected=f"releases since {held.split.cutoff:%Y-%m-%d} that somebody discovered before {held.split.end:%Y-%m-%d}",
            received=f"{int(new.sum())} releases and nobody who heard one of them to the end",
            mend="choose another --as-of day, or hold out more days with SEGUE_HOLDOUT_DAYS",
        )
    found = {
        name: Found(
            _recall(best_first(scores.copy(), config.k, held.heard), truth)[asked],
            _recall(best_first(scores[:, new], config.few), truth[:, np.flatnonzero(new)])[asked],
            metrics.ndcg(metrics.hits(best_first(scores.copy(), config.length, held.heard), truth), wanted)[asked],
        )
        for name, scores in scored.items()
    }
    counts = {"users": int(asked.sum()), "tracks": len(np.unique(truth.indices))}
    return [row | counts for row in cold_table.track_rows(found, beside=GENRE, without="none")]


def _recall(lists: Indices, truth: sp.csr_matrix) -> Doubles:
    """Of every user (n,)."""
    return metrics.recall(metrics.hits(lists, truth), np.diff(truth.indptr).astype(np.int64))


def _new_users(study: Study, progress: Progress) -> list[dict[str, Any]]:
    held, config, learned = study.held, study.config, study.learned
    chosen = strangers.choose(
        learned.listens, list(held.user_ids), study.split.cutoff, plays=max(config.plays), most=config.strangers
    )
    rows = np.flatnonzero(np.isin(held.user_ids, chosen))
    with progress.step(f"the features of {len(rows)} strangers"):
        known = strangers.rows_after(learned.listens, list(held.user_ids[rows]), study.split.cutoff, config.plays)
    with progress.step("retriever and ranker that have not seen them"):
        early, late = (strangers.without(examples, chosen) for examples in (learned.early, learned.late))
        others = Learned(early, late, learned.listens[~learned.listens["user_id"].isin(chosen)])
        retriever, task = trained(study, others, SOURCED)
        funnel = funnel_of(retriever, task, study) if task else None
    heard, truth, wanted = held.heard[rows], held.truth[rows], held.wanted[rows]
    popular = Popular().fit(held.interactions).recommend(held.asked[rows], config.length, heard)

    def ndcg(scores: Floats) -> Doubles:
        return metrics.ndcg(metrics.hits(best_first(scores, config.length, heard), truth), wanted)

    after, ranked = {}, {}
    for plays, users in known.items():
        # Who has played nothing gets the chart.
        scores = retrieval_scores(retriever, users, held, SOURCED) if plays else _chart(users, held)
        if plays and funnel:
            ranked[plays] = ndcg(funnel_scores(funnel, users, held, scores, heard))
        after[plays] = ndcg(scores)
    of_popular = metrics.ndcg(metrics.hits(popular, truth), wanted)
    return [row | {"users": len(rows)} for row in cold_table.user_rows(after, ranked, of_popular)]


def _chart(users: pd.DataFrame, held: HeldOut) -> Floats:
    """The places of all tracks in the chart of each user's territory (n, tracks), 0 for the first and falling; in the
    worldwide chart where the territory has none."""
    catalogue = held.catalogue
    week, month = (catalogue.frame[name].fillna(0).to_numpy(np.float32) for name in ("track_plays_7d", "track_plays_30d"))
    here = dict(zip(catalogue.territories, np.nan_to_num(catalogue.popularity[:-1, :, 0]), strict=True))
    scores = np.empty((len(users), len(month)), np.float32)
    for who, territory in enumerate(users["territory"]):
        plays = here.get(territory, month)
        scores[who, chart(plays if plays.any() else month, month, lately(week, month))] = -np.arange(len(month))
    return scores
