"""What the weekly batch reads of its listeners: their features as of the week, and no join for anything else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from serving_platform import Platform

from segue import features
from segue.dates import start_of
from segue.features import shared_store, training_frame, views_of
from segue.names import Service
from serving.people import week_columns


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
