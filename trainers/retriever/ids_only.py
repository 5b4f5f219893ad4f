"""Interactions of ids and nothing else as the platform's training examples: every feature null, no order of time.

Public datasets are like that, and so is a service on its first day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from segue.codes import FIRST_KNOWN
from segue.tensors import TensorSpec
from trainers.examples import Examples
from trainers.inputs import QUERY, TRACK
from trainers.interactions import Interactions
from trainers.layers.heard import HeardPairs

if TYPE_CHECKING:
    import pandas as pd


def rows(specs: tuple[TensorSpec, ...], n: int, **filled: Any) -> pd.DataFrame:
    """A frame of n rows with the columns of `specs`: null, or an unknown moment, where not filled."""
    import pandas as pd

    empty: dict[str, Any] = {"float": np.full(n, np.nan), "string": [None] * n, "int": np.full(n, -1)}
    columns = {spec.name: [None] * n if spec.length else empty[spec.kind] for spec in specs}
    return pd.DataFrame(columns | filled)


def user_ids(n: int) -> list[str]:
    """Names of users 0 to n, in the order of their numbers however they are sorted."""
    return [f"u{number:08d}" for number in range(n)]


def track_ids(n: int) -> list[str]:
    """Names of tracks 0 to n, in the order of their numbers however they are sorted."""
    return [f"t{number:08d}" for number in range(n)]


def examples_of(interactions: Interactions, *, skipped: Any = None) -> Examples:
    """One example per interaction, in order; `skipped` marks early skips (m,)."""
    m, none = len(interactions.users), np.zeros(len(interactions.users), bool)
    return Examples(
        users=rows(QUERY, interactions.n_users, user_id=user_ids(interactions.n_users)),
        tracks=rows(TRACK, interactions.n_tracks, track_id=track_ids(interactions.n_tracks)),
        user_row=interactions.users.astype(np.int32),
        track_row=interactions.tracks.astype(np.int32),
        random_rows=np.arange(interactions.n_tracks, dtype=np.int32),
        device=np.full(m, None, object),
        hour_of_day=np.full(m, -1),
        day_of_week=np.full(m, -1),
        weight=interactions.weights,
        skipped=none if skipped is None else skipped,
    )


def heard_in(interactions: Interactions) -> HeardPairs:
    """The pairs of `interactions` as the towers number them."""
    users, tracks = (values.astype(np.int32) + FIRST_KNOWN for values in (interactions.users, interactions.tracks))
    return HeardPairs(users, tracks, interactions.n_users + FIRST_KNOWN, interactions.n_tracks + FIRST_KNOWN)
