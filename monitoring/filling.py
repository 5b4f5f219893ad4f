"""Features that are still filling: what looks back over days that the log did not have yet when the reference was listened to.

A count over 30 days grows for the first 30 days of a log, whatever listeners do. As long as many rows of the reference are
from those days, such a feature differs from this week's because there is more log, and would say "drift" of a world that did
not change. It is shown with its reason, and is not compared. What looks back over no days, and what
looks back over fewer than the log then had, is judged as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from monitoring.rules import Rules
from segue.dates import start_of
from segue.features import TIMESTAMP

if TYPE_CHECKING:
    import pandas as pd

_NAMED = re.compile(r"_(\d+)d$")
OF_A_MONTH = frozenset(
    {
        "busiest_hour",
        "recent_outcome",
        "recent_tracks_count",
        "territory_rank",
        "top_artist_share",
        "top_artists_count",
        "top_device",
        "top_genre",
        "top_genre_share",
    }
)
"""Features over 30 days whose name does not say so, as `monitoring.samples` tells them."""


def looks_back(name: str) -> int:
    """The days of listening that a feature is made of; 0 for one that needs none."""
    if name in OF_A_MONTH:
        return 30
    named = _NAMED.search(name)
    return int(named[1]) if named else 0


def still_filling(names: Iterable[str], reference: pd.DataFrame, first: date | None, rules: Rules) -> dict[str, str]:
    """Those of `names` that are still filling, and in words why.

    Args:
        reference: the release's sample, with the time of each listen; without one nothing is known to be filling.
        first: the day of the log's first listen.
    """
    if first is None or TIMESTAMP not in reference.columns:
        return {}
    log_days = (reference[TIMESTAMP] - start_of(first)).dt.days
    days = {name: looks_back(name) for name in names}
    young = {window: float((log_days < window).mean()) for window in set(days.values())}
    return {
        name: f"looks back {window} days; the log was younger at {young[window]:.0%} of the reference"
        for name, window in days.items()
        if young[window] >= rules.filling_share
    }
