"""Parts of the held-out question that an average hides: new users, the long tail, known and new tracks, every territory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trainers.evaluation.heldout import HeldOut
from trainers.interactions import Indices


@dataclass(frozen=True)
class SliceConfig:
    """A user is new for `new_user_days` after the first listen. The head is the fewest tracks that take `head_share` of the
    listeners; every other track is the long tail."""

    new_user_days: int = 14
    head_share: float = 0.8


@dataclass(frozen=True)
class Slice:
    """Users (n,) that belong, and the tracks (tracks,) whose hits count; a user without such a track is left out."""

    name: str
    users: npt.NDArray[np.bool_]
    tracks: npt.NDArray[np.bool_]

    def truth(self, held: HeldOut) -> sp.csr_matrix:
        """(n, tracks) the answers of this slice; zero rows for users outside it."""
        rows = sp.diags(self.users.astype(np.float32))
        kept = (rows @ held.truth @ sp.diags(self.tracks.astype(np.float32))).tocsr()
        kept.eliminate_zeros()
        return kept


def slices_of(held: HeldOut, config: SliceConfig | None = None) -> list[Slice]:
    """The slices of one question, territories by name last."""
    config = config or SliceConfig()
    everyone, every_track = np.ones(len(held.user_ids), bool), np.ones(held.tracks, bool)
    return [
        Slice("new users", _is_new(held, config.new_user_days), every_track),
        Slice("long tail", everyone, ~_head(held.listeners, config.head_share)),
        Slice("known tracks", everyone, held.listeners > 0),
        Slice("new tracks", everyone, held.listeners == 0),
        *(Slice(f"territory {name}", held.territories == name, every_track) for name in np.unique(held.territories)),
    ]


def _is_new(held: HeldOut, days: int) -> npt.NDArray[np.bool_]:
    cutoff = np.datetime64(held.split.cutoff.replace(tzinfo=None), "us")
    return np.isnat(held.first_seen) | (held.first_seen > cutoff - np.timedelta64(days, "D"))


def _head(listeners: Indices, share: float) -> npt.NDArray[np.bool_]:
    order = np.argsort(-listeners, kind="stable")
    before = np.cumsum(listeners[order]) - listeners[order]
    head = np.zeros(len(listeners), bool)
    head[order[before < share * listeners.sum()]] = True
    return head & (listeners > 0)
