"""The popularity bias of lists by Evidently's recommender metrics, the part of its preset that the platform's data can feed.

It gives means only; intervals come from `trainers.evaluation.list_metrics`, whose formulas a test holds equal to these.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np

from trainers.interactions import NOTHING, Indices

if TYPE_CHECKING:
    import pandas as pd


def popularity_bias(lists: Indices, listeners: Indices) -> tuple[float, float]:
    """Average recommendation popularity, in listeners, and Gini index of exposure of lists (n, k) over tracks with so many
    `listeners` (tracks,). NaN, NaN where no list shows a track that anybody has heard, or all show the same one."""
    import pandas as pd

    users, places = np.nonzero(lists != NOTHING)
    tracks = lists[users, places]
    if not listeners[tracks].any() or len(np.unique(tracks)) < 2:
        return float("nan"), float("nan")
    current = pd.DataFrame({"user": users, "track": tracks, "place": places + 1, "target": 0})
    return _run(current, _anybody(listeners), lists.shape[1])


def _anybody(listeners: Indices) -> pd.DataFrame:
    """Pairs with as many users for each track as it has listeners: Evidently counts them and looks at nothing else."""
    import pandas as pd

    first = np.cumsum(listeners) - listeners
    user = np.arange(listeners.sum()) - np.repeat(first, listeners)
    return pd.DataFrame({"user": user, "track": np.repeat(np.arange(len(listeners)), listeners)})


def _run(current: pd.DataFrame, trained_on: pd.DataFrame, k: int) -> tuple[float, float]:
    os.environ.setdefault("DO_NOT_TRACK", "1")  # read by Evidently when it is imported: no usage statistics leave this machine
    with warnings.catch_warnings(action="ignore"):  # importing it warns of NumPy's old names and of its web server's
        from evidently import DataDefinition, Dataset, Recsys, Report
        from evidently.metrics import PopularityBiasMetric

    columns = Recsys(user_id="user", item_id="track", prediction="place", target="target", recommendations_type="rank")
    report = Report([PopularityBiasMetric(k=k, metric="arp"), PopularityBiasMetric(k=k, metric="gini")])
    data = Dataset.from_pandas(current, data_definition=DataDefinition(ranking=[columns]))
    with np.errstate(all="ignore"):
        found = report.run(data, None, additional_data={"current_train_data": trained_on}).dict()
    popularity, gini = (float(metric["value"]) for metric in found["metrics"])
    return popularity, gini
