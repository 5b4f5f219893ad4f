"""What is stored in a home, one row per thing, from its files alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.mailbox import count
from infra.status.row import Row
from infra.status.sizes import size
from segue.features import materialised_through
from segue.home import get_home
from segue.live_release import read_pointer
from segue.names import Table
from segue.playlists import PLAYLIST_LENGTH, audit_path, read_visible_week
from segue.release import evaluation_path, read_json, read_manifest, release_path, verdict_path, versions
from segue.settings import get_settings
from segue.stored_weeks import stored_weeks

FUNNEL = "funnel"


def _release() -> Row:
    pointer = read_pointer()
    if pointer is None:
        return Row("live release", "none", "`segue train`, `segue evaluate`, `segue promote`")
    manifest = read_manifest(release_path(pointer.version))
    ndcg = _ndcg(pointer.version)
    quality = f", NDCG@{PLAYLIST_LENGTH} {ndcg:.4f}" if ndcg is not None else ""
    back = f", {pointer.previous[-1]} before it" if pointer.previous else ""
    about = f"as of {manifest.as_of}, {manifest.tracks:,} tracks{quality}{back}"
    facts = {"as_of": manifest.as_of.isoformat(), "ndcg": ndcg, "previous": pointer.previous}
    return Row("live release", pointer.version, about, pointer.promoted_at, facts)


def _ndcg(version: str) -> float | None:
    """What `segue evaluate` stored for the release's own lists, or None."""
    models = (read_json(evaluation_path(version)) or {}).get("models", [])
    return next((float(m["ndcg"]) for m in models if m["model"] == FUNNEL), None)


def _judged(verdict: dict[str, Any] | None) -> str:
    """The gate's word in short; a refusal with the conditions that failed."""
    if verdict is None:
        return "the gate has not judged it"
    failed = [check["reason"] for check in verdict["checks"] if not check["passed"]]
    return f"refused: {'; '.join(failed)}" if failed else "passed the gate"


def _newest_release() -> Row:
    known = versions()
    if not known:
        return Row("newest release", "none")
    manifest = read_manifest(release_path(known[-1]))
    told = f"of {len(known)}; {_judged(read_json(verdict_path(known[-1])))}"
    return Row("newest release", known[-1], told, manifest.created_at, {"releases": len(known)})


def _week() -> Row:
    visible = read_visible_week()
    if visible is None:
        return Row("visible week", "none", "`segue playlists --week D`")
    audit = read_json(audit_path(visible.week)) or {}
    passed = ", audit passed" if audit.get("passed") else ""
    passed += ", a later audit failed" if audit_path(visible.week, failed=True).exists() else ""
    about = f"{visible.users:,} users, by release {visible.release}{passed}"
    facts = {"release": visible.release, "users": visible.users}
    return Row("visible week", visible.week.isoformat(), about, visible.published_at, facts)


def _weeks_kept() -> Row:
    """Weeks whose playlists the store holds; one that no run completed is there until it is made again or expires."""
    stored = stored_weeks()
    weeks = sorted({one.week for one in stored if one.complete_at})
    if not stored:
        return Row("weeks kept", "none", "`segue playlists --week D`")
    span = f"{weeks[0]} to {weeks[-1]}" if weeks else "none complete"
    half = [one.key for one in stored if not one.complete_at]
    about = f"{span} in the store, of {get_settings().playlist_weeks_kept} at most"
    about += f"; not complete: {', '.join(half)}" if half else ""
    return Row("weeks kept", str(len(weeks)), about, facts={"weeks": [w.isoformat() for w in weeks], "incomplete": half})


def _landing() -> Row:
    days = sorted((d.name.removeprefix("day="), d) for d in get_home().landing.glob("*/*/day=*"))
    if not days:
        return Row("landing", "none", "`segue world` or `segue land`")
    sources = ", ".join(sorted({d.parent.parent.name for _, d in days}))
    return Row("landing", days[-1][0], f"newest day of {sources}", _written(days[-1][1]))


def _features() -> Row:
    days = sorted(d.name.removeprefix("day=") for d in get_home().table(Table.USER_FEATURES).glob("day=*"))
    if not days:
        return Row("features", "none", "`segue features --as-of D`")
    folder = get_home().table(Table.USER_FEATURES) / f"day={days[-1]}"
    return Row("features", days[-1], f"{len(days)} days since {days[0]}", _written(folder))


def _feature_store() -> Row:
    through = materialised_through()
    if through is None:
        return Row("feature store", "none")
    online = get_settings().online_store
    return Row("feature store", through.isoformat(), f"online rows in {online}", _written(get_home().feast / "registry.db"))


def _report() -> Row:
    folders = sorted(get_home().reports.glob("day=*/summary.json"))
    if not folders:
        return Row("last report", "none", "`segue monitor --as-of D`")
    found = read_json(folders[-1]) or {}
    asks = "; asks for a retraining" if found["retrain"] else ""
    about = f"as of {found['as_of']}: {found['reason']}{asks}"
    facts = {"as_of": found["as_of"], "retrain": found["retrain"], "folder": str(folders[-1].parent)}
    return Row("last report", found["verdict"], about, _written(folders[-1]), facts)


def _predictions() -> Row:
    files = sorted(get_home().predictions.glob("day=*/*.jsonl"))
    if not files:
        return Row("prediction log", "none")
    newest = max(files, key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    return Row("prediction log", files[-1].parent.name.removeprefix("day="), f"newest day, {size(total)}", _written(newest))


def _mail() -> Row:
    return Row("mail kept here", str(count(get_home().mail)), facts={"messages": count(get_home().mail)})


def _written(path: Path) -> datetime:
    """When a file, or a folder's newest file, was last written."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()] or [path]
    return datetime.fromtimestamp(max(p.stat().st_mtime for p in files), UTC)


STORED: dict[str, Callable[[], Row]] = {
    "live release": _release,
    "newest release": _newest_release,
    "visible week": _week,
    "weeks kept": _weeks_kept,
    "landing": _landing,
    "features": _features,
    "feature store": _feature_store,
    "prediction log": _predictions,
    "last report": _report,
    "mail kept here": _mail,
}
"""What to the function that reads its row."""
