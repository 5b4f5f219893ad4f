"""The four kinds of bots differ in what they do, so that finding one is not finding all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from infra.world.bots import KINDS, kinds_of
from infra.world.parameters import WorldParameters
from infra.world.simulation import make_world

DAYS = 4


@pytest.fixture(scope="module")
def doings() -> pd.DataFrame:
    """What each bot did in four days: its kind, and plays, tracks, skips and hours."""
    usual = WorldParameters()
    parameters = replace(
        usual, listeners=replace(usual.listeners, bot_share=0.2), bots=replace(usual.bots, idle_days=0.0)
    )  # fmt: skip
    world = make_world(start=date(2026, 9, 21), days=DAYS, users=100, tracks=1_000, seed=6, parameters=parameters)
    kinds = kinds_of(world.listeners.population.bot)
    days = [
        pd.DataFrame({"user": p.user, "track": p.track, "ms": p.ms_played, "hour": p.starts_at // 3_600_000_000 % 24})
        for _, _, p in world.run()
    ]
    plays = pd.concat(days)
    plays = plays[kinds[plays.user] >= 0].assign(
        kind=lambda rows: np.array(KINDS)[kinds[rows.user]], cut=lambda r: r.ms < 30_000
    )
    by = plays.groupby(["kind", "user"])
    return by.agg(plays=("ms", "size"), tracks=("track", "nunique"), cuts=("cut", "sum"), hours=("hour", "nunique"))


def test_every_kind_is_there(doings: pd.DataFrame) -> None:
    assert doings.groupby("kind").size().to_dict() == dict.fromkeys(KINDS, 4)


def test_only_the_fast_are_awake_at_all_hours(doings: pd.DataFrame) -> None:
    assert doings.loc["fast"].hours.min() == 24
    assert doings.drop("fast").hours.max() < 14


def test_one_track_is_one_track_and_the_slow_hide_among_many_and_skip(doings: pd.DataFrame) -> None:
    assert set(doings.loc["one_track"].tracks) == {1}
    assert doings.loc["slow"].tracks.min() > 30
    assert doings.loc["slow"].cuts.min() > 0


def test_the_accounts_of_a_cluster_play_no_more_than_people_do(doings: pd.DataFrame) -> None:
    assert doings.loc["cluster"].plays.max() < 30 * DAYS
