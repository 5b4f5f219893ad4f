"""The commands about releases that train nothing: `segue releases` and `segue rollback`."""

from __future__ import annotations

from typing import Any

from segue.features import fingerprint, shared_store
from segue.live_release import point_back, read_pointer
from segue.names import MODEL_SERVICES
from segue.playlists import read_visible_week
from segue.release import (
    Manifest,
    check_fingerprint,
    evaluation_path,
    read_json,
    read_manifest,
    release_path,
    unreadable_versions,
    versions,
)
from segue.stage import Outcome, table

MEGABYTE = 1e6


def list_releases() -> Outcome:
    """Every sealed release, oldest first: what it was made from, whether it is live, its NDCG@30 where it was evaluated.
    Those whose manifest cannot be read come last, with the reason."""
    pointer = read_pointer()
    live = pointer.version if pointer else None
    rows = [_described(version, live) for version in versions()]
    broken = unreadable_versions()
    rows += [_unreadable(version, live, str(problem)) for version, problem in broken.items()]
    if not rows:
        return Outcome({"releases": [], "live": None}, "no release yet: make one with `segue train --as-of D`")
    headers = ["version", "as of", "created", "live", "NDCG@30", "MB"]
    text = "\n\n".join([table(headers, [_cells(row) for row in rows]), *map(str, broken.values())])
    return Outcome({"releases": rows, "live": live}, text)


def rollback() -> Outcome:
    """Make the release before the live one live again.

    Raises:
        SegueError: there is none, its files are not what its manifest says, or it was trained on other feature views.
    """
    left = read_pointer()
    pointer = point_back(check_features)
    before, hint = left.version if left else None, week_hint(pointer.version)
    lines = [f"{pointer.version} is live again, instead of {before}", *([hint] if hint else [])]
    return Outcome({"live": pointer.version, "left": before, "hint": hint}, "\n".join(lines))


def check_features(manifest: Manifest) -> None:
    """Refuse a release that was trained on other feature views than the feature store serves now: nothing could load it.

    Raises:
        SegueError: they differ, or nothing is served.
    """
    check_fingerprint(manifest, fingerprint(shared_store(), MODEL_SERVICES))


def week_hint(live: str) -> str | None:
    """What to do when another release than `live` made the lists of the visible week: they stay until it is made again."""
    visible = read_visible_week()
    if visible is None or visible.release == live:
        return None
    return f"the week of {visible.week} still shows lists by {visible.release}: run `segue playlists --week {visible.week}`"


def _described(version: str, live: str | None) -> dict[str, Any]:
    manifest = read_manifest(release_path(version))
    return {
        "version": version,
        "as_of": manifest.as_of.isoformat(),
        "created_at": f"{manifest.created_at:%Y-%m-%d %H:%M}",
        "live": version == live,
        "ndcg": _ndcg(version),
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
        "unreadable": None,
    }


def _unreadable(version: str, live: str | None, reason: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("as_of", "created_at", "ndcg", "bytes"))
    return {"version": version, **unknown, "live": version == live, "unreadable": reason}


def _cells(row: dict[str, Any]) -> list[Any]:
    size = None if row["unreadable"] else f"{row['bytes'] / MEGABYTE:.1f}"
    live = "live" if row["live"] else ""
    return [row["version"], row["as_of"] or "unreadable", row["created_at"], live, row["ndcg"], size]


def _ndcg(version: str) -> float | None:
    """NDCG@30 of the funnel in the table `segue evaluate` stored, None before that."""
    stored = read_json(evaluation_path(version)) or {"models": []}
    return next((float(row["ndcg"]) for row in stored["models"] if row["model"] == "funnel"), None)
