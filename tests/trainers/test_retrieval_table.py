"""The table and the chart of the retrieval bench say of a model what its users say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from trainers.benches import retrieval_table
from trainers.benches.retrieval_table import TRAINING, Pass, Scores

RANDOM = np.random.default_rng(3)
BASE = RANDOM.uniform(0.1, 0.6, size=200)


def test_scores_are_those_of_each_user() -> None:
    truth = sp.csr_matrix(np.array([[1.0, 0, 0, 1], [0, 1, 0, 0]]))
    scores = Scores.of(np.array([[0, 1], [2, 1]]), truth)
    np.testing.assert_allclose(scores.recall, [0.5, 1])
    np.testing.assert_allclose(scores.ndcg, [1 / (1 + 1 / np.log2(3)), 1 / np.log2(3)])


def test_ours_is_called_better_than_a_clear_loser_and_unsure_beside_its_like() -> None:
    noise = RANDOM.normal(scale=0.05, size=200)
    models = {"ours": BASE, "worse": BASE - 0.02, "alike": BASE + noise - noise.mean(), "ahead": BASE + 0.02}
    rows = retrieval_table.rows_of({name: Scores(values, values) for name, values in models.items()})
    assert [row["ours_better"] for row in rows] == [None, "yes", "unsure", "no, worse"]
    assert all(row["ndcg_low"] < row["ndcg"] < row["ndcg_high"] for row in rows)
    assert "is ours better?" in retrieval_table.as_text(rows, {}, 20)


def test_a_handful_of_users_is_unsure_however_large_the_lead() -> None:
    rows = retrieval_table.rows_of({"ours": Scores(*[np.full(5, 0.9)] * 2), "other": Scores(*[np.full(5, 0.1)] * 2)})
    assert rows[1]["ours_better"] == "unsure"


def test_nothing_measured_is_no_text() -> None:
    assert retrieval_table.as_text([], {}, 20) == ""


def test_the_chart_is_a_picture_of_both(tmp_path: Path) -> None:
    rows = retrieval_table.rows_of({"ours": Scores(BASE, BASE), "other": Scores(BASE / 2, BASE / 2)})
    passes = {TRAINING: [Pass(2, 1.0, 3.0, 0.1, 0.2, 0.0), Pass(4, 0.5, 3.0, 0.2, 0.3, 0.1)]}
    path = retrieval_table.draw(tmp_path / "recs.tsv.png", rows, passes, 20)
    assert path.read_bytes().startswith(b"\x89PNG")
