"""The numbers of the policy rules. Training writes them into the release, serving and the audit read them from there, so
that a release keeps the rules it was made with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PolicySettings(BaseModel):
    """The numbers the rules hold; `Manifest.policy` is a dump of them. A key a release lacks takes its default here."""

    model_config = ConfigDict(frozen=True)

    artist_cap: int = Field(default=2, ge=1, description="most tracks by one artist in a list")


DEFAULT_POLICY = PolicySettings()
