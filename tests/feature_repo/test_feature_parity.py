"""What training would read and what the service reads are the same values; a broken feature is seen."""

from __future__ import annotations

import math
from pathlib import Path

from feature_readings import LEFT, change_column, changed_repo, day_file, offline, online
from gold_listens import user_id
from gold_tables import AS_OF, Gold, write_gold

from infra.mart.feast_apply import apply, apply_and_materialise
from segue.features import REGISTRY, online_rows
from segue.home import Home
from segue.names import Service, Table
from segue.parity import differences


def test_every_user_feature_is_the_same_offline_and_online(served: tuple[Home, Gold]) -> None:
    users = [*served[1].user_group, "nobody"]
    for service in (Service.RETRIEVER, Service.POLICY):
        read = offline(service, "user_id", users, AS_OF)
        assert differences(read, online_rows(service, users)) == []
        assert any(value is not None for value in read["territory"])


def test_every_track_feature_is_the_same_offline_and_online(served: tuple[Home, Gold]) -> None:
    tracks = [*served[1].track_group, "no-such-track"]
    read = offline(Service.RETRIEVER, "track_id", tracks, AS_OF)
    assert differences(read, online(Service.RETRIEVER, "track_id", tracks)) == []
    assert sum(value is not None and not math.isnan(value) for value in read["track_plays_30d"]) == len(tracks) - 1


def test_a_user_gone_for_weeks_has_their_closing_row_on_both_sides(served: tuple[Home, Gold]) -> None:
    read, row = offline(Service.RETRIEVER, "user_id", [user_id(LEFT)], AS_OF), online_rows(Service.RETRIEVER, [user_id(LEFT)])
    assert row["plays_30d"] == [0]
    assert row["early_skip_rate_30d"] == [None]
    assert differences(read, row) == []


def test_a_column_changed_after_materialising_goes_red(home: Home) -> None:
    gold = write_gold(home, users=6, tracks=24, days=2)
    apply_and_materialise(AS_OF)
    users = list(gold.user_group)
    change_column(day_file(home, Table.USER_FEATURES, AS_OF), "plays_7d", lambda values: [values[0] + 1, *values[1:]])
    found = differences(offline(Service.RETRIEVER, "user_id", users, AS_OF), online_rows(Service.RETRIEVER, users))
    assert [(d.feature, d.row) for d in found] == [("plays_7d", 0)]


def test_one_element_of_one_list_that_differs_goes_red(home: Home) -> None:
    gold = write_gold(home, users=6, tracks=24, days=2)
    apply_and_materialise(AS_OF)
    users = list(gold.user_group)
    swapped = lambda values: [values[0], [*values[1][::-1]], *values[2:]]  # noqa: E731
    change_column(day_file(home, Table.USER_FEATURES, AS_OF), "recent_tracks", swapped)
    found = differences(offline(Service.RETRIEVER, "user_id", users, AS_OF), online_rows(Service.RETRIEVER, users))
    assert [(d.feature, d.row) for d in found] == [("recent_tracks", 1)]


def test_a_view_that_reads_another_column_than_was_materialised_goes_red(home: Home, tmp_path: Path) -> None:
    gold = write_gold(home, users=6, tracks=24, days=9)
    apply_and_materialise(AS_OF)
    tracks = list(gold.track_group)
    swapped = '{**SHARED_NAMES, "plays_7d": "track_plays_30d", "plays_30d": "track_plays_7d"}'
    apply(
        home.feast / REGISTRY,
        changed_repo(
            tmp_path / "repo", "_gold(Table.TRACK_FEATURES, SHARED_NAMES)", f"_gold(Table.TRACK_FEATURES, {swapped})"
        ),
    )
    found = differences(offline(Service.RETRIEVER, "track_id", tracks, AS_OF), online(Service.RETRIEVER, "track_id", tracks))
    assert {d.feature for d in found} == {"track_plays_7d", "track_plays_30d"}
