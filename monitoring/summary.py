"""The report in one typed record: what `summary.json` holds, and what the page, the e-mail and the command show."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel

from monitoring.answers import SurfaceQuality
from monitoring.findings import Verdict

MAX_SUBJECT = 140


class Summary(BaseModel):
    """One day's verdict. It names no wall-clock time, so the same data gives the same bytes."""

    as_of: date
    verdict: Verdict
    reason: str
    retrain: bool
    release: str | None
    release_as_of: date | None
    recent: str
    training: str | None
    moved: int
    compared: int
    filling: int = 0
    left_out: list[str]
    sampled_now: int
    sampled_before: int
    findings: list[dict[str, Any]]
    surfaces: list[SurfaceQuality]

    @property
    def subject(self) -> str:
        """The e-mail's subject: the verdict first, then why."""
        about = f"{self.moved} of {self.compared} features moved" if self.verdict is Verdict.OK else self.reason
        tail = f", as of {self.as_of}"
        head = f"[segue] {self.verdict}: {about}".replace("\n", " ")
        room = MAX_SUBJECT - len(tail)
        return (head if len(head) <= room else head[: room - 1].rstrip(" ,:;") + "…") + tail

    def of_group(self, group: str) -> list[dict[str, Any]]:
        """The findings of one group, worst first; features by how far beyond their limit they moved."""
        found = [f for f in self.findings if f["group"] == group]
        order = {"alarm": 0, "moved": 1, "ok": 2, "filling": 3, "note": 4}
        if group in ("features", "scores"):
            return sorted(found, key=lambda f: (order[f["state"]], -(f["distance"] or 0) / (f["limit"] or 1), f["name"]))
        return sorted(found, key=lambda f: (f["state"] != "alarm", f["state"] != "moved"))


def shown(finding: dict[str, Any], value: str) -> str:
    """One value of a finding as a person reads it: `-` for nothing, percentages for shares."""
    number = finding[value]
    if number is None:
        return "-"
    if isinstance(number, str):
        return number
    if finding["unit"] == "share":
        return f"{number:.1%}"
    text = f"{number:,.0f}" if abs(number) >= 1_000 or float(number).is_integer() else f"{number:.3g}"
    return f"{text} ms" if finding["unit"] == "ms" else text
