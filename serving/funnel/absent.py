"""Why a track is not in a list, in words, for lists whose making leaves no word of it: the chart and the neighbours of a
track. Only who asks for an explanation waits for this.
"""

from __future__ import annotations

from segue.requests import RemovedTrack
from serving.funnel.answers import removed_of
from serving.funnel.funnel import Funnel
from serving.policy.excluded import NotExcluded
from serving.policy.rule import Listeners
from serving.tracks.catalogue import Rows

OWN_VERSION = "the track itself, or another version of it"


def out_of_chart(funnel: Funnel, listeners: Listeners, count: int, kept: Rows) -> list[RemovedTrack]:
    """What was taken out of one listener's chart down to where their popular list of `count` ends."""
    return removed_of(funnel, listeners, funnel.removed_from_popular(listeners, count, kept), kept)


def out_of_similar(funnel: Funnel, seed: int, listeners: Listeners, count: int, kept: Rows) -> list[RemovedTrack]:
    """What was taken out of the neighbours of a catalogue row down to where the list of them ends. All that such a list
    excludes is its own track in all versions."""
    found = removed_of(funnel, listeners, funnel.removed_from_similar(seed, listeners, count, kept), kept)
    return [one.model_copy(update={"reason": OWN_VERSION}) if one.rule == NotExcluded.name else one for one in found]
