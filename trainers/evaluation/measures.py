"""What an evaluation measures, named once for its table and its chart. How each is computed is for
`trainers.evaluation.metrics` and `trainers.evaluation.list_metrics`; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One row of the table.

    Args:
        name: of the value in a report, whose interval is `name_low` and `name_high`.
        title: what a person reads; `{k}` is the length of the lists.
        unit: what the axis of its chart counts.
        form: how a value is written.
        from_zero: whether a bar from zero shows it well.
        mark: where its axis has a dashed line.
        by_user: it is a mean over users; else a property of all lists together.
    """

    name: str
    title: str
    unit: str
    form: str = ".4f"
    from_zero: bool = True
    mark: float | None = None
    by_user: bool = True


MEASURES = (
    Measure("recall", "Recall@{k}", "share of the wanted tracks found; more is better"),
    Measure("ndcg", "NDCG@{k}", "mean over users, 0 to 1; more is better"),
    Measure("coverage", "coverage", "share of the catalogue that some list shows", by_user=False),
    Measure("gini", "exposure Gini", "0: every shown track as often, 1: one has it all", by_user=False),
    Measure("novelty", "novelty, bits", "self-information of a shown track; more is less known", ".3f", from_zero=False),
    Measure("diversity", "diversity", "distance of two tracks of a list by genre and artist, 0 to 1", from_zero=False),
    Measure("serendipity", "serendipity", "distance of a hit from what its user played before, 0 to 1", from_zero=False),
    Measure("calibration", "calibration error", "KL divergence from the user's genres, nats; less is better"),
    Measure("popularity", "listeners (ARP)", "mean listeners of the shown tracks that anybody has heard", ".1f"),
    Measure(
        "popularity_lift", "popularity lift", "times the listeners of the user's own tracks; 1 is no bias", ".3f", mark=1.0
    ),
)

REQUIRED = frozenset({"recall", "ndcg", "coverage", "novelty"})
"""Every evaluation has these; the others need genres, artists or a history, which a source may lack."""
