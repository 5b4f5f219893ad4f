"""Where the table of the session model begins: at the spectrum of which tracks share sessions."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from trainers.baselines.session_knn import incidence
from trainers.interactions import Floats
from trainers.sessions.session_lists import Sessions


def company_vectors(sessions: Sessions, n_tracks: int, width: int, *, seed: int) -> Floats:
    """Unit vectors (n_tracks, width): the leading singular vectors of log(1 + lift), the lift of two tracks being how much
    oftener they share sessions than chance would have it (Levy and Goldberg, 2014: word2vec factorises nearly that)."""
    heard = incidence(sessions, n_tracks)
    company = np.maximum(np.asarray(heard.sum(axis=1)).ravel() - 1, 1)
    shared = sp.csr_matrix(heard.T @ sp.diags(1 / company) @ heard)
    shared.setdiag(0)
    shared.eliminate_zeros()
    total = np.maximum(np.asarray(shared.sum(axis=1)).ravel(), 1e-9)
    rows = np.repeat(np.arange(n_tracks), np.diff(shared.indptr))
    shared.data = np.log1p(shared.data * total.sum() / (total[rows] * total[shared.indices])).astype(np.float32)
    left, values = _leading(shared, width, np.random.default_rng(seed))
    vectors = left * np.sqrt(values)
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.pad(vectors / norms, ((0, 0), (0, width - len(values)))).astype(np.float32)


def _leading(matrix: sp.csr_matrix, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """About the `count` largest singular vectors (n, r) and values (r,) of a symmetric matrix, r at most n - 1 (Halko,
    Martinsson and Tropp, 2011, "Finding structure with randomness", with two rounds of iteration)."""
    found = rng.standard_normal((matrix.shape[0], min(count + 10, matrix.shape[0]))).astype(np.float32)
    for _ in range(3):
        found, _ = np.linalg.qr(matrix @ found)
    left, values, _ = np.linalg.svd((matrix @ found).T @ found)
    return (found @ left)[:, :count], values[:count]
