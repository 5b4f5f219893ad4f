"""Why a kept track is in a list: as a code where lists are made and stored, in words where one is read.

A code is a kind, and for some kinds what it speaks of after a colon: `often`, `chart:SE`, `near:TRACK`, `rule:artist_cap`. The
week is coded for many lists at once, as arrays; words need a catalogue, and the one of the day they are read is the right one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.tensors import is_list
from serving.funnel.funnel import Funnel
from serving.funnel.lists import FOLLOWING, POPULAR, SIMILAR, Lists
from serving.funnel.people import coded
from serving.policy.diversity import CLOSE
from serving.policy.order import LIST_RULES
from serving.policy.rule import Floats, Listeners, member
from serving.policy.selection import EXPLORED, Rules
from serving.tracks.catalogue import NO_TRACK, Catalogue, Rows

RECENT = 20
CHART, NEW, SAVED, OFTEN, TRIED, GENRE, TASTE = "chart", "new", "saved", "often", "tried", "genre", "taste"
NEAR, TOWARD, LIKE, AFTER, RULE = "near:", "toward:", "like:", "after:", "rule:"
WORDS = {
    NEW: "new to most listeners",
    SAVED: "from an artist you saved",
    TASTE: "played by listeners with a taste like yours",
}
OF_TRACK = {
    NEAR: "similar to {} you played recently",
    TOWARD: "a step away from {} you played recently",
    LIKE: "similar to {}",
    AFTER: "goes well after {}",
}
Codes = npt.NDArray[np.object_]


def in_words(catalogue: Catalogue, row: int, code: str) -> str:
    """A code of the track in catalogue row `row` in words a listener understands; what is no code is words already. Of a track
    that the catalogue has no more, `NO_TRACK`, only what needs no name is said."""
    kind, colon, of = code.partition(":")
    if kind + colon in OF_TRACK:
        other = catalogue.row(of)
        return OF_TRACK[kind + colon].format((catalogue.title[other] if other != NO_TRACK else None) or of)
    if kind == CHART:
        return f"popular in {of}" if of else "popular worldwide"
    if row == NO_TRACK and (kind + colon == RULE or code in (OFTEN, TRIED, GENRE)):
        return WORDS[TASTE]
    if kind + colon == RULE:
        words = [rule.moved_in(catalogue, row) for rule in LIST_RULES if rule.name == of]
        return next(filter(None, words), WORDS[TASTE])
    if code in (OFTEN, TRIED, GENRE):
        return _of_itself(catalogue, row, code)
    return WORDS.get(code, code)


def _of_itself(catalogue: Catalogue, row: int, code: str) -> str:
    artist, genre = catalogue.artist_name[row], catalogue.genre[row]
    if code == OFTEN:
        return f"because you often play {artist or catalogue.artist_id[row]}"
    if code == GENRE:
        return f"matches your {genre} listening"
    return f"something to try: {artist or genre}" if artist or genre else "something to try"


def personal_reasons(funnel: Funnel, listeners: Listeners, lists: Lists, columns: Mapping[str, Sequence[Any]]) -> Codes:
    """One code for each track of n lists (n, k), from the features (n rows each) that the models saw. The nearest truth first:
    an artist they saved or often play, the rule or the exploration that brought it in, a track they just played, a genre they
    listen to."""
    catalogue, rows = funnel.catalogue, np.maximum(lists.rows, 0)
    codes = _by_sound(funnel, listeners, rows, columns["recent_tracks"])
    _by_rule(codes, lists.moved_by)
    codes[lists.moved_by == EXPLORED] = TRIED
    artist = catalogue.artist[rows]
    codes[member(coded(catalogue.artist_codes, columns["top_artists"]), artist, catalogue.artist_count)] = OFTEN
    kept = [catalogue.artist[saved] for saved in listeners.saved]
    codes[member(kept, artist, catalogue.artist_count)] = SAVED
    charted = lists.source == POPULAR
    if charted.any():
        codes[charted] = chart_reasons(catalogue, lists, listeners.territory)[charted]
    return codes


def chart_reasons(catalogue: Catalogue, lists: Lists, territories: Sequence[str | None]) -> Codes:
    """Codes (n, k) of popular tracks: popular where it was played; said as it is when it was played nowhere; and the rule that
    brought one in before others."""
    rows = np.maximum(lists.rows, 0)
    codes = np.full(rows.shape, NEW, dtype=object)
    if len(catalogue):
        codes[catalogue.plays[rows] > 0] = CHART
    for who, territory in enumerate(territories):
        chart = catalogue.popular(territory)
        if chart.territory is not None:
            codes[who, chart.share[rows[who]] > 0] = f"{CHART}:{chart.territory}"
    _by_rule(codes, lists.moved_by)
    return codes


def _by_rule(codes: Codes, moved_by: Rules) -> None:
    for number, rule in enumerate(LIST_RULES):
        codes[moved_by == number] = f"{RULE}{rule.name}"


def similar_reasons(catalogue: Catalogue, seed: int, lists: Lists, territories: Sequence[str | None]) -> Codes:
    """Codes (n, k) of the neighbours of the track `seed`."""
    charted = chart_reasons(catalogue, lists, territories)
    return np.where(lists.source == SIMILAR, f"{LIKE}{catalogue.ids[seed]}", charted)


def radio_reasons(catalogue: Catalogue, session: Rows, lists: Lists, territories: Sequence[str | None]) -> Codes:
    """Codes (n, k) of tracks that go on from a running session, catalogue rows (s,), the last one playing."""
    charted = chart_reasons(catalogue, lists, territories)
    return np.where(lists.source == FOLLOWING, f"{AFTER}{catalogue.ids[int(session[-1])]}", charted)


def _by_sound(funnel: Funnel, listeners: Listeners, rows: Rows, recent_tracks: Sequence[Any]) -> Codes:
    catalogue, codes = funnel.catalogue, np.full(rows.shape, TASTE, dtype=object)
    nearest, cosine = _nearest(funnel, rows, recent_tracks)
    there = nearest >= 0
    close, heading = there & (cosine >= CLOSE), there & (cosine > 0)
    codes[heading] = TOWARD + catalogue.ids[nearest[heading]]
    genre = catalogue.genre_code[rows]
    if len(listeners.genres):
        theirs = ((genre[:, :, None] == listeners.genres[:, None, :]) & (genre >= 0)[:, :, None]).any(axis=2)
        codes[theirs] = GENRE
    codes[close] = NEAR + catalogue.ids[nearest[close]]
    return codes


def _nearest(funnel: Funnel, rows: Rows, recent_tracks: Sequence[Any]) -> tuple[Rows, Floats]:
    """Of the tracks each listener played last the one most like each of `rows` (n, k), as a catalogue row, and its cosine."""
    recent = np.full((len(rows), RECENT), NO_TRACK, dtype=np.int32)
    for who, tracks in enumerate(recent_tracks):
        played = funnel.catalogue.rows(tracks[:RECENT]) if is_list(tracks) else recent[who, :0]
        recent[who, : len(played)] = played
    vectors, others = (funnel.vectors_of(some.ravel()).reshape(*some.shape, -1) for some in (rows, recent))
    closeness = np.where(recent[:, None, :] >= 0, vectors @ others.transpose(0, 2, 1), np.float32(-np.inf))
    best = closeness.argmax(axis=2)
    return np.take_along_axis(recent, best, axis=1), np.take_along_axis(closeness, best[:, :, None], axis=2)[:, :, 0]
