"""The numbers of the policy rules. Training writes them into the release, serving and the audit read them from there, so
that a release keeps the rules it was made with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PolicySettings(BaseModel):
    """The numbers the rules hold; `Manifest.policy` is a dump of them. A key a release lacks takes its default here.

    Weights are on the scale of a candidate's value, which is 1 for the best of the candidates looked at and 0 for the last.
    """

    model_config = ConfigDict(frozen=True)

    artist_cap: int = Field(default=2, ge=1, description="most tracks by one artist in a list")
    artist_decay: float = Field(default=0.1, ge=0, description="what each track of an artist costs the next one")
    calibration: float = Field(default=0.8, ge=0, description="weight of the divergence from the listener's genres")
    diversity: float = Field(default=0.2, ge=0, description="weight of the largest cosine to a track already in the list")
    popularity_ceiling: bool = Field(default=True, description="a discovery list is less popular than its listener's habit")
    candidates: int = Field(default=128, ge=1, description="how many of the best candidates a list of 30 is chosen from")


HABIT_TRACKS, HABIT_ABOVE = 5, 2e-3
"""Tracks heard within 60 days, and played by anyone within 30, from which on a listener has a habit of popularity; and how
far, in log-popularity, it lies above the median of all tracks that are played. Whoever hears what few others do needs no
ceiling, and where half of the catalogue was played once there may be nothing below theirs."""

DEFAULT_POLICY = PolicySettings()
