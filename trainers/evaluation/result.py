"""An evaluation as it is stored and read again: the table, the slices, the value of every user, and how a person reads them.
How one comes to be is `trainers.evaluation.scoreboard`'s; this file loads no model and stays light, because the gate reads it.

`evaluations/VERSION.json` holds the report, `evaluations/VERSION.users.parquet` the NDCG of every user and model, which the
gate pairs, and `evaluations/VERSION.png` the chart. The report is written last and names the SHA-256 of both, so a killed run
never leaves a pair that fits. The gate asks for the users alone: nobody needs a picture to promote.
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
from trainers.evaluation.measures import MEASURES

if TYPE_CHECKING:
    import pandas as pd

RETRIEVER, FUNNEL, LIVE_FUNNEL, POPULAR, IALS = "retriever", "funnel", "live funnel", "popular", "iALS"


class LiveState(StrEnum):
    """Whether the live release was asked too, or why not; the value is the note under the table."""

    COMPARED = "compared"
    NONE = "there is no live release yet"
    SAME = "it is the live release itself"
    SEEN = "the live release has seen the held-out days"
    FEATURES = "the live release was trained on other feature views than the present ones"


def store(version: str, found: dict[str, Any], users: pd.DataFrame, chart: bytes) -> None:
    """Replace what is stored for `version`; `chart` is a PNG."""
    content = io.BytesIO()
    users.to_parquet(content, index=False)
    for path, written in ((_users_path(version), content.getvalue()), (chart_path(version), chart)):
        with replacing_file(path) as temporary:
            temporary.write_bytes(written)
    sums = {"users_sha256": _sha256(content.getvalue()), "chart_sha256": _sha256(chart)}
    write_json(evaluation_path(version), found | sums)


def read(version: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """The stored report of `version` and its users.

    Raises:
        SegueError: `version` was not evaluated, or the run that did was interrupted.
    """
    import pandas as pd

    found, path = read_json(evaluation_path(version)), _users_path(version)
    content = path.read_bytes() if path.exists() else b""
    if found is None or found["users_sha256"] != _sha256(content):
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
    names = [row["model"] for row in found["models"]]
    parts = [
        f"Release {found['version']} on {found['cutoff'][:10]} to {found['end'][:10]} (end not included)",
        table([f"{found['users']} users", *names], _measure_rows(found) + _verdict_rows(found, names)),
        f"NDCG@{found['k']} by slice",
        table(
            ["slice", "users", *names, f"{FUNNEL} better than {IALS}?"], [_slice_row(row, names) for row in found["slices"]]
        ),
        "\n".join(_notes(found)),
    ]
    return "\n\n".join(parts)


def _measure_rows(found: dict[str, Any]) -> list[list[str]]:
    return [
        [measure.title.format(k=found["k"]), *(_cell(row, measure.name, measure.form) for row in found["models"])]
        for measure in MEASURES
    ]


def _verdict_rows(found: dict[str, Any], names: list[str]) -> list[list[str]]:
    """One row for each model that others are compared with."""
    told = {(row["model"], row["than"]): row["verdict"] for row in found["comparisons"]}
    thans = list(dict.fromkeys(row["than"] for row in found["comparisons"]))
    return [[f"better than {than}?", *(told.get((name, than), "-") for name in names)] for than in thans]


def _slice_row(row: dict[str, Any], names: list[str]) -> list[Any]:
    cells = [
        _cell({"ndcg": row["ndcg"][n], "ndcg_low": row["ndcg_low"][n], "ndcg_high": row["ndcg_high"][n]}, "ndcg", ".4f")
        for n in names
    ]
    return [row["slice"], row["users"], *cells, row["funnel_beside_ials"]["verdict"]]


def _cell(row: dict[str, Any], name: str, form: str) -> str:
    """A value and half its interval; a dash for what is not known."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return "-"
    written = format(value, form).rjust(6)
    return written if low is None or high is None else f"{written} ±{format((high - low) / 2, form)}"


def _notes(found: dict[str, Any]) -> list[str]:
    share, state = found["found_among_candidates"], LiveState[found["live"]["state"].upper()]
    notes = [
        "± is half of a 95 % interval, with the users drawn again. Better: yes, or no and worse, when the interval of the",
        f"difference in NDCG@{found['k']} over the same users in pairs says so; else unsure. The gate goes by the same rule.",
        f"{found['answers']} first listens of {found['users']} users are to be found among {found['tracks']} tracks.",
        f"The retriever hands {share:.1%} of them to the ranker.",
    ]
    if found["answers_out_of_reach"]:
        notes.append(f"{found['answers_out_of_reach']} more name a track nobody knew before the held-out days: left out.")
    if found["answers_brought"]:
        notes.append(f"{found['answers_brought']} listens came of lists of Segue's own, which would know them best: left out.")
    least = found["config"]["better"]["least_users"]
    if found["users"] < least:
        notes.append(f"Nothing is called better or worse: that takes {least} users, and {found['users']} could be asked.")
    if any(row[measure.name] is None for row in found["models"] for measure in MEASURES):
        notes.append("- stands where the source has nothing to measure by: no genres, no artists, no history, or no hits.")
    if state is not LiveState.COMPARED:
        notes.append(f"No live funnel in the table: {state}.")
    return notes


def chart_path(version: str) -> Path:
    """Where the chart of `version` is kept."""
    return evaluation_path(version).with_suffix(".png")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _users_path(version: str) -> Path:
    return evaluation_path(version).with_suffix(".users.parquet")
