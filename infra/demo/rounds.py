"""One turn of the loop, as DAG runs in the scheduler: events, features, release, playlists, listeners, drift report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from infra.demo.airflow_api import wait_until
from infra.demo.failure import DemoFailureError
from infra.demo.follow import Follower
from infra.demo.plan import Plan, Round
from infra.demo.platform import Platform
from infra.demo.traffic import Listeners
from infra.mailbox import count, wait_for
from segue.live_release import read_pointer
from segue.names import Dag
from segue.release import read_json, verdict_path

SERVICE_SECONDS = 120
MAIL_SECONDS = 30


@dataclass
class Turn:
    """What a round came to.

    `evaluation` and `monitor` are the JSON summaries of their commands, the last of the round. `drift_before` is the
    verdict on the new listening and the release that was live when it came, None in the first round; `drift_after` the
    verdict once this round's release was live.
    """

    as_of: date
    version: str = ""
    promoted: bool = False
    reason: str = ""
    evaluation: dict[str, Any] = field(default_factory=dict)
    monitor: dict[str, Any] = field(default_factory=dict)
    drift_before: str | None = None
    drift_after: str | None = None


class Loop:
    """Turns of the loop on one platform."""

    def __init__(self, platform: Platform, follower: Follower, plan: Plan) -> None:
        self.platform, self.follower, self.plan = platform, follower, plan
        self.turns: list[Turn] = []

    def turn(self, round_: Round) -> Turn:
        """Live through one round; the result is also kept in `turns`.

        From the second round on, the drift report comes first where a release is live: it sees that release and the new
        listening, and when it asks for a retraining the recommender starts by itself. When the gate refuses the very first
        release there is nothing to serve: the round ends there, and the next one trains anew.

        Raises:
            DemoFailureError: a stage failed, or the last round is over and no release ever was good enough.
        """
        turn = Turn(round_.as_of)
        form = {"as_of": round_.as_of.isoformat()}
        self.follower.trigger(Dag.LISTENING, form | round_.landing)
        weeks = set(self.follower.api.runs(Dag.WEEKLY_PLAYLISTS))
        run = None
        if self.turns and read_pointer() is not None:
            turn.drift_before, run = self._drift_report(turn, form)
        self._release(turn, run or self.follower.trigger(Dag.RECOMMENDER, form | self.plan.recommender))
        self.turns.append(turn)
        if read_pointer() is None:
            self._refused_first(turn, last=round_ == self.plan.rounds[-1])
            return turn
        self._playlists(turn, form, weeks)
        self._listen(round_.as_of)
        turn.drift_after, run = self._drift_report(turn, form)
        if run is not None:
            self._release(turn, run)
            self._playlists(turn, form, weeks)
        return turn

    def _refused_first(self, turn: Turn, *, last: bool) -> None:
        if last:
            raise DemoFailureError("recommender.promote", f"the gate refused every release: {turn.reason}")
        self.platform.screen.say(f"the gate refused the first release, so nothing is served yet: {turn.reason}")

    def _release(self, turn: Turn, run: str) -> None:
        """Read what the recommender's run came to."""
        api = self.follower.api
        turn.version = api.result(Dag.RECOMMENDER, run, "train")["version"]
        turn.evaluation = api.result(Dag.RECOMMENDER, run, "evaluate")
        turn.promoted = not self.follower.skipped(Dag.RECOMMENDER, run, "promote")
        verdict = read_json(verdict_path(turn.version)) or {}
        turn.reason = str(verdict.get("reason", "live already"))

    def _playlists(self, turn: Turn, form: dict[str, Any], known: set[str]) -> None:
        """A promoted release starts the playlists by itself; a refused one leaves the week to the live release."""
        if turn.promoted:
            known.add(self.follower.started_by_asset(Dag.WEEKLY_PLAYLISTS, known))
        else:
            known.add(self.follower.trigger(Dag.WEEKLY_PLAYLISTS, form))

    def _listen(self, as_of: date) -> None:
        """Send visitors once the service answers with the live release."""
        listeners = Listeners(self.platform.service, self.platform.home)
        live = read_pointer()
        wait_until(
            "service on the live release",
            lambda: live is not None and listeners.live_release() == live.version,
            seconds=SERVICE_SECONDS,
            check=self.platform.check,
        )
        self.platform.screen.status("listeners visit the service")
        self.platform.screen.say(f"listeners: {listeners.visit(as_of).text()}")

    def _drift_report(self, turn: Turn, form: dict[str, Any]) -> tuple[str, str | None]:
        """Run the report and see its e-mail arrive; its verdict, and the recommender's run if the report asked for one."""
        before, known = count(self.platform.home.mail), set(self.follower.api.runs(Dag.RECOMMENDER))
        run = self.follower.trigger(Dag.DRIFT_REPORT, form)
        turn.monitor = self.follower.api.result(Dag.DRIFT_REPORT, run, "monitor")
        arrived = len(wait_for(self.platform.home.mail, before + 1, seconds=MAIL_SECONDS)) > before
        if not arrived and turn.monitor.get("mail") != "already sent":
            raise DemoFailureError("drift_report.monitor", "the report's e-mail did not arrive")
        verdict = str(turn.monitor["verdict"])
        if self.follower.skipped(Dag.DRIFT_REPORT, run, "ask_for_retraining"):
            return verdict, None
        self.platform.screen.say("drift asks for a retraining: the recommender starts by itself")
        return f"{verdict}, asked to retrain", self.follower.started_by_asset(Dag.RECOMMENDER, known)
