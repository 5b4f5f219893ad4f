"""What the demo prints when it is done: where things are, a playlist, the metrics, the e-mail, the seconds and the memory."""

from __future__ import annotations

from typing import Any

from infra.airflow.configuration import USER, password_file
from infra.demo.follow import Follower
from infra.demo.memory import MemoryWatch
from infra.demo.platform import Platform
from infra.demo.rounds import Loop, Turn
from infra.demo.screen import Screen
from infra.demo.traffic import Listeners
from infra.mailbox import messages, render
from segue.stage import table


def show(platform: Platform, loop: Loop, follower: Follower, memory: MemoryWatch) -> None:
    """Print everything."""
    screen = platform.screen
    last = loop.turns[-1]
    user = Listeners(platform.service, platform.home).users[0]
    screen.block(f"The weekly playlist of {user}", platform.processes.run("playlist", ("segue", "playlist", user)))
    screen.block(f"Release {last.version} on the days it has not seen", _metrics(last.evaluation))
    if len(loop.turns) > 1:
        screen.block("The rounds", rounds_table(loop.turns))
    screen.block("The e-mail that arrived", render(messages(platform.home.mail)[-1]))
    screen.block("Seconds by stage", _stages(follower.seconds, screen, memory))
    screen.block("Where things are", _places(platform, last))


def rounds_table(turns: list[Turn]) -> str:
    """One row per round: the release, the gate, its NDCG beside the live release and popularity, the drift verdict."""
    headers = ["as of", "release", "gate", "funnel", "live funnel", "popular", "users", "drift", "asked to retrain"]
    rows = []
    for turn in turns:
        ndcg = {row["model"]: row["ndcg"] for row in turn.evaluation["models"]}
        gate = "promoted" if turn.promoted else "refused"
        drift = [turn.monitor.get("verdict"), "yes" if turn.asked_for_retraining else "no"]
        values = [ndcg.get("funnel"), ndcg.get("live funnel"), ndcg.get("popular"), turn.evaluation["users"]]
        rows.append([turn.as_of, turn.version, gate, *values, *drift])
    reasons = [f"{turn.as_of}: {turn.reason}" for turn in turns]
    return f"NDCG@{turns[0].evaluation['k']}\n{table(headers, rows)}\n\n" + "\n".join(reasons)


def _metrics(evaluation: dict[str, Any]) -> str:
    k = evaluation["k"]
    headers = ["model", f"Recall@{k}", f"NDCG@{k}", "coverage", "novelty", "users"]
    keys = ("model", "recall", "ndcg", "coverage", "novelty", "users")
    return table(headers, [[row[key] for key in keys] for row in evaluation["models"]])


def _stages(seconds: dict[str, float], screen: Screen, memory: MemoryWatch) -> str:
    rows = [[name, round(value)] for name, value in seconds.items()]
    rows.append(["from start to here", screen.elapsed()])
    text = table(["stage", "seconds"], [[name, str(value)] for name, value in rows])
    return f"{text}\n\nPeak memory of all processes together: {memory.peak / 2**30:.1f} GiB"


def _places(platform: Platform, last: Turn) -> str:
    home = platform.home
    rows = [
        ("Airflow", f"{platform.airflow}  user {USER}, password in {password_file(home)}"),
        ("Service", f"{platform.service}/v1/users/USER/weekly"),
        ("OpenAPI", f"{platform.service}/docs.json, readable at {platform.service}"),
        ("Drift report", str(home.reports / last.as_of.isoformat())),
        ("Mail", str(home.mail)),
        ("Logs", str(home.logs)),
        ("Command line", f"SEGUE_HOME={home.root} .venv/bin/segue status"),
    ]
    return "\n".join(f"{name:<13} {place}" for name, place in rows)
