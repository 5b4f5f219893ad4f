"""An evaluation as it is stored and read again: the table, the slices, the value of every user, and how a person reads them.
How one comes to be is `trainers.scoreboard`'s; this file loads no model and stays light, because the gate reads it.

`evaluations/VERSION.json` holds the report and `evaluations/VERSION.users.parquet` the NDCG of every user and model, which
the gate pairs. The report is written last and names the SHA-256 of the other, so a killed run never leaves a pair that fits.
"""

from __future__ import annotations

import hashlib
import io
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.atomic import replacing_file, write_json
from segue.errors import SegueError
from segue.release import evaluation_path, read_json
from segue.stage import table

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
