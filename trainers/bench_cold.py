"""`segue bench cold`: how well tracks without a play and listeners without a history are served, source by source.

Tracks: those released in the held-out days, and the users who then discovered them. Every retriever ranks the whole catalogue
without what a user has heard, as known at the cutoff; what counts is how many of the releases a user discovers are among the
first 100. That is mostly a question of how much is made of being new, so there is a second one: of the releases alone, how
many of those a user discovers are among the first 10.

Listeners: `trainers.strangers` after 0, 1, 3 and 10 plays; what counts is NDCG@30 of all they discover.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import tensorflow as tf

from segue.dates import Split, split_at
from segue.settings import get_settings
from segue.stage import Outcome, Progress, table
from trainers import metrics, strangers
from trainers.baselines.popular import Popular
from trainers.baselines.popular_by_genre import PopularByGenre
from trainers.examples import Examples, catalogue_at, first_listens, make_examples, read_labels
from trainers.fitting import heard_pairs, settled_from, vectors_of, vocabularies
from trainers.gold import label_files, read_tracks
from trainers.heldout import HeldOut, held_out
from trainers.hyperparameters import Hyperparameters
from trainers.inputs import VECTORS
from trainers.interactions import Floats, Indices, best_first
from trainers.retriever import Retriever
from trainers.slices import Slice

if TYPE_CHECKING:
    import pandas as pd

Mask = npt.NDArray[np.bool_]

SOURCES: dict[str, tuple[str, ...]] = {
    "none": (),
    "artist": ("artist_vector",),
    "track2vec": ("track2vec",),
    "audio": ("audio_vector",),
    "all": VECTORS,
}
"""Row of the table to the vectors its tower may read."""

GENRE, STARTS, TERRITORY = "popularity-by-genre", "the same, told how releases start", "popular-in-territory"


@dataclass(frozen=True)
class ColdConfig:
    """`k` tracks in the lists for new tracks, `few` in those of releases alone, and `length` in those for new users; at most
    so many `strangers`."""

    k: int = 100
    few: int = 10
    length: int = 30
    plays: tuple[int, ...] = (0, 1, 3, 10)
    strangers: int = 400


@dataclass
class _Study:
    """What all rows share: the days, the question, the labels before the cutoff and the examples made of them."""

    split: Split
    held: HeldOut
    listens: pd.DataFrame
    early: Examples
    late: Examples
    hyper: Hyperparameters = field(default_factory=Hyperparameters)
    config: ColdConfig = field(default_factory=ColdConfig)
    seed: int = 17


def bench_cold(*, as_of: date | None = None) -> Outcome:
    """Both tables, as of the newest day of gold or an earlier one.

    Raises:
        SegueError: too little history, nothing released in the held-out days, or nobody who discovered it.
    """
    progress = Progress("bench cold")
    with progress.step("examples"):
        study = _study(as_of)
    tracks = _new_tracks(study, progress)
    users = _new_users(study, progress)
    k, few, length = study.config.k, study.config.few, study.config.length
    headers = ["source", f"Recall@{k}", "times by genre", f"Recall@{few} of releases", "users", "tracks"]
    text = [
        f"Tracks released in the {(study.split.end - study.split.cutoff).days} days from {study.split.cutoff:%Y-%m-%d}",
        table(headers, [list(row.values()) for row in tracks]),
        f"New users: NDCG@{length} of all they discover in those days",
        table(["plays", "retriever", TERRITORY, "users"], [list(row.values()) for row in users]),
    ]
    return Outcome({"as_of": study.split.end.isoformat(), "tracks": tracks, "users": users}, "\n\n".join(text))


def _study(as_of: date | None) -> _Study:
    settings = get_settings()
    newest = date.fromisoformat(label_files(None, datetime.max.replace(tzinfo=UTC))[-1].parent.name.removeprefix("day="))
    split = split_at(as_of or newest, settings.holdout_days)
    listens = read_labels(None, split.cutoff)
    since, rows, seed = settled_from(listens, split.rank_from), settings.train_rows, settings.seed
    early = make_examples(first_listens(since, split.rank_from, rows=rows, seed=seed), seed=seed)
    late = make_examples(first_listens(split.rank_from, split.cutoff, rows=rows, seed=seed), seed=seed)
    return _Study(split, held_out(split), listens, early, late, seed=seed)


def _new_tracks(study: _Study, progress: Progress) -> list[dict[str, Any]]:
    import pandas as pd

    held = study.held
    facts = read_tracks().set_index("track_id").reindex(held.catalogue.track_ids).rename_axis("track_id").reset_index()
    scored: dict[str, Floats] = {}
    for name, told in ((GENRE, False), (STARTS, True)):
        scored[name] = PopularByGenre(study.listens, facts, study.split.cutoff, expects_a_start=told).scores(held.users)
    for name, kept in SOURCES.items():
        with progress.step(f"retriever with {name}"):
            retriever = _fitted(study, study.early, study.late, study.listens, kept)
            scored[name] = _scores(retriever, held.users, held, kept)
    new = (pd.to_datetime(facts["release_date"], utc=True) >= study.split.cutoff).to_numpy() & (held.listeners == 0)
    return _track_rows(scored, held, new, study.config)


def _track_rows(scored: dict[str, Floats], held: HeldOut, new: Mask, config: ColdConfig) -> list[dict[str, Any]]:
    """One row per contender; `new` (tracks,) are those that count."""
    truth = Slice("new tracks", np.ones(len(held.user_ids), bool), new).truth(held)
    found = {name: _recall(best_first(scores.copy(), config.k, held.heard), truth) for name, scores in scored.items()}
    users, tracks = int((np.diff(truth.indptr) > 0).sum()), len(np.unique(truth.indices))
    return [
        {
            "source": name,
            "recall": found[name],
            "times": found[name] / found[GENRE] if found[GENRE] else None,
            "among_releases": _recall(best_first(scores[:, new], config.few), truth[:, np.flatnonzero(new)]),
            "users": users,
            "tracks": tracks,
        }
        for name, scores in scored.items()
    ]


def _recall(lists: Indices, truth: sp.csr_matrix) -> float:
    """Mean over the users who want anything."""
    wanted = np.diff(truth.indptr).astype(np.int64)
    return float(metrics.recall(metrics.hits(lists, truth), wanted)[wanted > 0].mean())


def _new_users(study: _Study, progress: Progress) -> list[dict[str, Any]]:
    held, config = study.held, study.config
    chosen = strangers.choose(
        study.listens, list(held.user_ids), study.split.cutoff, plays=max(config.plays), most=config.strangers
    )
    rows = np.flatnonzero(np.isin(held.user_ids, chosen))
    with progress.step(f"the features of {len(rows)} strangers"):
        known = strangers.rows_after(study.listens, list(held.user_ids[rows]), study.split.cutoff, config.plays)
    with progress.step("retriever that has not seen them"):
        early, late = (strangers.without(examples, chosen) for examples in (study.early, study.late))
        retriever = _fitted(study, early, late, study.listens[~study.listens["user_id"].isin(chosen)], VECTORS)
    heard, truth, wanted = held.heard[rows], held.truth[rows], held.wanted[rows]
    popular = Popular().fit(held.interactions).recommend(held.asked[rows], config.length, heard)
    least = _ndcg(popular, truth, wanted)
    return [
        {
            "plays": n,
            "ndcg": _ndcg(best_first(_scores(retriever, known[n], held, VECTORS), config.length, heard), truth, wanted),
            "popular": least,
            "users": len(rows),
        }
        for n in config.plays
    ]


def _ndcg(lists: Indices, truth: sp.csr_matrix, wanted: Indices) -> float:
    return float(metrics.ndcg(metrics.hits(lists, truth), wanted).mean())


def _fitted(study: _Study, early: Examples, late: Examples, listens: pd.DataFrame, kept: tuple[str, ...]) -> Retriever:
    """The retriever as `segue train` fits it, but for the ranker in between, without the vectors that are not `kept`."""
    tf.keras.utils.set_random_seed(study.seed)
    early, late = (replace(examples, tracks=_only(examples.tracks, kept)) for examples in (early, late))
    known = catalogue_at(study.split.cutoff)
    retriever = Retriever(study.hyper.retriever, vocabularies(listens, early, late, known))
    retriever.adapt(early)
    before = listens[listens["event_timestamp"] < study.split.rank_from]
    retriever.fit_examples(early, heard_pairs(retriever, before), seed=study.seed)
    retriever.fit_examples(late, heard_pairs(retriever, listens), seed=study.seed + 1)
    return retriever


def _scores(retriever: Retriever, users: pd.DataFrame, held: HeldOut, kept: tuple[str, ...]) -> Floats:
    """Dot products (n, tracks)."""
    tracks = _only(held.catalogue.frame, kept)
    scores: Floats = vectors_of(retriever.query, users) @ vectors_of(retriever.track, tracks).T
    return scores


def _only(tracks: pd.DataFrame, kept: tuple[str, ...]) -> pd.DataFrame:
    return tracks.assign(**{name: None for name in VECTORS if name not in kept})
