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
    there because it is looked at.

    Args:
        size: one more than the largest id.
    """
    blocks = max(1, round(len(tracks) / window))
    block = np.arange(len(tracks)) * blocks // max(len(tracks), 1)
    counts = np.zeros((blocks + 2, size), np.float32)
    np.add.at(counts, (block + 1, tracks), 1.0)
    near = counts[:-2] + counts[1:-1] + counts[2:]
    listens = near.sum(axis=1)
    overall = (counts.sum(axis=0) + 0.5) / (len(tracks) + 0.5 * size)

    def share(ids: Ids, where: npt.NDArray[np.int64]) -> Floats:
        return ((near[where, ids] + PRIOR_LISTENS) / (listens[where] + PRIOR_LISTENS / overall[ids])).astype(np.float32)

    return share(tracks, block), share(others, np.arange(len(others)) * blocks // max(len(others), 1))
