"""The commands about releases that train nothing: `segue releases` and `segue rollback`."""

from __future__ import annotations

from typing import Any

from segue.release import evaluation_path, point_back, read_json, read_manifest, read_pointer, release_path, versions
from segue.stage import Outcome, table

MEGABYTE = 1e6


def list_releases() -> Outcome:
    """Every sealed release, oldest first: what it was made from, whether it is live, its NDCG@30 where it was evaluated."""
    pointer = read_pointer()
    live = pointer.version if pointer else None
    rows = [_described(version, live) for version in versions()]
    if not rows:
        return Outcome({"releases": [], "live": None}, "no release yet: make one with `segue train --as-of D`")
    headers = ["version", "as of", "created", "live", "NDCG@30", "MB"]
    cells = [
        [r["version"], r["as_of"], r["created_at"], "live" if r["live"] else "", r["ndcg"], f"{r['bytes'] / MEGABYTE:.1f}"]
        for r in rows
    ]
    return Outcome({"releases": rows, "live": live}, table(headers, cells))


def rollback() -> Outcome:
    """Make the release before the live one live again.

    Raises:
        SegueError: there is none, or its files are not what its manifest says.
    """
    left = read_pointer()
    pointer = point_back()
    before = left.version if left else None
    return Outcome({"live": pointer.version, "left": before}, f"{pointer.version} is live again, instead of {before}")


def _described(version: str, live: str | None) -> dict[str, Any]:
    manifest = read_manifest(release_path(version))
    return {
        "version": version,
        "as_of": manifest.as_of.isoformat(),
        "created_at": f"{manifest.created_at:%Y-%m-%d %H:%M}",
        "live": version == live,
        "ndcg": _ndcg(version),
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
    }


def _ndcg(version: str) -> float | None:
    """NDCG@30 of the funnel in the table `segue evaluate` stored, None before that."""
    stored = read_json(evaluation_path(version)) or {"models": []}
    return next((float(row["ndcg"]) for row in stored["models"] if row["model"] == "funnel"), None)
