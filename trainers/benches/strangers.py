"""Listeners as they would look to the platform after their first few plays.

There are too few real newcomers in a week to measure by. So some listeners are made strangers: their listens are taken out of
training, they get ids nobody has seen, and their features are built, by the same stages in a home of its own, from their last
n plays before the cutoff and nothing else. What they then discover is what they really discovered.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segue.errors import SegueError
from segue.events import TRACK_COLUMNS
from segue.home import Home, get_home
from segue.names import Source, Table
from segue.own_process import python_in
from trainers.examples import Examples
from trainers.gold import read_tracks
from trainers.inputs import USER_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_SHARES = {"complete": 1.0, "late_skip": 0.5}
_EARLY_MS = 5_000


def choose(listens: pd.DataFrame, asked: Sequence[str], cutoff: datetime, *, plays: int, most: int) -> list[str]:
    """At most `most` of the users `asked` who had `plays` plays or more in the week before `cutoff`, and at most a quarter of
    those asked, because somebody has to be left to learn from; spread over their ids."""
    week = listens[(listens["event_timestamp"] >= cutoff - timedelta(days=7)) & (listens["event_timestamp"] < cutoff)]
    counts = week["user_id"].value_counts()
    able = sorted(set(counts[counts >= plays].index) & set(asked))
    if not able:
        raise SegueError(
            expected=f"listeners with {plays} plays in the week before {cutoff:%Y-%m-%d} who discover something after it",
            received="none",
            mend="choose another as-of day",
        )
    return able[:: max(1, -(-len(able) // max(1, min(most, len(asked) // 4))))]


def without(examples: Examples, users: Sequence[str]) -> Examples:
    """`examples` without those of `users`."""
    stranger = examples.users["user_id"].isin(list(users)).to_numpy()
    keep = ~stranger[examples.user_row]
    names = ("user_row", "track_row", "device", "hour_of_day", "day_of_week", "weight", "skipped")
    return replace(examples, **{name: getattr(examples, name)[keep] for name in names})


def rows_after(listens: pd.DataFrame, users: Sequence[str], cutoff: datetime, plays: Sequence[int]) -> dict[int, pd.DataFrame]:
    """User rows (n, in the order of `users`) as known at `cutoff` after each number of `plays`, with an unknown moment.

    Raises:
        SegueError: a stage failed; the sentence is its own.
    """
    last = _last_plays(listens, users, cutoff, max(plays))
    root = get_home().tmp / "strangers"
    shutil.rmtree(root, ignore_errors=True)
    try:
        gold = _built(root, [last[last["turn"] < n].assign(user_id=_stranger(last["user_id"], n)) for n in plays if n])
        return {n: _rows(gold, listens, users, n) for n in plays}
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _last_plays(listens: pd.DataFrame, users: Sequence[str], cutoff: datetime, count: int) -> pd.DataFrame:
    """The newest `count` listens of each user before `cutoff`; `turn` is 0 for the newest."""
    before = listens[listens["user_id"].isin(list(users)) & (listens["event_timestamp"] < cutoff)]
    newest = before.sort_values(["event_timestamp", "listen_id"], ascending=False)
    newest = newest.assign(turn=newest.groupby("user_id").cumcount())
    return newest[newest["turn"] < count].sort_values(["event_timestamp", "listen_id"], ignore_index=True)


def _stranger(users: pd.Series[str], plays: int) -> pd.Series[str]:
    return users + f"~{plays}"


def _built(root: Path, histories: list[pd.DataFrame]) -> pd.DataFrame:
    """The last gold `user_features` of a home into which only `histories` were landed."""
    import pandas as pd

    folder, home = root / "files", Home(root / "home")
    folder.mkdir(parents=True)
    listens = pd.concat(histories, ignore_index=True)
    _events(listens).to_parquet(folder / "events.parquet", index=False)
    _catalogue(listens["track_id"]).to_parquet(folder / "tracks.parquet", index=False)
    last = listens["event_timestamp"].max().date()
    for stage in (["land", "--source", str(Source.EVENTS), "--path", str(folder)], ["features", "--as-of", last.isoformat()]):
        python_in(home.root, "-m", "segue", *stage)
    return pd.read_parquet(home.table(Table.USER_FEATURES) / f"day={last.isoformat()}")


def _events(listens: pd.DataFrame) -> pd.DataFrame:
    """Plays, and the saves they ended in, as a player would have told of them."""
    import pandas as pd

    length = listens["track_id"].map(read_tracks().set_index("track_id")["duration_ms"]).fillna(200_000.0)
    share = listens["outcome"].map(_SHARES)
    ms = (length * share).where(share.notna(), _EARLY_MS).where(listens["outcome"].notna())
    plays = listens[["user_id", "track_id", "device", "territory"]].assign(
        event_id=listens["user_id"] + "/" + listens["listen_id"],
        event_type="play",
        occurred_at=listens["event_timestamp"],
    )
    saved = listens["saved"].astype("boolean").fillna(False).astype(bool)
    saves = plays[saved].assign(event_id=plays["event_id"][saved] + "/save", event_type="save")
    return pd.concat([plays.assign(ms_played=ms.round().astype("Int64")), saves], ignore_index=True)


def _catalogue(track_ids: pd.Series[str]) -> pd.DataFrame:
    tracks = read_tracks()
    named = [name for name in TRACK_COLUMNS if name in tracks.columns]
    chosen = tracks.loc[tracks["track_id"].isin(track_ids.unique()), named]
    return chosen.assign(duration_ms=chosen["duration_ms"].round().astype("Int64"))


def _rows(gold: pd.DataFrame, listens: pd.DataFrame, users: Sequence[str], plays: int) -> pd.DataFrame:
    """After 0 plays only the account is known: its territory."""
    import pandas as pd

    ids: npt.NDArray[np.object_] = np.array([f"{user}~{plays}" for user in users], dtype=object)
    rows = gold.set_index("user_id").reindex(ids).rename_axis("user_id").reset_index()[list(USER_COLUMNS)]
    territory = listens.groupby("user_id")["territory"].last().reindex(list(users)).to_numpy(dtype=object)
    rows = rows.assign(territory=rows["territory"].where(rows["territory"].notna(), pd.Series(territory)))
    return rows.assign(device="", hour_of_day=-1, day_of_week=-1)
