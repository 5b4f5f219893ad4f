"""What the weekly batch reads of its listeners: their features as of the week, and no join for anything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pytest
from serving_platform import Platform

from segue import features
from segue.dates import as_of_for_week, start_of
from segue.features import shared_store, training_frame, views_of
from segue.names import Service
from serving.funnel.funnel import Funnel
from serving.funnel.people import week_columns
from serving.tracks.gold_catalogue import load_catalogue
from serving.weekly import batch
from serving.weekly import command as weekly


def test_a_week_asks_for_views_of_listeners_alone_and_gets_what_the_whole_service_says_of_them(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, asked, join = [*list(platform.gold.user_group)[:5], *platform.gold.new_users], list[str](), features.as_known_at

    def noting(store: Any, view: str, names: Any, wanted: Any) -> Any:
        asked.append(view)
        return join(store, view, names, wanted)

    monkeypatch.setattr(features, "as_known_at", noting)
    columns = week_columns(users, platform.week)
    mine = views_of(shared_store(), Service.RETRIEVER)[("user_id",)]
    own = {ref.partition(":")[0] for ref in mine}
    assert set(asked) == own

    at = pd.Series(pd.Timestamp(start_of(platform.week)), index=range(len(users))).astype("datetime64[us, UTC]")
    whole = training_frame(Service.RETRIEVER, pd.DataFrame({"user_id": users, "track_id": "", "event_timestamp": at}))
    assert set(asked) > own, "the twin: the whole service has views of tracks too"
    for name in (ref.partition(":")[2] for ref in mine):
        for got, known in zip(columns[name], whole[name], strict=True):
            assert repr(got) == repr(known) or got == known or (got != got and known != known), name


def test_features_are_joined_for_several_blocks_at_once_and_each_list_is_what_it_is_with_a_join_for_every_block(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    funnel = Funnel(weekly.load_model(platform.version), load_catalogue(as_of_for_week(platform.week)))
    users, asked = weekly._known_users(platform.week), list[int]()

    def reading(read: Any) -> Any:
        def noting(some: Sequence[str], week: date) -> Any:
            asked.append(len(some))
            return read(some, week)

        return noting

    def made(together: int, read: Any = week_columns) -> str:
        asked.clear()
        monkeypatch.setattr(batch, "READ", together)
        monkeypatch.setattr(batch, "week_columns", reading(read))
        return json.dumps([row for rows in batch.week_rows(funnel, users, platform.week) for row in rows])

    monkeypatch.setattr(batch, "BLOCK", 8)
    one_by_one = made(8)
    assert asked[:2] == [8, 8]
    assert made(24) == one_by_one
    assert asked == [min(24, len(users) - first) for first in range(0, len(users), 24)]
    assert json.loads(one_by_one)[-1]["user_id"] == users[-1]
    turned = made(24, lambda some, week: {name: values[::-1] for name, values in week_columns(some, week).items()})
    assert turned != one_by_one, "the twin: another listener's features make another list"
