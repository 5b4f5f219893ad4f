"""Whether what the others stored can be trusted: the release's bytes and features, the landing's rejects, silent days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from monitoring.findings import Finding, State, alarm, note
from monitoring.listening import Window, counts, days_with_files, doubted, rows_in, silent_days
from monitoring.rules import Rules
from segue.errors import SegueError
from segue.features import fingerprint, shared_store
from segue.live_release import read_pointer
from segue.names import MODEL_SERVICES, Table
from segue.release import Manifest, check_fingerprint, verify


def check_release() -> tuple[Manifest | None, str | None, list[Finding]]:
    """The live release's manifest (None when it cannot be trusted), the version before it, and the findings."""
    pointer = read_pointer()
    if pointer is None:
        return None, None, [alarm("integrity", "live release", "no release is live: promote one with `segue promote VERSION`")]
    before = pointer.previous[-1] if pointer.previous else None
    try:
        manifest = verify(pointer.version)
    except SegueError as problem:
        return None, before, [alarm("integrity", "live release", str(problem), now=pointer.version)]
    says = f"every file matches its manifest; trained on what was known on {manifest.as_of}"
    return manifest, before, [Finding("integrity", "live release", State.OK, pointer.version, says=says), _features(manifest)]


def _features(manifest: Manifest) -> Finding:
    """The feature views now, beside those the release was trained on."""
    present, trained = fingerprint(shared_store(), MODEL_SERVICES), manifest.feature_fingerprint
    try:
        check_fingerprint(manifest, present)
    except SegueError as problem:
        return alarm("integrity", "feature views", str(problem), now=present[:12], before=trained[:12])
    return Finding("integrity", "feature views", State.OK, present[:12], trained[:12])


def check_landing(recent: Window, rules: Rules) -> list[Finding]:
    """The share of rows that landed and were rejected, of listens by doubted accounts, and the days without a listen."""
    says = "plays of accounts in doubt are in no comparison below"
    found = note("integrity", "doubted listens", says, now=doubted(recent), unit="share")
    listens = counts(recent)["listens"]
    return [_rejected(recent, listens, rules), found, _silence(recent, days_with_files(Table.LABELS))]


def _rejected(recent: Window, listens: int, rules: Rules) -> Finding:
    rejected = rows_in(Table.REJECTED_LISTENS, recent)
    share = rejected / max(rejected + listens, 1)
    if share > rules.rejected_share:
        says = f"{share:.1%} of the rows that landed were rejected, more than {rules.rejected_share:.0%}"
        return Finding("integrity", "rejected rows", State.ALARM, share, limit=rules.rejected_share, says=says, unit="share")
    return Finding(
        "integrity", "rejected rows", State.OK, share, limit=rules.rejected_share, says=f"{rejected} rows", unit="share"
    )


def _silence(recent: Window, present: Sequence[date]) -> Finding:
    silent = silent_days(recent, present)
    if recent.last in silent:
        return alarm("integrity", "days without listens", f"no listens on the as-of day {recent.last}", now=len(silent))
    if silent:
        return note("integrity", "days without listens", ", ".join(map(str, silent)), now=len(silent))
    return Finding("integrity", "days without listens", State.OK, 0)
