"""The session model of a release: from the listens before the cutoff to `sessions/`, what radio goes on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segue.dates import Split, start_of
from segue.point_in_time import TIMESTAMP
from segue.stage import Progress
from trainers.baselines.sequential_rules import SequentialRules
from trainers.baselines.session_item_knn import SessionItemKnn
from trainers.baselines.session_knn import SessionKnn
from trainers.gold import label_days, read_labels, tracks_at
from trainers.made_from import ids_digest
from trainers.ranker.feedback import LONGEST_SESSION
from trainers.sessions.config import SessionConfig
from trainers.sessions.gru import SessionModel
from trainers.sessions.next_blend import ITEM_KNN, MODEL, RULES, SESSION_KNN, learned_order
from trainers.sessions.next_order import NextOrder, OrderConfig, about_tracks
from trainers.sessions.next_track import NextTrack, counted
from trainers.sessions.radio_network import RadioNetwork
from trainers.sessions.session_lists import HELD_OUT, Sessions
from trainers.sessions.shared_sessions import SharedSessions

if TYPE_CHECKING:
    import pandas as pd

RADIO = SessionConfig(dimensions=64, sampled=512, uniform=256, passes=2, rate=2e-3, table_rate=1e-2)
"""Smaller than the bench's and trained twice as fast in fewer passes, because every weekly training pays for it."""
NEWEST_PLAYS = 1_000_000
"""Most plays that are learned from, the last ones, and most that the passes of a session model go through together: the loop
must not wait for its radio."""
SESSION_COLUMNS = ("session_id", "track_id", TIMESTAMP, "weight")
DAYS_READ_FIRST = 4
"""Days with listens that are read, the last ones; twice as many again for as long as they hold too few plays."""
HELD_PLAYS, ORDER_PREFIXES, FEWEST_PREFIXES = 20_000, 4_000, 300
"""Plays that are held back, at most, and prefixes of theirs that teach the order, at most; with fewer it stays as it was."""
K = 20
"""Tracks a prefix is answered with."""
TRIED = 8
"""Sessions, the last ones, that a finished radio is asked to go on with before it is kept."""


class TrainedSessions(NamedTuple):
    """What there is to say of a session model, the seconds of its steps, and the digest of the tracks it numbers, None where
    there is no model."""

    said: dict[str, Any]
    seconds: dict[str, float]
    tracks: str | None


def train_sessions(folder: Path, split: Split, config: SessionConfig, settings: OrderConfig, *, seed: int) -> TrainedSessions:
    """`write_sessions` from the gold tables, for a process beside the other models."""
    progress = Progress("train")
    with progress.step("session model"):
        tracks = tracks_at(split.end)["track_id"].to_numpy(dtype=object)
        said = write_sessions(folder, newest_sessions(split.cutoff, tracks), len(tracks), config, settings, seed=seed)
    return TrainedSessions(said, progress.seconds, ids_digest(tracks))


def newest_sessions(until: datetime, track_ids: npt.NDArray[Any]) -> Sessions:
    """The last sessions of the labels before `until` that hold `NEWEST_PLAYS` plays together, or all there are, as
    `sessions_of` gives them. Only as many days are read as that takes."""
    days, read = label_days(until), DAYS_READ_FIRST
    sessions = _sessions_since(days[-read:], until, track_ids, whole=read >= len(days))
    while len(sessions.tracks) < NEWEST_PLAYS and read < len(days):
        read *= 2
        sessions = _sessions_since(days[-read:], until, track_ids, whole=read >= len(days))
    return newest_of(sessions, NEWEST_PLAYS)


def newest_of(sessions: Sessions, plays: int) -> Sessions:
    """The last of `sessions`, oldest first, that hold at most `plays` plays together."""
    first = int(np.searchsorted(sessions.starts, max(len(sessions.tracks) - plays, 0)))
    return sessions.some(min(first, len(sessions)), len(sessions))


def _sessions_since(days: list[date], until: datetime, track_ids: npt.NDArray[Any], *, whole: bool) -> Sessions:
    """The sessions of `days`, which are all of the log where they are the `whole`; else what may have begun before them, and
    would seem to begin with them, is left out."""
    since = start_of(days[0])
    listens = read_labels(since, until, SESSION_COLUMNS).astype({"session_id": object})
    return sessions_of(listens, track_ids, began=None if whole else since + LONGEST_SESSION)


