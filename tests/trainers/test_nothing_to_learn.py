"""A log that a release cannot be made from is refused in a sentence before anything is trained, and one that is only just
enough is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import pytest
from gold_listens import track_id
from gold_tables import AS_OF
from trained_home import SPLIT, TINY, checkerboard_home

from segue.errors import SegueError
from segue.features import TIMESTAMP
from segue.home import get_home
from segue.names import Table
from trainers import fitting, train
from trainers.first_listens import first_listens
from trainers.gold import read_labels
from trainers.retriever.model import Retriever

__all__ = ["checkerboard_home"]
pytestmark = pytest.mark.usefixtures("checkerboard_home", "untrained")
ONE, STRANGE = track_id(0), track_id(1)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that gets as far as its retriever says so and ends."""

    def refuse(*_: object, **__: object) -> None:
        raise InterruptedError("a retriever began to learn")

    monkeypatch.setattr(Retriever, "fit_examples", refuse)


@contextmanager
def _told_otherwise(table: Table, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Iterator[None]:
    files = sorted(get_home().table(table).rglob("*.parquet"))
    whole = {file: file.read_bytes() for file in files}
    try:
        for file in files:
            change(pd.read_parquet(file, partitioning=None)).to_parquet(file, index=False, coerce_timestamps="us")
        yield
    finally:
        for file, contents in whole.items():
            file.write_bytes(contents)


def _old_from(instant: pd.Timestamp, *, but: str | None = None) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Every listen from `instant` on is of a track its listener knew, `but` of one track."""
    return lambda labels: labels.assign(
        first_listen=labels["first_listen"] & ((labels[TIMESTAMP] < instant) | (labels["track_id"] == but))
    )


def _same_track(labels: pd.DataFrame) -> pd.DataFrame:
    """Everybody's every listen is of one and the same track, for the first time on the first day."""
    begun = labels["first_listen"] & (labels[TIMESTAMP] < pd.Timestamp("2026-10-20", tz="UTC"))
    return labels.assign(track_id=ONE, first_listen=begun & ~labels["user_id"].duplicated())


def test_a_week_of_old_tracks_teaches_the_ranker_nothing_and_is_refused() -> None:
    with (
        _told_otherwise(Table.LABELS, _old_from(pd.Timestamp(SPLIT.rank_from))),
        pytest.raises(
            SegueError, match=r"first listens from 2026-11-02 to before 2026-11-09, received only listens to tracks"
        ),
    ):
        train.run(as_of=AS_OF, hyper=TINY)


def test_a_history_of_one_and_the_same_track_is_refused() -> None:
    with (
        _told_otherwise(Table.LABELS, _same_track),
        pytest.raises(
            SegueError, match=r"first listens from 2026-10-22 to before 2026-11-02, received only listens to tracks"
        ),
    ):
        train.run(as_of=AS_OF, hyper=TINY)


def test_a_week_in_which_only_tracks_outside_the_catalogue_are_new_is_refused() -> None:
    met, came_out = pd.Timestamp(SPLIT.rank_from), pd.Timestamp("2001-01-01")

    def old_and_just_met(tracks: pd.DataFrame) -> pd.DataFrame:
        strange = tracks["track_id"] == STRANGE
        return tracks.assign(
            first_seen_at=tracks["first_seen_at"].mask(strange, met),
            release_date=pd.to_datetime(tracks["release_date"]).mask(strange, came_out).dt.date,
        )

    with (
        _told_otherwise(Table.LABELS, _old_from(pd.Timestamp(SPLIT.rank_from), but=STRANGE)),
        _told_otherwise(Table.TRACKS, old_and_just_met),
        pytest.raises(SegueError, match=r"of tracks that were known when .* received \d+ first listens, all of other"),
    ):
        train.run(as_of=AS_OF, hyper=TINY)


def test_one_new_track_in_the_week_of_the_ranker_is_enough_to_begin() -> None:
    with (
        _told_otherwise(Table.LABELS, _old_from(pd.Timestamp(SPLIT.rank_from), but=STRANGE)),
        pytest.raises(InterruptedError, match="began to learn"),
    ):
        train.run(as_of=AS_OF, hyper=TINY)


@pytest.mark.parametrize("early", [True, False])
def test_listens_on_one_side_alone_are_refused_with_both_numbers(early: bool) -> None:
    labels = read_labels(None, SPLIT.cutoff)
    side = labels[(labels[TIMESTAMP] < SPLIT.rank_from) == early]
    fitting._require_both_sides(labels, SPLIT)
    with pytest.raises(SegueError, match=f"received {len(side) if early else 0} and {0 if early else len(side)}"):
        fitting._require_both_sides(side, SPLIT)


def test_without_the_refusal_the_week_of_old_tracks_would_end_in_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sentence stands before: no examples can be made of no listens."""
    none = first_listens(None, SPLIT.cutoff, rows=10, seed=1).iloc[:0]
    monkeypatch.setattr(fitting, "first_listens", lambda *_, **__: none)
    with pytest.raises((TypeError, ValueError)):
        train.run(as_of=AS_OF, hyper=TINY)
