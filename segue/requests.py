"""What callers send and get: the HTTP contract, shared by the service, its tests and the demo's client.

Every list says why: each track carries its candidate source, its score and a reason code, and the list its release.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from segue.events import Device, Event, Id, Territory
from segue.names import CandidateSource, Fallback, Surface

MAX_COUNT = 100
MAX_SESSION_TRACKS = 100


class Context(BaseModel):
    """The moment of a request. All fields are optional; what is missing counts as unknown."""

    model_config = ConfigDict(extra="forbid")

    requested_at: AwareDatetime | None = Field(default=None, description="default: now")
    device: Device | None = None
    territory: Territory | None = Field(default=None, description="where the listener is; default: the account's")
    surface: Literal["home", "radio"] = Field(
        default="home", description="where the list is shown; radio goes on from `session_tracks` where there are any"
    )
    session_tracks: list[Id] = Field(
        default_factory=list,
        max_length=MAX_SESSION_TRACKS,
        description="what was played in the running session, oldest first; radio goes on from it and repeats none of it",
    )


class RecommendRequest(BaseModel):
    """Body of `POST /v1/recommend`."""

    model_config = ConfigDict(extra="forbid")

    user_id: Id
    context: Context = Context()
    count: int = Field(default=30, ge=1, le=MAX_COUNT)
    exclude: list[Id] = Field(default_factory=list, max_length=1_000, description="tracks not wanted in this list")
    adventurousness: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="how much of the list is for trying out, 0 to 1; default: as the listener set it, and none in radio",
    )
    explain: bool = Field(default=False, description="also return the removed candidates, each with the rule")


class EventBatch(BaseModel):
    """Body of `POST /v1/events`."""

    model_config = ConfigDict(extra="forbid")

    events: list[Event] = Field(min_length=1, max_length=1_000)


class RecommendedTrack(BaseModel):
    track_id: str
    title: str | None
    artist_id: str | None
    artist_name: str | None
    score: float
    source: CandidateSource
    reason: str = Field(description="why it is here, in words")


class RemovedTrack(BaseModel):
    track_id: str
    title: str | None = None
    artist_id: str | None = None
    artist_name: str | None = None
    rule: str
    reason: str = Field(description="why it is not here, in words, true of the list it is not in")


class TrackList(BaseModel):
    """Every list the platform answers with, best first."""

    request_id: str
    user_id: str | None = None
    surface: Surface
    release: str | None = Field(description="the one that made the list; null where none did, or none is loaded yet")
    week: date | None = None
    fallback: Fallback | None = Field(default=None, description="why the list is not personal; null when it is")
    tracks: list[RecommendedTrack]
    removed: list[RemovedTrack] | None = None


class EventsAccepted(BaseModel):
    accepted: int
    received_at: datetime


class Problem(BaseModel):
    """Body of every 4xx and 5xx: one sentence."""

    error: str
