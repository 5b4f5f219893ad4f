"""Every way a list comes to be, and what its listeners must not get by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from serving.funnel.funnel import Funnel
from serving.funnel.lists import SOURCES, Lists
from serving.funnel.people import NOTHING, listeners_of, nobody, owner_of
from serving.live.stored_playlist import still_allowed
from serving.policy.order import LIST_RULES
from serving.policy.rule import Listeners
from serving.tracks.catalogue import NO_TRACK, Catalogue

Path = Callable[[Funnel, Listeners, int], tuple[Listeners, Lists]]


def radio(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    one = first_of(listeners)
    return one, funnel.radio(one, known_row(funnel), count)


def similar(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    one = first_of(listeners)
    lists = funnel.similar(int(known_row(funnel)[0]), one, count)
    assert lists is not None
    return one, lists


def similar_for_nobody(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    """As the service asks for them: where, whether explicit ones may come, and what is left out, is all that is known."""
    one = without_history(first_of(listeners))
    asked = replace(one, last=one.first)
    who = nobody(
        territory=one.territory[0], explicit_allowed=bool(one.explicit_allowed[0]), excluded=one.excluded[0], day=one.first
    )
    return asked, similar(funnel, who, count)[1]


def of_rows(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    """As the service makes it of an account, a row of the store and a request; the habit is what the row says it is."""
    one = first_of(listeners)
    catalogue = with_account(funnel.catalogue, one)
    heard = catalogue.ids[one.heard[0]]
    row = {name: [said] for name, said in refused(catalogue, one).items()}
    row |= {"heard_tracks": [heard], "heard_60d": [len(heard)]}
    left_out = catalogue.ids[one.excluded[0]]
    days = (one.first, one.last)
    made = listeners_of(catalogue, one.ids, row, days=days, discovery=one.discovery, excluded=left_out)
    lists = Funnel(funnel.model, catalogue).personal(made, {"user_id": one.ids}, count)
    return replace(one, habit=made.habit), lists


def stored(funnel: Funnel, listeners: Listeners, count: int) -> tuple[Listeners, Lists]:
    """A playlist made while every track was licensed and its owner minded nothing, asked for when that is over."""
    one = replace(first_of(listeners), habit=np.full(1, np.nan, np.float32))
    before = replace(one, explicit_allowed=np.array([True]), disliked=[NOTHING], disliked_artists=[])
    free = replace(funnel.catalogue, everywhere=np.ones(len(funnel.catalogue), dtype=bool), _playable={})
    lists = Funnel(funnel.model, free).personal(before, {"user_id": one.ids}, count)
    now = with_account(funnel.catalogue, one)
    owner = owner_of(now, one.ids[0], refused(now, one), days=(one.first, one.last), territory=one.territory[0])
    left = [now.row(track.track_id) for track in still_allowed(now, playlist(now, lists), owner)]
    rows = np.full((1, count), NO_TRACK, dtype=np.int32)
    rows[0, : len(left)] = left
    return one, replace(lists, rows=rows)


PATHS: dict[str, Path] = {
    "personal": lambda funnel, people, count: (people, funnel.personal(people, {"user_id": people.ids}, count)),
    "of rows": of_rows,
    "stored": stored,
    "radio": radio,
    "similar": similar,
    "similar for nobody": similar_for_nobody,
    "popular": lambda funnel, people, count: (people, funnel.popular(people, count)),
    "before the first release": lambda funnel, people, count: (people, Funnel(None, funnel.catalogue).popular(people, count)),
}
ONLY_TAKE_AWAY = ("stored",)
NOT_ASKED = {
    "stored": tuple(rule.name for rule in LIST_RULES),  # asked when it was made
    "similar for nobody": ("already_heard", "disliked", "disliked_artist", "popularity_ceiling"),
}
"""Rules that have nothing to say on a path."""


def first_of(listeners: Listeners) -> Listeners:
    return listeners.some(np.array([0]))


def known_row(funnel: Funnel) -> Any:
    return funnel.catalogue.rows(funnel.model.track_ids[:1])  # type: ignore[union-attr]


def without_history(one: Listeners) -> Listeners:
    habit = np.full(1, np.nan, np.float32)
    return replace(one, heard=[NOTHING], disliked=[NOTHING], disliked_artists=[], habit=habit)


def with_account(catalogue: Catalogue, one: Listeners) -> Catalogue:
    """The catalogue with the account of a listener."""
    account = (one.territory[0], bool(one.explicit_allowed[0]))
    return replace(catalogue, accounts={one.ids[0]: account}, _playable={})


def refused(catalogue: Catalogue, one: Listeners) -> dict[str, Sequence[str]]:
    """What a listener disliked, as their row has it."""
    artists = [f"a{code}" for code in one.disliked_artists[0]] if one.disliked_artists else []
    return {"disliked_tracks": list(catalogue.ids[one.disliked[0]]), "disliked_artists": artists}


def playlist(catalogue: Catalogue, lists: Lists) -> dict[str, Any]:
    """The first list as the store has it."""
    length = int(lists.lengths()[0])
    return {
        "track_ids": list(catalogue.ids[lists.rows[0, :length]]),
        "scores": lists.score[0, :length].tolist(),
        "sources": [SOURCES[source] for source in lists.source[0, :length]],
        "reasons": [""] * length,
    }
