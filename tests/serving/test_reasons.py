"""Reasons are codes where lists are made and words where they are read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_exploration import open_catalogue, people

from serving.funnel.funnel import Funnel
from serving.funnel.lists import FOLLOWING, POPULAR, RETRIEVED, SIMILAR, Lists, no_lists
from serving.funnel.reasons import chart_reasons, in_words, personal_reasons, radio_reasons, similar_reasons
from serving.policy.order import LIST_RULES
from serving.policy.selection import EXPLORED
from serving.tracks.catalogue import NO_TRACK, Catalogue

CEILING = [rule.name for rule in LIST_RULES].index("popularity_ceiling")


@pytest.fixture
def catalogue() -> Catalogue:
    made = open_catalogue()
    titles, names = (np.array([f"{word} {row}" for row in range(len(made))], dtype=object) for word in ("Song", "Band"))
    return replace(made, title=titles, artist_name=names, artist_id=np.array([f"a{row}" for row in range(len(made))], object))


def lists_of(rows: list[int], source: int = RETRIEVED, moved_by: dict[int, int] | None = None) -> Lists:
    empty = no_lists(1, len(rows))
    for place, rule in (moved_by or {}).items():
        empty.moved_by[0, place] = rule
    return replace(empty, rows=np.array([rows], np.int32), source=np.full((1, len(rows)), source, np.int8))


def test_the_nearest_truth_is_the_reason(catalogue: Catalogue) -> None:
    listener = replace(people(1), saved=[np.array([0], np.int32)], genres=np.array([[0]], np.int32))
    features = {"top_artists": [["a0", "a1", "gone"]], "recent_tracks": [[catalogue.ids[9], "gone"]]}
    lists = lists_of([0, 1, 2, 3, 4, 5], moved_by={2: CEILING, 3: EXPLORED})
    codes = personal_reasons(Funnel(None, catalogue), listener, lists, features)[0].tolist()
    genre = catalogue.genre_code[4:6] == 0
    assert codes[:4] == ["saved", "often", "rule:popularity_ceiling", "tried"]
    assert codes[4:] == ["genre" if own else "taste" for own in genre]
    words = [in_words(catalogue, row, code) for row, code in enumerate(codes[:4])]
    assert words[:2] == ["from an artist you saved", "because you often play Band 1"]
    assert words[2:] == ["less known than what you usually hear", "something to try: Band 3"]


def test_a_track_like_a_recent_one_names_it(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def vectors_of(_: Funnel, rows: np.ndarray) -> np.ndarray:
        angle = np.where(rows == 9, 0.0, 0.2 * rows)  # row 1 is near row 9, row 6 a step away, row 8 is on the other side
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    monkeypatch.setattr(Funnel, "vectors_of", vectors_of)
    features = {"top_artists": [[]], "recent_tracks": [np.array([catalogue.ids[9]], object)]}
    codes = personal_reasons(Funnel(None, catalogue), people(1), lists_of([1, 6, 8]), features)[0].tolist()
    assert codes == [f"near:{catalogue.ids[9]}", f"toward:{catalogue.ids[9]}", "taste"]
    assert in_words(catalogue, 1, codes[0]) == "similar to Song 9 you played recently"
    assert in_words(catalogue, 6, codes[1]) == "a step away from Song 9 you played recently"
    assert in_words(catalogue, 1, "near:gone since") == "similar to gone since you played recently"


def test_charts_neighbours_and_radio_say_what_they_are(catalogue: Catalogue) -> None:
    silent = replace(catalogue, plays=np.array([5.0, 0.0, *[1.0] * 58], np.float32), territory_plays={}, _popular={})
    here = replace(silent, territory_plays={"SE": np.array([2.0, *[0.0] * 59], np.float32)}, _popular={})
    assert chart_reasons(here, lists_of([0, 1, 2], POPULAR), ["SE"])[0].tolist() == ["chart:SE", "new", "chart"]
    assert [in_words(here, 0, code) for code in ("chart:SE", "new", "chart")] == [
        "popular in SE",
        "new to most listeners",
        "popular worldwide",
    ]
    near, after = similar_reasons(here, 3, lists_of([4], SIMILAR), [None]), np.array([7, 8], np.int32)
    assert in_words(here, 4, near[0, 0]) == "similar to Song 3"
    goes_on = radio_reasons(here, after, lists_of([4], FOLLOWING), [None])
    assert in_words(here, 4, goes_on[0, 0]) == "goes well after Song 8"
    assert similar_reasons(here, 3, lists_of([0], POPULAR), ["SE"])[0].tolist() == ["chart:SE"]


def test_every_rule_that_can_move_a_track_in_has_words_for_it(catalogue: Catalogue) -> None:
    for rule in LIST_RULES:
        assert ":" not in in_words(catalogue, 2, f"rule:{rule.name}")
    assert in_words(catalogue, 2, "rule:of another age") == "played by listeners with a taste like yours"


def test_a_track_that_is_gone_borrows_no_words_of_another(catalogue: Catalogue) -> None:
    taste = "played by listeners with a taste like yours"
    assert {in_words(catalogue, NO_TRACK, code) for code in ("often", "tried", "genre", "rule:genre_share")} == {taste}
    assert in_words(catalogue, NO_TRACK, "saved") == "from an artist you saved"


def test_words_that_were_stored_before_there_were_codes_stay_words(catalogue: Catalogue) -> None:
    for words in ("because you often play Band 1", "popular in SE", "similar to Song: the best"):
        assert in_words(catalogue, 1, words) == words
