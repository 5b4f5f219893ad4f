"""What listening says of tracks by the end of a day: `track2vec` and how often each was played. Of several days each begins at
the vectors of the one before, so they are one chain; a thread of its own goes ahead with it while clips are heard, because
gensim and the network both compute outside of the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from segue.dates import end_of
from segue.home import get_home
from segue.names import Table
from trainers.gold import read_labels
from trainers.sources import track2vec, track_vectors
from trainers.sources.track2vec import Track2VecConfig, Vectors

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Listening:
    """Vectors and plays by track id."""

    played: Vectors
    plays: Mapping[str, int]


def ahead(
    days: Sequence[date], there: Sequence[date], config: Track2VecConfig, *, seed: int
) -> Iterator[Callable[[], Listening]]:
    """For each of `days`, oldest first, what waits for its listening and gives it. Days that are `there` have a snapshot."""
    made: dict[date, Vectors] = {}

    def listening(day: date) -> Listening:
        before = max((other for other in (*there, *made) if other < day), default=None)
        former = made[before] if before in made else track_vectors.read(before, "track2vec") if before else {}
        listens = liked(day, config)
        made[day] = track2vec.train(sentences(listens, day), config, seed=seed, before=former)
        return Listening(made[day], plays(listens))

    pool = ThreadPoolExecutor(max_workers=1)
    try:
        yield from [pool.submit(listening, day).result for day in days]
    finally:
        pool.shutdown(cancel_futures=True)


def sentences(listens: pd.DataFrame, day: date) -> list[list[str]]:
    """The sessions of `listens` (labels rows, oldest first), and the playlists as they were at the end of `day`, without what
    accounts added that were known to be bots by then."""
    import pandas as pd

    session, names = pd.factorize(listens["session_id"], sort=True)  # -1 for a listen of no session
    order = np.argsort(session, kind="stable")[np.count_nonzero(session < 0) :]
    ends = np.cumsum(np.bincount(session[order], minlength=len(names)))
    tracks = listens["track_id"].to_numpy(dtype=object)[order].tolist()
    sessions = [tracks[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)] if len(names) else []
    return [*sessions, *_playlists(day)]


def plays(listens: pd.DataFrame) -> dict[str, int]:
    """How often each track was played in `listens` (labels rows)."""
    return {str(track): int(count) for track, count in listens["track_id"].value_counts().items()}


def liked(day: date, config: Track2VecConfig) -> pd.DataFrame:
    """The labels of the window that ends with `day`, oldest first, without early skips."""
    labels = read_labels(end_of(day) - timedelta(days=config.window_days), end_of(day))
    return labels[labels["weight"] > 0]


def _playlists(day: date) -> list[list[str]]:
    import pandas as pd

    path = get_home().table(Table.USER_PLAYLISTS) / "data.parquet"
    if not path.exists():
        return []
    entries = pd.read_parquet(path)
    found = entries["found_on"].astype("datetime64[s]") <= pd.Timestamp(day)
    entries = entries[(entries["added_at"] < pd.Timestamp(end_of(day))) & ~found]
    entries = entries.sort_values(["playlist_id", "added_at", "track_id"])
    return list(entries.groupby("playlist_id", sort=True)["track_id"].agg(list))