def sessions_of(listens: pd.DataFrame, track_ids: npt.NDArray[Any], *, began: datetime | None = None) -> Sessions:
    """The sessions of labels, by place in `track_ids`, oldest first: what was skipped early, or is in no session or not among
    these, left out, and so are those that began before `began`."""
    import pandas as pd

    numbers = pd.Index(track_ids).get_indexer(pd.Index(listens["track_id"]))
    kept = (numbers >= 0) & (listens["weight"].to_numpy() > 0) & listens["session_id"].notna().to_numpy()
    rows = listens.loc[kept, ["session_id", TIMESTAMP]].assign(track=numbers[kept])
    if rows.empty:
        return Sessions.of([])
    rows["began"] = rows.groupby("session_id")[TIMESTAMP].transform("min")
    rows = rows if began is None else rows[rows["began"] >= began]
    rows = rows.sort_values(["began", "session_id", TIMESTAMP], kind="stable")
    ends = np.flatnonzero(rows["session_id"].to_numpy()[1:] != rows["session_id"].to_numpy()[:-1]) + 1
    starts = np.concatenate([[0], ends, [len(rows)]]).astype(np.int64)
    return Sessions(rows["track"].to_numpy(np.int64), starts)


def write_sessions(
    folder: Path,
    sessions: Sessions,
    n_tracks: int,
    config: SessionConfig,
    settings: OrderConfig | None = None,
    *,
    seed: int,
) -> dict[str, Any]:
    """Train on `sessions` of a catalogue of `n_tracks` and write `sessions/`; what there is to say about it. Nothing is
    written where no session has two plays, or no pass is asked for.

    Raises:
        SegueError: the training diverged, or what came of it answers with what is no number.
    """
    network, said = radio_of(sessions, n_tracks, config, settings or OrderConfig(), seed=seed)
    if network:
        network.require_finite(sessions.some(max(len(sessions) - TRIED, 0), len(sessions)))
        network.save(folder / "sessions")
    return said


def radio_of(
    sessions: Sessions, n_tracks: int, config: SessionConfig, settings: OrderConfig, *, seed: int
) -> tuple[RadioNetwork | None, dict[str, Any]]:
    """What a release keeps of `sessions`, oldest first, and what there is to say about it; nothing where none has two plays,
    or no pass is asked for."""
    if not config.passes or not (sessions.lengths > 1).any():
        return None, {"sessions": 0}
    config = replace(config, passes=passes_over(sessions, config.passes))
    order, said = _order(sessions, n_tracks, config, settings, seed=seed)
    models = models_of(sessions, n_tracks, config, seed=seed)
    said = {"sessions": len(sessions), "session_passes": config.passes} | said
    return RadioNetwork(models, SharedSessions().fit(sessions, n_tracks), order), said


def models_of(sessions: Sessions, n_tracks: int, config: SessionConfig, *, seed: int) -> dict[str, NextTrack]:
    """The models whose candidates radio orders, learned from `sessions`."""
    models: dict[str, NextTrack] = {
        MODEL: SessionModel(config, seed=seed),
        SESSION_KNN: SessionKnn(),
        ITEM_KNN: SessionItemKnn(),
        RULES: SequentialRules(),
    }
    return {name: model.fit(sessions, n_tracks) for name, model in models.items()}


def passes_over(sessions: Sessions, most: int) -> int:
    """Passes over `sessions`, at most `most` and at least one, that go through `NEWEST_PLAYS` together at most."""
    return max(1, min(most, NEWEST_PLAYS // len(sessions.tracks)))


def held_back(sessions: Sessions) -> tuple[Sessions, Sessions]:
    """`sessions`, oldest first, less their last tenth, `HELD_PLAYS` of it at most; and that."""
    late = newest_of(sessions.some(int(len(sessions) * (1 - HELD_OUT)), len(sessions)), HELD_PLAYS)
    return sessions.some(0, len(sessions) - len(late)), late


def _order(
    sessions: Sessions, n_tracks: int, config: SessionConfig, settings: OrderConfig, *, seed: int
) -> tuple[NextOrder, dict[str, Any]]:
    """The order of the models' candidates, taught by the last of `sessions`, which the models that teach it have not seen;
    where that is too little, one that nothing taught. And the share of those prefixes that model and order answer."""
    early, late = held_back(sessions)
    prefixes, answers = late.prefixes()
    about = about_tracks(sessions, n_tracks)
    if len(answers) < FEWEST_PREFIXES or not (early.lengths > 1).any():
        return NextOrder(settings, about), {}
    kept = np.linspace(0, len(answers) - 1, min(ORDER_PREFIXES, len(answers))).astype(np.int64)
    models = models_of(early, n_tracks, config, seed=seed)
    learned = learned_order(models, early, prefixes.chosen(kept), answers[kept], n_tracks, settings, seed=seed)
    learned.order.about.assign(about)
    found = {"session_hit_rate": learned.by_model[MODEL], "radio_hit_rate": learned.together}
    return learned.order, {name: round(counted(places, K).hit_rate, 4) for name, places in found.items()}
