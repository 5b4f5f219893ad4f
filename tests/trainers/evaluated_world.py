"""Three releases on the checkerboard that know the answer, know part of it, or rank it upside down, for the tests of
`segue evaluate`; import `world` and the `gold` it asks for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from gold_listens import GENRES
from gold_tables import write_gold
from sealed_releases import FINGERPRINT, seal

from segue.home import Home, get_home
from segue.names import Table
from segue.release import evaluation_path
from trainers import examples, loading
from trainers.evaluation import evaluate, heldout, list_metrics, scoreboard
from trainers.examples import Catalogue
from trainers.loading import Ranked


class Knows:
    """A release whose towers point at the group of the user (even or odd number) and of the track, `share` of the time;
    its ranker puts the tracks it retrieved first last when `upside_down`."""

    def __init__(self, share: float = 1.0, *, upside_down: bool = False) -> None:
        self.share, self.upside_down = share, upside_down

    def query(self, users: dict[str, pd.Series]) -> np.ndarray:
        groups = users["user_id"].str[1:].astype(int).to_numpy() % 2
        told = np.where(np.arange(len(groups)) < self.share * len(groups), groups, 1 - groups)
        return np.eye(2, dtype=np.float32)[told]

    def track_vectors(self, tracks: dict[str, pd.Series]) -> np.ndarray:
        return np.eye(2, dtype=np.float32)[(tracks["genre"] == GENRES[1]).astype(int)]

    def rank(self, *about: object) -> Ranked:
        scores = np.asarray(about[-1])
        return Ranked(-scores if self.upside_down else scores, np.zeros((*scores.shape, 3), np.float32))


RELEASES = {
    "good": Knows(),
    "live": Knows(0.75),
    "bad-ranker": Knows(upside_down=True),
}


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Home:
    written = Home(tmp_path_factory.mktemp("gold"))
    write_gold(written)
    return written


@pytest.fixture
def world(home: Home, gold: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Gold tables and three sealed releases; features are read from the tables without the feature store."""
    home.root.mkdir()
    home.features.symlink_to(gold.features)
    for version in RELEASES:
        seal(version)
    monkeypatch.setattr(loading, "load", RELEASES.__getitem__)
    monkeypatch.setattr(heldout, "catalogue_at", catalogue_of)
    monkeypatch.setattr(examples, "training_frame", lambda _, rows, **_kw: rows.assign(**dict.fromkeys(examples.SOURCED)))
    monkeypatch.setattr(heldout, "users_at", lambda ids, _: pd.DataFrame({"user_id": list(ids)}))
    monkeypatch.setattr(evaluate, "fingerprint", Mock(return_value=FINGERPRINT))
    monkeypatch.setattr(evaluate, "shared_store", Mock())
    monkeypatch.setattr(evaluate, "chart", Mock(return_value=b"a picture"))
    monkeypatch.setattr(scoreboard, "popularity_bias", _popularity_bias)
    return home


def _popularity_bias(lists: np.ndarray, listeners: np.ndarray) -> tuple[float, float]:
    """What Evidently finds, as test_list_metrics shows, without the seconds it takes to be imported."""
    exposure = np.bincount(lists[lists >= 0], minlength=len(listeners)).astype(float)
    return float(np.nanmean(list_metrics.popularity(lists, listeners))), float(list_metrics.gini(exposure))


def catalogue_of(instant: datetime) -> Catalogue:
    """The tracks of the gold tables as of the day that ends at `instant`."""
    day = (instant - timedelta(days=1)).date()
    frame = pd.read_parquet(get_home().table(Table.TRACK_FEATURES) / f"day={day}" / "data.parquet")
    frame = frame.drop(columns="event_timestamp")
    return Catalogue(frame, ("DE", "SE"), np.zeros((3, len(frame), 2), np.float32))


def models_of(version: str) -> dict[str, dict[str, float]]:
    """The rows of its evaluation, by model."""
    return {row["model"]: row for row in json.loads(evaluation_path(version).read_bytes())["models"]}
