"""The demo's listeners: real HTTP requests to the service on this machine, a bounded number of them, the same every time.

They ask for home pages, radio, weekly playlists and similar tracks, play some of what they get, and a few of them are
strangers, so that the prediction log has something for the drift report to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from typing import Any

import httpx

from infra.demo.failure import DemoFailureError
from segue.dates import start_of, week_after
from segue.home import Home
from segue.names import Surface, Table

LISTENERS = 150
STRANGERS = 3
TRACKS = 20
PLAYS = 60
DEVICES = ("phone", "desktop", "speaker", "web")


@dataclass
class Heard:
    """What came back: how many requests of each kind, and how many lists were a fallback."""

    requests: dict[str, int] = field(default_factory=dict)
    fallbacks: int = 0
    events: int = 0

    def text(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.requests.items())
        return f"{sum(self.requests.values())} requests ({kinds}); {self.fallbacks} fallbacks; {self.events} events accepted"


class Listeners:
    """The users and tracks of a home, and a client of the service at `address`."""

    def __init__(self, address: str, home: Home) -> None:
        self.client = httpx.Client(base_url=address, timeout=30)
        self.users = _ids(home, Table.USERS, "user_id", LISTENERS)
        self.tracks = _ids(home, Table.TRACKS, "track_id", TRACKS)

    def live_release(self) -> str | None:
        """The release the service answers with; None while it has none or is not up."""
        try:
            answer = self.client.post("/v1/recommend", json={"user_id": self.users[0], "count": 1})
            return answer.json().get("release") if answer.is_success else None
        except httpx.HTTPError:
            return None

    def visit(self, as_of: date) -> Heard:
        """One day of visits in the week after `as_of`.

        Raises:
            DemoFailureError: no answer, or one that is not a success.
        """
        heard, morning = Heard(), start_of(week_after(as_of)) + timedelta(hours=7)
        plays: list[dict[str, Any]] = []
        for number, (user, device, surface) in enumerate(self._visitors()):
            at = morning + timedelta(minutes=4 * number)
            body = {"user_id": user, "context": {"requested_at": at.isoformat(), "device": device, "surface": surface}}
            found = self._ask(heard, "recommend", "POST", "/v1/recommend", json=body)
            if len(plays) < PLAYS and found["tracks"]:
                plays.append(_play(user, found["tracks"][0]["track_id"], device, surface, at))
            if number % 2 == 0:
                self._ask(heard, "weekly", "GET", f"/v1/users/{user}/weekly")
        for track in self.tracks:
            self._ask(heard, "similar", "GET", f"/v1/tracks/{track}/similar")
        if plays:
            heard.events = int(self._ask(heard, "events", "POST", "/v1/events", json={"events": plays})["accepted"])
        return heard

    def _visitors(self) -> Iterator[tuple[str, str, str]]:
        strangers = [f"demo-stranger-{number}" for number in range(STRANGERS)]
        people = [*self.users, *strangers]
        return zip(people, islice(cycle(DEVICES), len(people)), cycle((Surface.HOME.value, Surface.RADIO.value)), strict=False)

    def _ask(self, heard: Heard, kind: str, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self.client.request(method, path, **request)
        except httpx.HTTPError as problem:
            raise DemoFailureError("traffic", f"{method} {path}: {type(problem).__name__}: {problem}") from problem
        if not answer.is_success:
            raise DemoFailureError("traffic", f"{method} {path} answered {answer.status_code}", answer.text)
        heard.requests[kind] = heard.requests.get(kind, 0) + 1
        found = dict(answer.json())
        heard.fallbacks += bool(found.get("fallback"))
        return found


def _play(user: str, track: str, device: str, surface: str, at: datetime) -> dict[str, Any]:
    return {
        "event_id": f"demo-{user}-{at:%Y%m%dT%H%M}",
        "event_type": "play",
        "user_id": user,
        "track_id": track,
        "occurred_at": (at + timedelta(minutes=1)).isoformat(),
        "ms_played": 185_000,
        "device": device,
        "surface": surface,
    }


def _ids(home: Home, table: Table, column: str, number: int) -> list[str]:
    """Up to `number` ids, spread evenly over the sorted whole."""
    import pyarrow.parquet as pq

    ids = sorted(pq.read_table(home.table(table) / "data.parquet", columns=[column])[column].to_pylist())
    return ids[:: max(1, len(ids) // number)][:number]
