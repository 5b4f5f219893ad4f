"""The week that follows, by one release, in two homes: all that `segue playlists` leaves, to compare it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from landed_by_hand import AS_OF

from segue.dates import week_after
from segue.features import playlist_row
from segue.home import get_home
from segue.live_release import point_to
from segue.playlists import audit_path, read_visible_week
from serving.weekly import command as weekly
from trainers import train
from trainers.hyperparameters import Hyperparameters
from trainers.ranker.ranking import RankerConfig
from trainers.retriever.config import RetrieverConfig
from trainers.sessions.config import SessionConfig

WEEK = week_after(AS_OF)
_SMALL = Hyperparameters(
    retriever=RetrieverConfig(dimensions=16, hidden=16),
    ranker=RankerConfig(kind="network", candidates=40, hidden=16, taste=4, lists=8, epochs=1),
    sessions=SessionConfig(passes=0),
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Week:
    """The staged file, its rows, every list in the store by user, the log, the audit, and what the run said."""

    staged: bytes
    rows: list[Row]
    stored: dict[str, Row | None]
    log: bytes
    audit: bytes
    said: Row


def live_release() -> None:
    point_to(train.run(as_of=AS_OF, hyper=_SMALL).summary["version"])


def make_week(engine: str, kept: Path) -> Week:
    """`segue playlists` in the present home; a copy of the staged file, which a run takes away, goes to `kept`."""
    import pyarrow.parquet as pq

    publish = weekly.publish

    def keeping(made: Any, *others: Any, **more: Any) -> Any:
        shutil.copy(made.staged, kept)
        return publish(made, *others, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weekly, "publish", keeping)
        said = weekly.run(week=WEEK, engine=engine).summary
    visible, rows = read_visible_week(), pq.read_table(kept).to_pylist()
    assert visible is not None
    return Week(
        staged=kept.read_bytes(),
        rows=rows,
        stored={row["user_id"]: playlist_row(row["user_id"], visible.key) for row in rows},
        log=(get_home().predictions / f"day={WEEK}" / f"weekly-{visible.release}.jsonl").read_bytes(),
        audit=audit_path(WEEK).read_bytes(),
        said={name: value for name, value in said.items() if name not in ("seconds", "playlists_per_second")},
    )


def week_differences(expected: Sequence[Row], found: Sequence[Row]) -> list[str]:
    """What differs between staged playlists, a line for each listener and what they got; exactly, to the bit of a float."""
    ours, theirs = ({row["user_id"]: row for row in rows} for rows in (expected, found))
    lines = [f"{user}: in one week only" for user in sorted(ours.keys() ^ theirs.keys())]
    for user in sorted(ours.keys() & theirs.keys()):
        lines += [f"{user}: {name}" for name in ours[user] if json.dumps(ours[user][name]) != json.dumps(theirs[user][name])]
    return lines
