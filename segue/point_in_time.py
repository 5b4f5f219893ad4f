"""Feast's point-in-time join, asked so that it stays small: one view, distinct entities, one snapshot for each of them.

Views have no time to live (a user back after months gets their closing row), and then Feast's DuckDB join pairs every row
with every older snapshot of its entity before it keeps the newest: 92,000 pairs of user and day over 56 snapshots took 17 s
and 4.2 GB. Nearly every answer is the snapshot of that very midnight, so the join is asked with a validity of one day (2 s,
0.7 GB). What found nothing there is asked again as of the midnight of its last row, which the key columns alone tell; what has
no row at all is not asked again. A view that has no snapshot of some days is asked for its last one at or before, which is
what the join would find.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.dates import end_of
from segue.feature_store import stored_view
from segue.parquet_source import read_here

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore
    from feast.feature_view import FeatureView

TIMESTAMP = "event_timestamp"

OPTIONAL = "optional"
"""Tag of a view whose files need not be there: then all it has is null."""

_ROW = "segue_row"
_ONE_SNAPSHOT = timedelta(days=1) - timedelta(microseconds=1)


def as_known_at(store: FeatureStore, view_name: str, features: Sequence[str], wanted: pd.DataFrame) -> pd.DataFrame:
    """The features of a view for every row (n) of `wanted`: the newest snapshot at or before the row's timestamp.

    Args:
        store: an open feature store.
        view_name: a stored view; its snapshots fall on midnight UTC.
        features: names of the view's features.
        wanted: the view's join keys and `event_timestamp`, a midnight UTC.

    Returns:
        One column per feature (n), in the order and with the index of `wanted`.
    """
    import pandas as pd

    folder, columns = _folder_of(store, view_name), list(wanted.columns)
    if not any(folder.glob("*/*.parquet")) and OPTIONAL in _view(store, view_name).tags:
        return pd.DataFrame(None, index=wanted.index, columns=list(features), dtype=object)
    wanted = wanted.assign(**{TIMESTAMP: _last_snapshots(folder, wanted[TIMESTAMP])})
    codes = wanted.groupby(columns, sort=False, dropna=False).ngroup().to_numpy()
    entities = wanted.drop_duplicates(ignore_index=True)  # in order of first appearance, as the codes count
    entities = entities.assign(**{_ROW: range(len(entities))})
    day = _one_day(folder, entities[TIMESTAMP])
    found = _ask(store, view_name, features, entities, part=day)
    unanswered = found[list(features)].isna().all(axis=1).to_numpy()
    if unanswered.any():
        earlier = _as_of_their_last(folder, entities[unanswered])
        parts = [some for _, some in earlier.groupby(TIMESTAMP)] if day else [earlier]
        again = [_ask(store, view_name, features, some, part=_one_day(folder, some[TIMESTAMP])) for some in parts if len(some)]
        found = _filled(found[~found[_ROW].isin(earlier[_ROW])], again)
    return found[list(features)].iloc[codes].set_axis(wanted.index)


def _view(store: FeatureStore, name: str) -> FeatureView:
    view = stored_view(store, name)
    if view is None:
        raise ValueError(f"{name} is not a stored view")
    return view


def _folder_of(store: FeatureStore, view_name: str) -> Path:
    return Path(_view(store, view_name).batch_source.path)


def _last_snapshots(folder: Path, midnights: pd.Series[Any]) -> pd.Series[Any]:
    """Each of `midnights` (n), or the last one before it at which the view behind `folder` has a snapshot; a midnight before
    the first stays, and so do all where the view is no folder of days."""
    import pandas as pd

    days = sorted(path.name.removeprefix("day=") for path in folder.glob("day=*"))
    if not days:
        return midnights
    ends = pd.DatetimeIndex([end_of(date.fromisoformat(day)) for day in days]).as_unit("us")
    place = ends.searchsorted(pd.DatetimeIndex(midnights), side="right") - 1
    return midnights.where(pd.Series(place < 0, index=midnights.index), pd.Series(ends[place], index=midnights.index))


def _one_day(folder: Path, midnights: pd.Series[Any]) -> Path | None:
    """The folder of the one snapshot that all of `midnights` (n) fall on, None where they fall on several or on none. The join
    reads every file of its source, whatever its validity, and a week is made in many questions about one day."""
    if midnights.nunique() != 1:
        return None
    day = folder / f"day={(midnights.iloc[0] - timedelta(days=1)).date()}"
    return day if day.is_dir() else None


def _as_of_their_last(folder: Path, entities: pd.DataFrame) -> pd.DataFrame:
    """Those of `entities` (n) whose last row is older than the midnight they were asked at, as of that row's, by row number.
    Reads the key columns of the files in `folder` and no feature."""
    import duckdb

    keys = [name for name in entities.columns if name not in (TIMESTAMP, _ROW)]
    same = " and ".join(f'stored."{key}" = asked."{key}"' for key in keys)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("asked", entities)
        last = connection.execute(
            f"""select asked.{_ROW}, max(stored.{TIMESTAMP}) as last from read_parquet(?) as stored
            inner join asked on {same} and stored.{TIMESTAMP} <= asked.{TIMESTAMP} group by all""",  # noqa: S608 - our own names
            [str(folder)],
        ).df()
    older = entities.merge(last, on=_ROW)
    older = older[older["last"] < older[TIMESTAMP]]  # else it has its row, and that says nothing
    return older.assign(**{TIMESTAMP: older.pop("last").astype(entities[TIMESTAMP].dtype)})


def _ask(
    store: FeatureStore, view_name: str, features: Sequence[str], entities: pd.DataFrame, *, part: Path | None
) -> pd.DataFrame:
    """Feast's own join for one view whose rows count for a day; the features and the row number, by row number. Only the
    files in `part` are read, if it is given."""
    view = copy.copy(_view(store, view_name))
    view.ttl, view.batch_source = _ONE_SNAPSHOT, read_here(view.batch_source, part)
    refs = [f"{view_name}:{feature}" for feature in features]
    job = store.provider.get_historical_features(
        store.config, [view], refs, entities.reset_index(drop=True), store.registry, store.project, full_feature_names=False
    )
    return job.to_df().sort_values(_ROW, ignore_index=True)[[*features, _ROW]]


def _filled(answered: pd.DataFrame, again: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All answers as one, by row number."""
    import pandas as pd

    return pd.concat([some for some in (answered, *again) if len(some)]).sort_values(_ROW, ignore_index=True)
