"""The event format: what players, the simulator and `POST /v1/events` write, and what bronze reads.

Files are JSON Lines or Parquet with the columns of `EVENT_COLUMNS`, timestamps in UTC microseconds. Beside events a source
may land its catalogue (`TRACK_COLUMNS`) and its accounts (`USER_COLUMNS`); the newest row of an id wins.
The pydantic models validate what arrives over HTTP; files are checked for their columns by `segue land`, and their rows
one by one by dbt, where a bad row is kept with its reason. A catalogue or account row with a value that cannot be read is kept
with its reason and counts too, but permits nothing: null is what the columns below say, and not what cannot be read.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\s\x00-\x1f]+$")]
Territory = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
EventType = Literal["play", "save", "playlist_add", "dislike", "dislike_artist"]
Device = Literal["phone", "desktop", "speaker", "tv", "car", "web"]

EVENT_COLUMNS: dict[str, str] = {
    "event_id": "string",
    "event_type": "string",
    "user_id": "string",
    "track_id": "string",
    "occurred_at": "timestamp[us, tz=UTC]",
    "received_at": "timestamp[us, tz=UTC]",
    "ms_played": "int64",
    "device": "string",
    "territory": "string",
    "surface": "string",
    "playlist_id": "string",
}
"""Column name to Arrow type."""

TRACK_COLUMNS: dict[str, str] = {
    "track_id": "string",
    "title": "string",
    "artist_id": "string",
    "artist_name": "string",
    "album_id": "string",
    "genre": "string",
    "tempo": "double",
    "energy": "double",
    "duration_ms": "int64",
    "explicit": "bool",
    "release_date": "date32[day]",
    "version_family": "string",
    "version_kind": "string",
    "label_type": "string",
    "licences": "list<element: struct<territory: string, valid_from: date32[day], valid_to: date32[day]>>",
}
"""Column name to Arrow type. `tempo` in beats per minute, `energy` 0 to 1. `version_family` is shared by
the versions (original, remaster, live, radio edit) of one recording. `licences` null: playable everywhere; an empty list, or
what cannot be read: nowhere; `valid_to` is the first day it may no longer be played, null for no end. `explicit` counts as
true where it cannot be read. `label_type` is the kind of label a track is released by, in words of your own, such as major,
independent or self_released."""

USER_COLUMNS: dict[str, str] = {
    "user_id": "string",
    "territory": "string",
    "signup_date": "date32[day]",
    "explicit_allowed": "bool",
    "adventurousness": "double",
}
"""Column name to Arrow type. `explicit_allowed` null counts as true, what cannot be read as false; `adventurousness`, from 0
to 1, is how much of their lists is for trying out, null where they have not said."""

REQUIRED_COLUMNS: dict[str, tuple[str, ...]] = {
    "events": ("event_id", "event_type", "user_id", "track_id", "occurred_at"),
    "tracks": ("track_id",),
    "users": ("user_id",),
}
"""Kind of file to the columns it must have; the others may be absent or null."""

SESSION_GAP_MINUTES = 30
"""A pause longer than this starts a new session (the convention of web analytics and of #nowplaying)."""


class Event(BaseModel):
    """One thing a listener did.

    A `dislike_artist` names the track at which it was said, and means that track's artist.
    `ms_played` is the time heard, in milliseconds, for plays. `surface` is where the play began. `playlist_id` names the
    list it began from, or the list a track was added to.
    """

    model_config = ConfigDict(extra="forbid")

    event_id: Id
    event_type: EventType
    user_id: Id
    track_id: Id
    occurred_at: AwareDatetime
    received_at: AwareDatetime | None = None
    ms_played: int | None = Field(default=None, ge=0, le=86_400_000)
    device: Device | None = None
    territory: Territory | None = None
    surface: str | None = Field(default=None, max_length=32)
    playlist_id: Id | None = None

    @model_validator(mode="after")
    def _names_its_playlist(self) -> Self:
        if self.event_type == "playlist_add" and self.playlist_id is None:
            sentence = "a playlist_add needs the playlist_id of the list the track was added to"
            raise PydanticCustomError("missing_playlist_id", sentence)
        return self
