"""Features that are still filling: what looks back over days that the log did not have yet when the reference was listened to.

A count over 30 days grows for the first 30 days of a log, whatever listeners do. As long as many rows of the reference are
from those days, such a feature differs from this week's because there is more log, and would say "drift" of a world that did
not change. So it is where the log lost days: after an outage, or where a source has separate windows, every count grows anew.
It is shown with its reason, and is not compared. What looks back over no days, and what looks back over fewer than the log
then had, is judged as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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


def still_filling(names: Iterable[str], reference: pd.DataFrame, present: Sequence[date], rules: Rules) -> dict[str, str]:
    """Those of `names` that are still filling, and in words why.

    Args:
        reference: the release's sample, with the time of each listen; without one nothing is known to be filling.
        present: the days that the log has, oldest first.
    """
    if not present or TIMESTAMP not in reference.columns:
        return {}
    days = {name: looks_back(name) for name in names}
    lacking = {window: _share_lacking(reference, present, window, rules) for window in set(days.values())}
    return {
        name: f"looks back {window} days; the log lacked days of these at {lacking[window]:.0%} of the reference"
        for name, window in days.items()
        if lacking[window] >= rules.filling_share
    }


def _share_lacking(reference: pd.DataFrame, present: Sequence[date], window: int, rules: Rules) -> float:
    """The share of the reference's listens whose `window` days before were not yet, or too few, in the log. A silent day of a
    month does not count; a gap (an outage, a source in separate windows) of more than `filling_share` of the window does."""
    import numpy as np

    numbers = np.array([(day - present[0]).days for day in present])
    gaps = np.setdiff1d(np.arange(numbers[-1]), numbers)
    listened = (reference[TIMESTAMP] - start_of(present[0])).dt.days.to_numpy()
    lacking = np.searchsorted(gaps, listened) - np.searchsorted(gaps, listened - window)
    return float(((listened < window) | (lacking > rules.filling_share * window)).mean())
