"""Why a track is not in a list, in words, for lists whose making leaves no word of it: the chart, the neighbours of a track
and a stored playlist. Only who asks for an explanation waits for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from segue.names import CandidateSource
from segue.playlists import PLAYLIST_LENGTH
from segue.requests import RemovedTrack
from serving.answers import removed_of
from serving.catalogue import Rows
from serving.funnel import Funnel
from serving.people import Row, listeners_of, model_columns, no_moment, with_days
from serving.policy import order
from serving.policy.excluded import NotExcluded
from serving.policy.rule import Listeners
from serving.stored_playlist import taken_out

OWN_VERSION = "the track itself, or another version of it"


def out_of_chart(funnel: Funnel, listeners: Listeners, count: int, kept: Rows) -> list[RemovedTrack]:
    """What was taken out of one listener's chart down to where their popular list of `count` ends."""
    return removed_of(funnel, listeners, funnel.removed_from_popular(listeners, count, kept), kept)


def out_of_similar(funnel: Funnel, seed: int, listeners: Listeners, count: int, kept: Rows) -> list[RemovedTrack]:
    """What was taken out of the neighbours of a catalogue row down to where the list of them ends. All that such a list
    excludes is its own track in all versions."""
    found = removed_of(funnel, listeners, funnel.removed_from_similar(seed, listeners, count, kept), kept)
    return [one.model_copy(update={"reason": OWN_VERSION}) if one.rule == NotExcluded.name else one for one in found]


def out_of_stored(funnel: Funnel, owner: Listeners, row: Row, stored: Mapping[str, Any], now: datetime) -> list[RemovedTrack]:
    """What today's rules take out of a playlist stored for `owner`; then what they, and what is left of it, keep out of the
    candidates, if the funnel is of the release that made it and can tell. `row` is the listener's as it is `now`."""
    since, rows = taken_out(funnel, stored, owner), funnel.catalogue.rows(stored["track_ids"])
    left = rows[order.allowed_alone(owner, funnel.catalogue, rows[None])[0]]
    policy = {name: [value] for name, value in row.policy.items()}
    days, territory = (owner.first, owner.last), owner.territory[0]
    listeners = listeners_of(funnel.catalogue, owner.ids, policy, days=days, discovery=True, territory=territory)
    listeners = with_days(funnel.catalogue, listeners, now)
    if all(source == CandidateSource.POPULAR for source in stored["sources"]):
        taken = funnel.removed_from_popular(listeners, PLAYLIST_LENGTH, left)
        return since + removed_of(funnel, listeners, taken, rows)
    if funnel.model is None or funnel.model.version != stored["release"]:
        return since
    features = {name: [value] for name, value in row.features.items()} | no_moment(1)
    taken = funnel.removed(listeners, model_columns(owner.ids, features), PLAYLIST_LENGTH, left)
    return since + removed_of(funnel, listeners, taken, rows)
