"""The chart of an evaluation: a panel for every measure, where the release leads and where it does not, by slice, and what
other policies would have saved, where slots explored and were heard. How a page is drawn is `segue.charts`', which every
bench uses.
"""

from __future__ import annotations

from typing import Any

from segue.charts import page_bytes
from segue.panels import Bar, Bars
from trainers.evaluation.measures import MEASURES, Measure
from trainers.evaluation.result import FUNNEL, IALS
from trainers.evaluation.target_policies import LOGGED, THIS_RELEASE

NOTE = f"""Black lines are 95 % intervals over users. Blue is the release that is judged.
Bars begin at zero; points stand on an axis that does not. A difference is one over the same users in pairs:
the {FUNNEL} is called better than {IALS} where the whole line lies right of the dashed one."""


def chart(found: dict[str, Any]) -> bytes:
    """The PNG of a stored report; the same report gives the same bytes."""
    title = f"Release {found['version']} on {found['cutoff'][:10]} to {found['end'][:10]}, {found['users']:,} users"
    panels = [_panel(measure, found) for measure in MEASURES]
    return page_bytes(title, [*panels, *_slices(found), *_explored(found)], note=NOTE)


def _panel(measure: Measure, found: dict[str, Any]) -> Bars:
    name = measure.name
    rows = [
        Bar(row["model"], row[name], row[f"{name}_low"], row[f"{name}_high"], ours=row["model"] == FUNNEL)
        for row in found["models"]
    ]
    title = measure.title.format(k=found["k"])
    return Bars(title, measure.unit, rows, from_zero=measure.from_zero, form=measure.form, mark=measure.mark)


def _slices(found: dict[str, Any]) -> list[Bars]:
    """The release in each slice, and its lead there over the strongest of the baselines."""
    own = [
        Bar(_named(s), s["ndcg"][FUNNEL], s["ndcg_low"][FUNNEL], s["ndcg_high"][FUNNEL], ours=True) for s in found["slices"]
    ]
    beside = [(s, s["funnel_beside_ials"]) for s in found["slices"]]
    lead = [Bar(_named(s), b["mean"], b["low"], b["high"], ours=True) for s, b in beside]
    ndcg = f"NDCG@{found['k']}"
    return [
        Bars(f"{ndcg} of the {FUNNEL} by slice", "mean over the users of the slice (their number behind its name)", own),
        Bars(
            f"{ndcg} of the {FUNNEL} minus that of {IALS}", "right of the dashed line is better", lead, False, "+.4f", mark=0.0
        ),
    ]


def _explored(found: dict[str, Any]) -> list[Bars]:
    """What other policies would have saved in the slots that explored, where any did."""
    told = found.get("exploration")
    if told is None:
        return []
    rates = [
        Bar(r["policy"], r["snips"], r["snips_low"], r["snips_high"], ours=r["policy"] == THIS_RELEASE)
        for r in told["policies"]
    ]
    lead = [
        Bar(r["policy"], r["lead"], r["lead_low"], r["lead_high"], ours=r["policy"] == THIS_RELEASE)
        for r in told["policies"]
        if r["policy"] != LOGGED
    ]
    unit = f"estimated from {told['saves']:,} saves of {told['slots']:,} slots that explored (SNIPS)"
    return [
        Bars("Saves per slot, by the policy that fills it", unit, rates),
        Bars(f"Saves per slot above {LOGGED}", "right of the dashed line is better", lead, False, "+.4f", mark=0.0),
    ]


def _named(part: dict[str, Any]) -> str:
    return f"{part['slice']} ({part['users']:,})"
