"""How often a track is met in a batch, at the time of the batch: what the logQ correction has to be told.

Batches follow the order of time, and a new release is played a hundred times as often in its first week as a month later. One
number for all of training would take its first plays for a preference, or its later silence for dislike. Yi et al. (2019)
estimate the frequency while streaming; here the stream is at hand, so each example counts its neighbours on both sides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
PRIOR_LISTENS = 2.0


def local_shares(tracks: Ids, others: Ids, *, size: int, window: int) -> tuple[Floats, Floats]:
    """The share of listens that each of `tracks` (n,), oldest first, and of `others` (r,), over the same time, had then.

    Counted over the block of `window` examples it is in and both beside it, and drawn towards the share over the whole time,
    as if that had been seen in `PRIOR_LISTENS` listens (the mean of a Gamma posterior): a track met once in a window is met
    there because it is looked at. Only pairs of block and track that occur are held: a table of all of them would grow with
    the length of the log times the size of the catalogue.

    Args:
        size: one more than the largest id.
    """
    blocks = max(1, round(len(tracks) / window))
    block = np.arange(len(tracks), dtype=np.int64) * blocks // max(len(tracks), 1)
    places, counts = np.unique(block * size + tracks, return_counts=True)
    in_block = np.bincount(block, minlength=blocks)
    listens = np.convolve(in_block, np.ones(3, np.int64))[1:-1]
    overall = (np.bincount(tracks, minlength=size) + np.float32(0.5)) / np.float32(len(tracks) + 0.5 * size)

    def count(ids: Ids, where: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        wanted = where * size + ids
        at = np.searchsorted(places, wanted).clip(max=max(len(places) - 1, 0))
        return np.where(places[at] == wanted, counts[at], 0)

    def share(ids: Ids, where: npt.NDArray[np.int64]) -> Floats:
        near = sum(count(ids, where + step) for step in (-1, 0, 1))
        return ((near + PRIOR_LISTENS) / (listens[where] + PRIOR_LISTENS / overall[ids])).astype(np.float32)

    return share(tracks, block), share(others, np.arange(len(others), dtype=np.int64) * blocks // max(len(others), 1))
