"""What an evaluation is once it is stored: the table, the slices, the value of every user, and how a person reads them.

`evaluations/VERSION.json` holds the report and `evaluations/VERSION.users.parquet` the NDCG of every user and model, which
the gate pairs. The report is written last and names the SHA-256 of the other, so a killed run never leaves a pair that fits.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from segue.atomic import replacing_file, write_json
from segue.errors import SegueError
from segue.playlists import PLAYLIST_LENGTH
from segue.release import Manifest, evaluation_path, read_json
from segue.stage import table
from trainers import metrics
from trainers.contenders import BaselineConfigs
from trainers.heldout import HeldOut
from trainers.interactions import Indices
from trainers.slices import SliceConfig, slices_of

if TYPE_CHECKING:
    import pandas as pd

RETRIEVER, FUNNEL, LIVE_FUNNEL, POPULAR = "retriever", "funnel", "live funnel", "popular"


class LiveState(StrEnum):
    """Whether the live release was asked too, or why not; the value is the note under the table."""

    COMPARED = "compared"
    NONE = "there is no live release yet"
    SAME = "it is the live release itself"
    SEEN = "the live release has seen the held-out days"
    FEATURES = "the live release was trained on other feature views than the present ones"


@dataclass(frozen=True)
class EvaluateConfig:
    """`k` tracks per list; `seed` draws the bootstrap."""

    k: int = PLAYLIST_LENGTH
    seed: int = 17
    slices: SliceConfig = field(default_factory=SliceConfig)
    baselines: BaselineConfigs = field(default_factory=BaselineConfigs)


@dataclass
class Answers:
    """Every contender's lists (n, k) by name, in the order of the table, and what became of the live release.

    `found_among_candidates` is the share of the wanted tracks that the candidate's retriever hands to its ranker.
    """

    lists: dict[str, Indices] = field(default_factory=dict)
    live: str | None = None
    live_state: LiveState = LiveState.NONE
    found_among_candidates: float = 0.0


def report(manifest: Manifest, held: HeldOut, answers: Answers, config: EvaluateConfig) -> dict[str, Any]:
    """Everything that is stored, as JSON values."""
    return {
        "version": manifest.version,
        "as_of": manifest.as_of.isoformat(),
        "cutoff": held.split.cutoff.isoformat(),
        "end": held.split.end.isoformat(),
        "k": config.k,
        "users": len(held.user_ids),
        "tracks": held.tracks,
        "answers": int(held.truth.nnz),
        "answers_out_of_reach": held.out_of_reach,
        "found_among_candidates": round(answers.found_among_candidates, 6),
        "live": {"version": answers.live, "state": answers.live_state.name.lower()},
        "models": [_model_row(name, lists, held, config) for name, lists in answers.lists.items()],
        "slices": _slice_rows(held, answers, config),
        "config": asdict(config),
    }


def _model_row(name: str, lists: Indices, held: HeldOut, config: EvaluateConfig) -> dict[str, Any]:
    hit = metrics.hits(lists, held.truth)
    values = metrics.ndcg(hit, held.wanted)
    low, high = metrics.bootstrap_interval(values, seed=config.seed)
    return {
        "model": name,
        "recall": float(metrics.recall(hit, held.wanted).mean()),
        "ndcg": float(values.mean()),
        "ndcg_low": low,
        "ndcg_high": high,
        "coverage": metrics.coverage(lists, held.tracks),
        "novelty": metrics.novelty(lists, held.listeners, held.known_users),
        "users": len(values),
    }


def _slice_rows(held: HeldOut, answers: Answers, config: EvaluateConfig) -> list[dict[str, Any]]:
    rows = []
    for part in slices_of(held, config.slices):
        truth = part.truth(held)
        wanted = np.diff(truth.indptr).astype(np.int64)
        row: dict[str, Any] = {"slice": part.name, "users": int((wanted > 0).sum())}
        if row["users"]:
            row["ndcg"] = {name: _mean_ndcg(lists, truth, wanted) for name, lists in answers.lists.items()}
            rows.append(row)
    return rows


def _mean_ndcg(lists: Indices, truth: sp.csr_matrix, wanted: Indices) -> float:
    counted = wanted > 0
    return float(metrics.ndcg(metrics.hits(lists, truth), wanted)[counted].mean())


def per_user(held: HeldOut, answers: Answers) -> pd.DataFrame:
    """One row per user: `user_id`, `wanted`, and the NDCG of every model under its name."""
    import pandas as pd

    frame = pd.DataFrame({"user_id": held.user_ids, "wanted": held.wanted})
    for name, lists in answers.lists.items():
        frame[name] = metrics.ndcg(metrics.hits(lists, held.truth), held.wanted)
    return frame


def store(version: str, found: dict[str, Any], users: pd.DataFrame) -> None:
    """Replace what is stored for `version`."""
    content = io.BytesIO()
    users.to_parquet(content, index=False)
    with replacing_file(_users_path(version)) as temporary:
        temporary.write_bytes(content.getvalue())
    write_json(evaluation_path(version), found | {"users_sha256": hashlib.sha256(content.getvalue()).hexdigest()})


def read(version: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """The stored report of `version` and its users.

    Raises:
        SegueError: `version` was not evaluated, or the run that did was interrupted.
    """
    import pandas as pd

    found, path = read_json(evaluation_path(version)), _users_path(version)
    content = path.read_bytes() if path.exists() else b""
    if found is None or found["users_sha256"] != hashlib.sha256(content).hexdigest():
        raise SegueError(
            expected=f"an evaluation of release {version}",
            received="none" if found is None else "half of one",
            mend=f"run `segue evaluate {version}` first",
        )
    return found, pd.read_parquet(io.BytesIO(content))


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """The facts of `--json`: everything but the settings."""
    return {key: value for key, value in found.items() if key != "config"}


def as_text(found: dict[str, Any]) -> str:
    """The report as aligned tables and notes."""
    k, models = found["k"], found["models"]
    headers = ["model", f"Recall@{k}", f"NDCG@{k}", "95% low", "95% high", "coverage", "novelty", "users"]
    keys = ["model", "recall", "ndcg", "ndcg_low", "ndcg_high", "coverage", "novelty", "users"]
    names = [row["model"] for row in models]
    slices = [[row["slice"], row["users"], *(row["ndcg"][name] for name in names)] for row in found["slices"]]
    parts = [
        f"Release {found['version']} on {found['cutoff'][:10]} to {found['end'][:10]} (end not included)",
        table(headers, [[row[key] for key in keys] for row in models]),
        f"NDCG@{k} by slice",
        table(["slice", "users", *names], slices),
        "\n".join(_notes(found)),
    ]
    return "\n\n".join(parts)


def _notes(found: dict[str, Any]) -> list[str]:
    share, state = found["found_among_candidates"], LiveState[found["live"]["state"].upper()]
    notes = [
        f"{found['answers']} first listens of {found['users']} users are to be found among {found['tracks']} tracks.",
        f"The retriever hands {share:.1%} of them to the ranker.",
    ]
    if found["answers_out_of_reach"]:
        notes.append(f"{found['answers_out_of_reach']} more name a track nobody knew before the held-out days: left out.")
    if state is not LiveState.COMPARED:
        notes.append(f"No live funnel in the table: {state}.")
    return notes


def _users_path(version: str) -> Path:
    return evaluation_path(version).with_suffix(".users.parquet")
