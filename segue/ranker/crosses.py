"""What a listener and a candidate have in common, in machine code: the numbers of `trainers.layers.crosses`, and the three
that say how it was retrieved (`trainers.ranker.inputs`). Those graphs are what was trained; this has to say the same.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.codes import FIRST_KNOWN
from segue.compiled import compiled
from segue.prefetch import LINE, prefetch

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
RECENT_SCALE, RANK_SCALE, SUCCESS_SCALE, NEAR_SCALE = 10.0, 10.0, 5.0, 5.0
PLAYS_SCALE, RETRIEVED_SCALE, PLACE_SCALE = 5.0, 5.0, 3.0
OWN_TASTE = 2.0
"""At 1 lists were as well received and showed an eighth fewer tracks: what everybody receives well is given to everybody."""
FEWEST_TRACKS = 3.0
"""An artist with fewer tracks counts as one with so many, when a share of the catalogue is taken."""
WIDTH, COMMON = 14, 17
"""How many numbers they have in common, and how many with the three of how a candidate was retrieved, which come after."""
AHEAD = 8
"""So many candidates before it is read, a track is brought near: about what memory takes to answer."""
LIKED, RECEIVED = WIDTH - 2, WIDTH - 1
AWAY = WIDTH + 1
"""The number that says how far from the best candidate one was retrieved."""
SMALLEST = np.float32(1e-30)
"""A chance is no less where its logarithm is taken."""
ZERO, ONE = np.float32(0), np.float32(1)


class Users(NamedTuple):
    """Encoded listeners (n, ...), as `encode_users` gives them; `numbers` has no columns where no tree looks at them."""

    artists: Codes
    artist_shares: Floats
    genres: Codes
    genre_shares: Floats
    recent_artists: Codes
    audio: Floats
    factor: Floats
    liking: Floats
    belief: Floats
    territory: Codes
    hidden: Floats
    taste: Floats
    numbers: Floats


class Tracks(NamedTuple):
    """The packed track half (m, ...) of a release and popularity by territory (t, m, 2), as `ranker_tracks/` holds them."""

    rows: Floats
    codes: Codes
    hidden: Floats
    factor: Floats
    territory: Floats


class Layout(NamedTuple):
    """Where what is narrow of a track begins in its row, and which of its codes are the artist's and the genre's. `numbers` is
    -1 where no tree looks at them, and `user_numbers` is how many of a user they may look at."""

    artist_tracks: int
    audio: int
    length: int
    numbers: int
    received: int
    start: int
    taste: int
    artist: int
    genre: int
    user_numbers: int


class Listener(NamedTuple):
    """A listener by `row` of `Users`, both directions as they are multiplied, and the scaled retrieval score of the best
    candidate."""

    row: int
    near: Floats
    liking: Floats
    best: np.float32


@compiled
def common(users: Users, tracks: Tracks, at: Layout, who: Listener, asked: Codes, retrieved: Floats, out: Floats) -> None:
    """What listener `who` and each track `asked` for (c,) have in common, into `out` (c, `COMMON` or more).

    Args:
        retrieved: (2, c), the scaled retrieval score of each and the number of its place among them all.
    """
    audio, territory, rows, there = users.audio[who.row], users.territory[who.row], tracks.rows, tracks.territory
    recent_artists = users.recent_artists[who.row]
    artists, artist_shares = users.artists[who.row], users.artist_shares[who.row]
    genres, genre_shares = users.genres[who.row], users.genre_shares[who.row]
    for place in range(min(AHEAD, len(asked))):
        _bring(tracks, there[territory], asked[place])
    for place in range(len(asked)):
        track = asked[place]
        if place + AHEAD < len(asked):
            _bring(tracks, there[territory], asked[place + AHEAD])
        recent = _count(tracks.codes[track, at.artist], recent_artists)
        of_artist = _share(tracks.codes[track, at.artist], artists, artist_shares)
        of_genre = _share(tracks.codes[track, at.genre], genres, genre_shares)
        plays, rank = there[territory, track, 0], there[territory, track, 1]
        near, liked = _products(tracks.factor, track, who.near, who.liking)
        out[place, 0], out[place, 1] = np.sqrt(of_artist), np.sqrt(of_genre)
        out[place, 2] = np.sqrt(recent / np.float32(RECENT_SCALE))
        for way in range(2):
            comparable = (ONE - audio[2 + way]) * (ONE - rows[track, at.audio + 2 + way])
            out[place, 3 + way] = abs(audio[way] - rows[track, at.audio + way]) * comparable
        out[place, 5] = np.log1p(max(plays, ZERO)) / np.float32(PLAYS_SCALE) if np.isfinite(plays) else ZERO
        out[place, 6] = ONE - np.log1p(max(rank, ZERO)) / np.float32(RANK_SCALE) if np.isfinite(rank) else ZERO
        out[place, 7] = ONE if np.isfinite(plays) else ZERO
        out[place, 8] = ONE if of_artist > 0 else ZERO
        out[place, 9] = np.sqrt(recent / max(rows[track, at.artist_tracks], np.float32(FEWEST_TRACKS)))
        out[place, 10] = near
        out[place, 11] = ONE if recent > 0 else ZERO
        out[place, LIKED] = liked / rows[track, at.length]
        out[place, RECEIVED] = np.float32(SUCCESS_SCALE) * rows[track, at.received]
        out[place, WIDTH] = retrieved[0, place] / np.float32(RETRIEVED_SCALE)
        out[place, AWAY] = (retrieved[0, place] - who.best) / np.float32(RETRIEVED_SCALE)
        out[place, WIDTH + 2] = retrieved[1, place]


@compiled
def _bring(tracks: Tracks, there: Floats, track: int) -> None:
    """Begin to bring near what is read of one track, here and by the network, and its popularity `there` (m, 2)."""
    prefetch(there, track, 0)
    prefetch(tracks.codes, track, 0)
    for column in range(0, tracks.rows.shape[1], LINE):
        prefetch(tracks.rows, track, column)
    for column in range(0, tracks.factor.shape[1], LINE):
        prefetch(tracks.factor, track, column)
    for column in range(0, tracks.hidden.shape[1], LINE):
        prefetch(tracks.hidden, track, column)


@compiled
def staying(numbers: Floats, place: int) -> np.float32:
    """How far a listener stays with one candidate longer than with the usual track, from what they have in common (c, f)."""
    return np.float32(OWN_TASTE) * numbers[place, LIKED] + numbers[place, RECEIVED]


@compiled
def _share(code: int, names: Codes, shares: Floats) -> np.float32:
    """The share that a code has among `names` (k,); 0 for unknown and missing ones."""
    found = ZERO
    if code >= FIRST_KNOWN:
        for place in range(len(names)):
            found += shares[place] if names[place] == code else ZERO
    return found


@compiled
def _count(code: int, ordered: Codes) -> np.float32:
    """How often a code is among `ordered` (k,), rising; 0 for unknown and missing ones."""
    if code < FIRST_KNOWN:
        return ZERO
    first, left = 0, len(ordered)
    while left > 0:
        half = left // 2
        first, left = (first + half + 1, left - half - 1) if ordered[first + half] < code else (first, half)
    last = first
    while last < len(ordered) and ordered[last] == code:
        last += 1
    return np.float32(last - first)


@partial(compiled, any_order=True)
def _products(factors: Floats, track: int, near: Floats, liking: Floats) -> tuple[np.float32, np.float32]:
    """The products of a track's factors, out of those of all (m, d), with both directions of a listener (d,)."""
    closeness, liked = ZERO, ZERO
    for place in range(len(near)):
        closeness += factors[track, place] * near[place]
        liked += factors[track, place] * liking[place]
    return closeness, liked
