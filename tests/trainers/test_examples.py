"""Examples know what was known before the day of the listen, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gold_listens import user_id
from gold_tables import AS_OF
from trained_home import SPLIT, Board, checkerboard_home

from segue.dates import end_of
from segue.errors import SegueError
from segue.features import TIMESTAMP, training_frame
from segue.names import Service
from trainers import examples as examples_module
from trainers.examples import Examples, catalogue_at, make_examples, users_at, with_new_releases
from trainers.first_listens import first_listens
from trainers.gold import label_files, read_labels

__all__ = ["checkerboard_home"]
pytestmark = pytest.mark.usefixtures("checkerboard_home")


@pytest.fixture(scope="module")
def listens(checkerboard_home: Board) -> pd.DataFrame:
    return first_listens(None, SPLIT.rank_from, rows=10_000, seed=1)


@pytest.fixture(scope="module")
def examples(listens: pd.DataFrame) -> Examples:
    return make_examples(listens, seed=1)


def test_only_first_listens_before_the_end_are_taken(listens: pd.DataFrame) -> None:
    assert listens["first_listen"].all()
    assert (listens[TIMESTAMP] < SPLIT.rank_from).all()
    assert listens[TIMESTAMP].is_monotonic_increasing


def test_a_sample_is_the_same_for_the_same_seed_and_favours_the_new(listens: pd.DataFrame) -> None:
    sample, again, other = (first_listens(None, SPLIT.rank_from, rows=300, seed=seed) for seed in (1, 1, 2))
    assert sample[TIMESTAMP].tolist() == again[TIMESTAMP].tolist()
    assert sample[TIMESTAMP].tolist() != other[TIMESTAMP].tolist()
    assert sample[TIMESTAMP].mean() > listens[TIMESTAMP].mean()


def test_a_track_is_never_among_the_recent_tracks_of_its_own_example(listens: pd.DataFrame, examples: Examples) -> None:
    recent = examples.users["recent_tracks"].to_numpy()
    seen = [r for r, t in zip(recent[examples.user_row], listens["track_id"], strict=True) if np.ndim(r) and t in list(r)]
    assert not seen


def test_rows_point_at_the_user_and_the_track_of_each_listen(listens: pd.DataFrame, examples: Examples) -> None:
    assert (examples.users["user_id"].to_numpy()[examples.user_row] == listens["user_id"].to_numpy()).all()
    assert (examples.tracks["track_id"].to_numpy()[examples.track_row] == listens["track_id"].to_numpy()).all()
    assert (examples.hour_of_day == listens[TIMESTAMP].dt.hour).all()
    assert (examples.day_of_week == listens[TIMESTAMP].dt.weekday).all()


def test_an_early_skip_weighs_nothing_and_is_marked(listens: pd.DataFrame, examples: Examples) -> None:
    assert (examples.skipped == (listens["outcome"] == "early_skip")).all()
    assert (examples.weight[examples.skipped] == 0).all()
    assert (examples.weight[~examples.skipped] > 0).all()


def test_a_track_without_a_snapshot_has_its_facts_and_no_history(listens: pd.DataFrame, examples: Examples) -> None:
    first_day = (listens[TIMESTAMP].dt.date == listens[TIMESTAMP].dt.date.min()).to_numpy()
    tracks = examples.tracks.iloc[examples.track_row[first_day]]
    assert tracks["artist_id"].notna().all()
    assert tracks["tempo"].notna().all()
    assert tracks["track_plays_30d"].isna().all()


def test_further_negatives_were_out_when_the_listen_beside_them_happened(examples: Examples) -> None:
    drawn = examples.tracks.iloc[examples.random_rows]
    assert len(drawn) == round(len(examples) * 0.25)
    assert drawn["track_id"].max() < "t00116"  # the last four come out in the week of the as-of day


def test_a_single_listen_has_a_negative_drawn_beside_it(listens: pd.DataFrame) -> None:
    assert len(make_examples(listens.iloc[:1], seed=1).random_rows) == 1


def test_the_catalogue_of_an_earlier_day_has_no_later_track() -> None:
    before, after = catalogue_at(SPLIT.cutoff), catalogue_at(end_of(AS_OF))
    assert len(after.frame) - len(before.frame) == 4
    assert before.popularity.shape == (3, len(before.frame), 2)
    assert np.isnan(before.popularity[-1]).all()
    assert np.nanmax(before.popularity[:-1, :, 0]) > 1
    with pytest.raises(SegueError, match="later as-of day"):
        catalogue_at(SPLIT.cutoff - timedelta(days=9_000))


def test_popularity_is_the_same_however_many_territories_are_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, asked = catalogue_at(SPLIT.cutoff), []

    def noting(service: Service, rows: pd.DataFrame, **others: Any) -> pd.DataFrame:
        asked.append(len(rows))
        return training_frame(service, rows, **others)

    monkeypatch.setattr(examples_module, "training_frame", noting)
    monkeypatch.setattr(examples_module, "ROWS_ASKED_AT_ONCE", len(whole.frame))
    parts = catalogue_at(SPLIT.cutoff)
    assert max(asked) == len(whole.frame)
    np.testing.assert_array_equal(parts.popularity, whole.popularity)


def test_releases_of_a_window_join_the_catalogue_with_facts_alone() -> None:
    later = catalogue_at(end_of(AS_OF))
    joined = with_new_releases(catalogue_at(SPLIT.cutoff), later, SPLIT.cutoff, SPLIT.end)
    new = joined.frame.iloc[-4:]
    assert len(joined.frame) == len(later.frame)
    assert new["genre"].notna().all()
    assert new["age_days"].isna().all()
    assert np.isnan(joined.popularity[:, -4:]).all()


def test_users_come_back_in_the_order_asked_and_a_stranger_is_all_null() -> None:
    users = users_at([user_id(3), "nobody", user_id(1)], SPLIT.cutoff)
    assert users["user_id"].tolist() == [user_id(3), "nobody", user_id(1)]
    assert users["plays_30d"].notna().tolist() == [True, False, True]
    assert [len(users["recent_outcomes"][n]) == len(users["recent_tracks"][n]) > 0 for n in (0, 2)] == [True, True]
    assert set(users["hour_of_day"]) == {-1}


def test_labels_of_a_window_without_any_are_refused_with_the_way_out() -> None:
    assert len(read_labels(SPLIT.cutoff, SPLIT.end)) > 0
    with pytest.raises(SegueError, match="segue features"):
        label_files(SPLIT.end, SPLIT.end + timedelta(days=7))
