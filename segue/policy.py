"""The numbers of the policy rules. Training writes them into the release, serving and the audit read them from there, so
that a release keeps the rules it was made with. `SEGUE_POLICY` says which numbers the next release gets.

A key that a release lacks is one that did not exist when it was made: `policy_of` gives it the value that leaves lists as
they were then, not the default of today. A key that nobody knows is refused: a rule that should hold and does not is worse
than a release that does not open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segue.errors import NotBegunError, SegueError
from segue.settings import get_settings

Number = TypeVar("Number", bound=np.floating[Any])


class PolicySettings(BaseModel):
    """The numbers the rules hold; `Manifest.policy` is a dump of them. The defaults are those of a release made now.

    Weights are on the scale of a candidate's value, which is 1 for the best of the candidates looked at and 0 for the last.
    But `staying` is on that of the ranker's own score, which it changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    artist_cap: int = Field(default=2, ge=1, description="most tracks by one artist in a list")
    artist_decay: float = Field(default=0.1, ge=0, description="what each track of an artist costs the next one")
    calibration: float = Field(default=0.8, ge=0, description="weight of the divergence from the listener's genres")
    diversity: float = Field(default=0.2, ge=0, description="weight of the largest cosine to a track already in the list")
    popularity_ceiling: bool = Field(default=True, description="a discovery list is less popular than its listener's habit")
    small_artists: float = Field(
        default=0.0, ge=0, le=1, description="least share of a list, and of a week's places, for small artists; 0: none"
    )
    staying: float = Field(
        default=1.0, ge=0, description="weight, on the ranker's score, of how far a track is stayed with longer than usual"
    )
    candidates: int = Field(default=128, ge=1, description="how many of the best candidates a list of 30 is chosen from")
    adventurousness: float = Field(default=0.5, ge=0, le=1, description="the dial of who has not set theirs")
    usual_novelty: float = Field(
        default=0.5, ge=0, description="what a track gains that is all new to its listener, the dial at a half"
    )
    novelty: float = Field(default=1.0, ge=0, description="how much more than that the dial gives at 1, and takes at 0")
    explore_slots: int = Field(default=3, ge=0, le=10, description="slots of a list of 30 that explore, the dial at a half")
    explore_pool: int = Field(default=24, ge=2, le=128, description="how many of the best open tracks such a slot looks at")
    explore_weight: float = Field(default=0.5, ge=0, description="weight of the log of the save rate drawn, the dial at 1")
    explore_floor: float = Field(
        default=0.2, gt=0, le=1, description="chance that such a slot takes any of its tracks alike; bounds the weights of IPS"
    )

    @property
    def minds_novelty(self) -> bool:
        """Whether it makes any difference that a track is new to its listener."""
        return self.usual_novelty > 0 or self.novelty > 0

    def tilt(self, dials: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """What a track gains that is all new to its listener (n,), by how adventurous the lists may be (n,)."""
        return np.asarray(self.usual_novelty + self.novelty * (2 * dials - 1), dtype=dials.dtype)


HABIT_TRACKS, HABIT_ABOVE = 5, 2e-3
"""Tracks heard within 60 days, and played by anyone within 30, from which on a listener has a habit of popularity; and how
far, in log-popularity, it lies above the median of all tracks that are played. Whoever hears what few others do needs no
ceiling, and where half of the catalogue was played once there may be nothing below theirs."""

SMALL_BEYOND = 0.9
"""The most played artists have this share of all plays of 30 days together; an artist beyond them is small, and so is one whom
nobody plays. Equally played artists stand together, with all of them before each."""

DEFAULT_POLICY = PolicySettings()
BEFORE: dict[str, Any] = {"explore_slots": 0, "staying": 0.0, "usual_novelty": 0.0, "novelty": 0.0}
"""What a release does that was made before a key existed, where that is not what the default does."""


def policy_of(kept: Mapping[str, Any]) -> PolicySettings:
    """The policy of a release from its manifest.

    Raises:
        SegueError: it has a key or a number that is none.
    """
    return _checked(BEFORE | dict(kept), "the policy of the release", "train a release with this version of Segue")


def chosen_policy() -> PolicySettings:
    """The policy of the next release: the defaults, with what `SEGUE_POLICY` says, JSON or the path of a file of it.

    Raises:
        SegueError: it names no file and is no JSON object, or has a key or a number that is none.
    """
    said = get_settings().policy
    return read_policy(said, "SEGUE_POLICY", "correct or unset SEGUE_POLICY") if said else DEFAULT_POLICY


def read_policy(said: str, whose: str, mend: str) -> PolicySettings:
    """The settings that `said` holds, JSON or the path of a file of it, over the defaults.

    Raises:
        SegueError: it names no file and is no JSON object, or has a key or a number that is none; `whose` it is and how to
            `mend` it are part of the sentence.
    """
    try:
        found = json.loads(said if said.lstrip().startswith("{") else Path(said).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise NotBegunError(expected=f"{whose} as a JSON object or a file of one", received=repr(said), mend=mend) from problem
    return _checked(found, whose, mend, NotBegunError)


def _checked(found: Any, whose: str, mend: str, error: type[SegueError] = SegueError) -> PolicySettings:
    try:
        return PolicySettings.model_validate(found)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "an object"
        raise error(
            expected=f"{whose} to hold settings of the policy ({key}: {first['msg'][:1].lower()}{first['msg'][1:]})",
            received=repr(first["input"]),
            mend=mend,
        ) from problem
