"""What the demo prints when it is done: where things are, a playlist, the metrics, the e-mail, the seconds and the memory."""

from __future__ import annotations

from typing import Any

from infra.airflow.configuration import USER, password_file
from infra.demo.follow import Follower
from infra.demo.memory import MemoryWatch
from infra.demo.platform import Platform
from infra.demo.processes import Processes
from infra.demo.rounds import Loop, Turn
from infra.demo.screen import Screen
from infra.demo.traffic import Listeners
from infra.mailbox import messages, render
from segue.stage import table


def show(platform: Platform, loop: Loop, follower: Follower, memory: MemoryWatch) -> None:
    """Print everything."""
    screen = platform.screen
    last = loop.turns[-1]
    users = Listeners(platform.service, platform.home).users
    user = users[len(users) // 2]
    screen.block(f"The weekly playlist of {user}, and what was kept out of it", playlist_of(platform.processes, user))
    screen.block(f"Release {last.version} on the days it has not seen", _metrics(last.evaluation))
    if len(loop.turns) > 1:
        screen.block("The rounds", rounds_table(loop.turns))
    screen.block("The e-mail that arrived", _mail(platform, last.monitor["subject"]))
    screen.block("Seconds by stage", _stages(follower.seconds, screen, memory))
    screen.block("Where things are", _places(platform, last))


def playlist_of(processes: Processes, user: str) -> str:
    """The visible playlist of a user: why each track is in it, and what the policy removed."""
    return processes.run("playlist", ("segue", "playlist", user, "--explain"))


def rounds_table(turns: list[Turn]) -> str:
    """One row per round: the release, the gate, its NDCG beside the live release's and the baselines', the drift verdicts."""
    k, models = turns[0].evaluation["k"], list(dict.fromkeys(row["model"] for t in turns for row in t.evaluation["models"]))
    headers = ["as of", "drift before", "release", "gate", *models, "users", "drift after"]
    rows = []
    for turn in turns:
        ndcg = {row["model"]: row["ndcg"] for row in turn.evaluation["models"]}
        gate = "promoted" if turn.promoted else "refused"
        values = [ndcg.get(model) for model in models]
        rows.append([turn.as_of, turn.drift_before, turn.version, gate, *values, turn.evaluation["users"], turn.drift_after])
    reasons = [f"{turn.as_of}: {turn.reason}" for turn in turns]
    return f"NDCG@{k} of each model on the held-out days\n\n{table(headers, rows)}\n\n" + "\n".join(reasons)


def _metrics(evaluation: dict[str, Any]) -> str:
    k = evaluation["k"]
    headers = ["model", f"Recall@{k}", f"NDCG@{k}", "coverage", "novelty", "users"]
    keys = ("model", "recall", "ndcg", "coverage", "novelty", "users")
    return table(headers, [[row[key] for key in keys] for row in evaluation["models"]])


def _mail(platform: Platform, subject: str) -> str:
    """The newest e-mail with `subject`, as a terminal shows it. Long subjects are folded on their way: spaces do not count."""
    wanted = "".join(subject.split())
    found = [message for message in messages(platform.home.mail) if "".join(message["Subject"].split()) == wanted]
    return render(found[-1]) if found else f"(no e-mail with the subject {subject!r} in {platform.home.mail})"


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
        ("OpenAPI", f"{platform.service}/v1/openapi.json"),
        ("Drift report", f"{last.monitor['report']}/report.html"),
        ("Mail", str(home.mail)),
        ("Logs", str(home.logs)),
        ("Command line", f"SEGUE_HOME={home.root} .venv/bin/segue status"),
    ]
    return "\n".join(f"{name:<13} {place}" for name, place in rows)
