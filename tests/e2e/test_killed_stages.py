"""Every stage can be killed at any moment and run again, with the result of an undisturbed run.

A second loop runs beside the undisturbed one. Each of its stages is killed with SIGKILL twice, early and late in its
work, and then run to its end; what it left must be what the undisturbed stage left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from loop import AS_OF, STAGES, WEEK, Loop, moments

from infra import mailbox
from segue.home import Home
from segue.names import TRACK_VECTORS, Service, Table

pytestmark = pytest.mark.e2e
LookAt = Callable[[Path], Home]


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    root = tmp_path_factory.mktemp("disturbed")
    with mailbox.running(root / "mail") as port:
        yield Loop(root / "home", smtp_port=port)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_twice_and_run_again_leaves_what_an_undisturbed_run_leaves(
    stage: str, undisturbed: Loop, disturbed: Loop, in_home: LookAt
) -> None:
    killed = [disturbed.kill_at(stage, line, then) for line, then in moments(undisturbed.progress[stage], 0.3, 0.7)]
    assert all(killed), f"a kill came after the end, so that nothing was tested: {killed}"
    disturbed.run(stage)
    expected = LEFT_BY[stage](in_home(undisturbed.home))
    assert expected, "the undisturbed stage left nothing to compare"
    assert LEFT_BY[stage](in_home(disturbed.home)) == expected


def test_a_killed_stage_that_is_not_run_again_is_noticed(undisturbed: Loop, in_home: LookAt, tmp_path: Path) -> None:
    half = Loop(tmp_path / "home", smtp_port=undisturbed.smtp_port)
    assert half.kill_at("world", *moments(undisturbed.progress["world"], 0.5)[0])
    assert _landing(in_home(half.home)) != _landing(in_home(undisturbed.home))


def _landing(home: Home) -> dict[str, str]:
    files = [path for path in home.landing.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(home.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _tables(home: Home) -> dict[str, Any]:
    from segue.features import online_rows

    left: dict[str, Any] = {}
    for table in Table:
        rows = duckdb.read_parquet(f"{home.table(table)}/**/*.parquet").fetchall()
        left[table] = hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()
    left["online"] = repr(online_rows(Service.RETRIEVER, _users(home)))
    return left


def _users(home: Home) -> list[str]:
    return sorted(
        user for (user,) in duckdb.read_parquet(f"{home.table(Table.USERS)}/**/*.parquet").project("user_id").fetchall()
    )


def _snapshots(home: Home) -> dict[str, str]:
    files = sorted((home.features / TRACK_VECTORS).glob("day=*/*"))
    return {str(path.relative_to(home.features)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _release(home: Home) -> dict[str, Any]:
    from segue import release

    left: dict[str, Any] = {}
    for version in release.versions():
        release.verify(version)
        vectors = np.load(release.release_path(version) / "vectors.npy", allow_pickle=False)
        left[version] = [vectors.shape, np.round(vectors.astype(float), 4).tolist()]
    kept = {path.name for path in release.release_path("any").parent.iterdir() if path.is_dir()}
    assert kept == set(left), "a half release is in the model store"
    return left


def _evaluation(home: Home) -> dict[str, Any]:
    files = sorted((home.releases / "evaluations").glob("*.json"))
    return {path.name: _without_times(json.loads(path.read_bytes())) for path in files}


def _pointer(home: Home) -> str | None:
    from segue import live_release

    pointer = live_release.read_pointer()
    return pointer.version if pointer else None


def _playlists(home: Home) -> dict[str, Any]:
    from segue.features import playlist_row
    from segue.playlists import read_visible_week

    visible = read_visible_week()
    assert visible is not None
    assert visible.week.isoformat() == WEEK
    return {user: repr(playlist_row(user, visible.key)) for user in _users(home)}


def _report(home: Home) -> dict[str, Any]:
    summary = json.loads((home.reports / f"day={AS_OF}" / "summary.json").read_bytes())
    assert summary["verdict"] != "alarm", f"a loop that went well is no alarm: {summary['reason']}"
    mails = mailbox.messages(home.root.parent / "mail")
    said = [finding for finding in summary["findings"] if finding["unit"] != "ms"]  # milliseconds are the machine's
    return {"verdict": summary["verdict"], "findings": said, "subjects": [mail["Subject"] for mail in mails]}


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if "seconds" not in k and not k.endswith("_at")}
    if isinstance(value, list):
        return [_without_times(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


LEFT_BY: dict[str, Callable[[Home], Any]] = {
    "world": _landing,
    "features": _tables,
    "embed": _snapshots,
    "train": _release,
    "evaluate": _evaluation,
    "promote": _pointer,
    "playlists": _playlists,
    "monitor": _report,
}
