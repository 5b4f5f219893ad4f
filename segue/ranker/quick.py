"""A release's ranker in machine code: opened from the weights its SavedModel keeps, and asked as the SavedModel is.

Weights are those of the graph, by the names it keeps them under (`ARRAYS`). Scores differ as sums in another order do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from segue.codes import FIRST_KNOWN
from segue.ranker.crosses import (
    COMMON,
    FEWEST_TRACKS,
    NEAR_SCALE,
    OWN_TASTE,
    PLACE_SCALE,
    PLAYS_SCALE,
    RANK_SCALE,
    RECENT_SCALE,
    RETRIEVED_SCALE,
    SMALLEST,
    SUCCESS_SCALE,
    WIDTH,
    Layout,
    Tracks,
    Users,
)
from segue.ranker.judging import Answer, Ranker, Scalars, Trees, judge
from segue.ranker.network import HEADS, Layers
from segue.ranker.placing import BEST_OUTCOME, SHORTEST, Memory, place_users
from segue.ranker.trees import QuickTrees

ARRAYS = "arrays"
"""Under this name the module of a release has a dictionary of what `QuickRanker` reads."""
FORM = np.array(
    [
        *(2, COMMON, WIDTH, HEADS, FIRST_KNOWN),
        *(RECENT_SCALE, RANK_SCALE, SUCCESS_SCALE, NEAR_SCALE, PLAYS_SCALE, RETRIEVED_SCALE, PLACE_SCALE),
        *(OWN_TASTE, FEWEST_TRACKS, BEST_OUTCOME, SHORTEST, SMALLEST),
    ],
    np.float32,
)
"""What is written into this code and not among the arrays: a number for the order of what they have in common, which has to be
another one when that changes, and the constants. A release of another form is asked as a graph."""


class QuickRanker:
    """The network of a release, with trees beside it or without, in machine code."""

    def __init__(self, model: Any, trees: QuickTrees) -> None:
        """`model` is what the SavedModel of a release gives, with `ARRAYS`."""
        arrays = {name: np.asarray(value.read_value()) for name, value in getattr(model, ARRAYS).items()}  # not copied
        self._ranker, self._memory = _ranker(arrays, trees), _memory(arrays)
        self._model, self.encode_tracks = model, model.encode_tracks

    def encode_users(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Encoded users (n, ...), as the release's own `encode_users` gives them."""
        read = {name: np.asarray(values) for name, values in self._model.look_up_users(dict(inputs)).items()}
        recent, outcomes = read.pop("recent"), read.pop("outcomes")
        factor, liking = (np.empty((len(recent), self._memory.factors.shape[1]), np.float32) for _ in range(2))
        place_users(self._memory, recent, outcomes, factor, liking)
        return read | {"factor": factor, "liking": liking}

    def score(self, users: Mapping[str, Any], tracks: Mapping[str, Any], candidates: Any, similarity: Any) -> dict[str, Any]:
        """`score` (n, c), `heads` (n, c, 3) and `stays` (n, c) of candidates (n, c), as `segue.release` describes them.

        Raises:
            IndexError, ValueError: they do not fit each other, see `_check`.
        """
        asked, scores = np.asarray(candidates), np.asarray(similarity)
        numbers = users.get("numbers", np.empty((len(asked), 0), np.float32))
        people = Users(*map(_read_only, [*(users[name] for name in Users._fields[:-1]), numbers]))
        known = Tracks(*(_read_only(tracks[name]) for name in Tracks._fields))
        _check(people, known, asked, scores)
        answer = Answer(*(np.empty(shape, np.float32) for shape in (asked.shape, (*asked.shape, HEADS), asked.shape)))
        judge(self._ranker, people, known, _read_only(asked.astype(np.int32)), _read_only(scores.astype(np.float32)), answer)
        return answer._asdict()


def has_arrays(model: Any) -> bool:
    """Whether the module of a release has what `QuickRanker` reads, in the form it reads."""
    arrays = getattr(model, ARRAYS, {})
    return "form" in arrays and np.array_equal(arrays["form"], FORM)


def _read_only(values: Any) -> Any:
    """Values as machine code is made for them once: contiguous, and not to be written to."""
    array = np.ascontiguousarray(values).view()
    array.flags.writeable = False
    return array


def _check(users: Users, tracks: Tracks, asked: Any, scores: Any) -> None:
    """Refuse what machine code would read or write beyond.

    Raises:
        IndexError: a candidate is none of the tracks, or a user is nowhere.
        ValueError: lengths differ.
    """
    if scores.shape != asked.shape:
        raise ValueError(f"scores are as candidates, {asked.shape}, received {scores.shape}")
    people = {name: len(of) for name, of in users._asdict().items()}
    tables = {name: of.shape[name == "territory"] for name, of in tracks._asdict().items()}
    for lengths, wanted in ((people, len(asked)), (tables, len(tracks.rows))):
        if wrong := {name: length for name, length in lengths.items() if length != wanted}:
            raise ValueError(f"entries have length {wanted}, received {wrong}")
    places = ("candidates", asked, len(tracks.rows)), ("territories", users.territory, len(tracks.territory))
    for named, values, there in places:
        if values.size and not 0 <= values.min() <= values.max() < there:
            raise IndexError(f"{named} are from 0 to below {there}, received {values.min()} to {values.max()}")


def _ranker(arrays: Mapping[str, Any], trees: QuickTrees) -> Ranker:
    """A ranker of the `ARRAYS` of a release."""
    layers = {name: arrays[name] for name in Layers._fields}
    single = {name: np.float32(arrays[name]) for name in Scalars._fields if name != "common"}
    numbers = Scalars(common=arrays["common_start"], **single)
    layout = Layout(*(int(place) for place in arrays["layout"]))
    return Ranker(Layers(**layers), numbers, layout, _sorted(trees, layout.user_numbers))


def _memory(arrays: Mapping[str, Any]) -> Memory:
    """What a ranker knows of the tracks, of the `ARRAYS` of a release."""
    single = {name: np.float32(arrays[name]) for name in ("usual", "confidence", "ridge")}
    given: dict[str, Any] = {name: arrays[name] for name in Memory._fields} | single
    return Memory(**given)


def _sorted(trees: QuickTrees, user_numbers: int) -> Trees:
    """The tests of trees by what they look at. A row of theirs has what user and track have in common, then so many numbers of
    the user, then those of the track."""
    last = COMMON + user_numbers
    theirs = (trees.features >= COMMON) & (trees.features < last)
    of_users, others = trees.of(theirs), trees.of(~theirs)
    source = np.where(others.features < COMMON, others.features, others.features - user_numbers).astype(np.int32)
    own = (of_users.features - COMMON)[of_users.tests.column]
    return Trees(of_users.tests._replace(column=own.astype(np.int32)), others.tests, source)
