"""What every kind of ranker must do, on lists with a known answer: each kind's test file takes these tests over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from plain_examples import rows, track_ids, user_ids

from segue.ranker.opened import open_ranker
from trainers.examples import Catalogue
from trainers.inputs import RANKER_TRACKS, RANKER_USERS, arrays, constant, constants
from trainers.ranker.companions import CompanionConfig
from trainers.ranker.inputs import RankerInputs, RankerNames
from trainers.ranker.lists import Lists
from trainers.ranker.ranking import adapt
from trainers.ranker.reception import Reception, ReceptionConfig

USERS, TRACKS = 48, 20


def catalogue() -> Catalogue:
    """Even tracks are by artist a0, odd ones by a1; every fourth is as loud."""
    artists, energy = [f"a{n % 2}" for n in range(TRACKS)], [(n % 4) / 3 for n in range(TRACKS)]
    frame = rows(RANKER_TRACKS, TRACKS, track_id=track_ids(TRACKS), artist_id=artists, energy=energy)
    frame = frame.assign(version_family=None)
    return Catalogue(frame, ("DE",), np.full((2, TRACKS, 2), np.nan, np.float32))


def users() -> pd.DataFrame:
    """Even users have heard a0 only, odd ones a1."""
    lists = {"top_artists": [[f"a{n % 2}"] for n in range(USERS)], "top_artist_shares": [[1.0]] * USERS}
    return rows(RANKER_USERS, USERS, territory=["DE"] * USERS, **lists).assign(user_id=user_ids(USERS))


def inputs() -> RankerInputs:
    frame = catalogue().frame
    names = RankerNames(dict(zip(frame["track_id"], frame["artist_id"], strict=True)), [], ("DE",))
    made = RankerInputs(names, CompanionConfig(factors=4), ReceptionConfig(ridge=1.0), scale=10.0)
    adapt(made, users(), frame)
    return made


def lists(**marks: Any) -> Lists:
    """Every user has every track, all with one retrieval score, and plays those by the artist they know."""
    shape = (USERS, TRACKS)
    candidates = np.tile(np.arange(TRACKS, dtype=np.int32), (USERS, 1))
    own = candidates % 2 == np.arange(USERS)[:, None] % 2
    none, ones = np.zeros(shape, bool), np.ones(shape, np.float32)
    usual: dict[str, Any] = {
        "retrieved": np.ones(shape, bool),
        "played": own,
        "skipped": none,
        "saved": none,
        "certainty": ones,
        "place": np.zeros(shape, np.int32),
    }
    made = usual | marks
    made.setdefault("success", (made["played"] & ~made["skipped"]).astype(np.float32))
    return Lists(users(), candidates, np.zeros(shape, np.float32), **made)


def asked(ranker: Any) -> tuple[Any, Any, Any]:
    """Encoded users and tracks, and every track as a candidate of every user."""
    people = ranker.user_half(ranker.inputs.read_users(constants(arrays(users(), RANKER_USERS))))
    read = ranker.inputs.read_tracks(constants(arrays(catalogue().frame, RANKER_TRACKS)))
    tracks = ranker.layout.packed(ranker.track_half(read))
    candidates = np.tile(np.arange(TRACKS, dtype=np.int32), (USERS, 1))
    return people, tracks | {"territory": constant(catalogue().popularity)}, constant(candidates)


def scored(ranker: Any, scores: np.ndarray | None = None) -> dict[str, np.ndarray]:
    people, tracks, candidates = asked(ranker)
    retrieved = np.zeros((USERS, TRACKS), np.float32) if scores is None else scores
    return {name: value.numpy() for name, value in ranker.scored(people, tracks, candidates, constant(retrieved)).items()}


class RankerSuite:
    """A subclass names its `kind` and says how to `fit` one; what many tests ask of the same lists is fitted once."""

    kind: str
    fitted: Any = None

    def fit(self, made: Lists) -> Any:
        raise NotImplementedError

    def usual(self) -> Any:
        """One fitted on `lists()`."""
        if type(self).fitted is None:
            type(self).fitted = self.fit(lists())
        return type(self).fitted

    def test_the_artist_a_user_knows_is_learned_from_what_they_have_in_common(self) -> None:
        made, score = lists(), scored(self.usual())["score"]
        assert score[made.played].min() > score[~made.played].max()

    def test_a_late_skip_is_worth_less_than_a_play_to_the_end_and_more_than_none(self) -> None:
        played = np.ones((USERS, TRACKS), bool)
        track = np.arange(TRACKS) % 4
        success = np.select([track == 0, track == 2], [1.0, 0.5], 0.0).astype(np.float32)
        frame_rows = np.tile(success, (USERS, 1))
        ranker = self.fit(lists(played=played, success=frame_rows))
        score = scored(ranker)["score"].mean(axis=0)
        assert score[track == 0].min() > score[track == 2].max()
        assert score[track == 2].min() > score[track % 2 == 1].max()

    def test_what_was_shown_first_is_not_put_down_to_the_track(self) -> None:
        """Two kinds of track, played alike at each place; the even ones stood first and were played more for it alone."""
        rng = np.random.default_rng(3)
        first = np.tile(np.arange(TRACKS) % 2 == 0, (USERS, 1)) ^ (rng.random((USERS, TRACKS)) < 0.2)
        played = rng.random((USERS, TRACKS)) < np.where(first, 0.7, 0.1)
        shown = scored(self.fit(lists(played=played, place=np.where(first, 1, 9).astype(np.int32))))["score"].mean(axis=0)
        naive = scored(self.fit(lists(played=played)))["score"].mean(axis=0)
        even = np.arange(TRACKS) % 2 == 0
        assert shown[even].mean() - shown[~even].mean() < 0.6 * (naive[even].mean() - naive[~even].mean())

    def test_a_saved_ranker_scores_as_before(self, tmp_path: Path) -> None:
        ranker = self.fit(lists())
        received = np.linspace(-0.3, 0.3, TRACKS).astype(np.float32)
        ranker.inputs.know_tracks(np.eye(TRACKS, 4, dtype=np.float32), np.ones(TRACKS, np.float32), Reception(0.5, received))
        before, stays = (scored(ranker)[name] for name in ("score", "stays"))
        assert stays.std() > 0.1
        ranker.save(tmp_path)
        opened = open_ranker(tmp_path, self.kind)
        tracks = dict(opened.encode_tracks(constants(arrays(catalogue().frame, RANKER_TRACKS))))
        tracks["territory"] = constant(catalogue().popularity)
        people = opened.encode_users(constants(arrays(users(), RANKER_USERS)))
        candidates = np.tile(np.arange(TRACKS, dtype=np.int32), (USERS, 1))
        after = opened.score(people, tracks, constant(candidates), constant(np.zeros(candidates.shape, np.float32)))
        np.testing.assert_allclose(after["score"], before, atol=1e-5)
        np.testing.assert_allclose(after["stays"], stays, atol=1e-5)
        assert not list(tmp_path.rglob("*.pkl"))

    def test_the_same_lists_and_seed_give_the_same_scores(self) -> None:
        np.testing.assert_array_equal(scored(self.fit(lists()))["score"], scored(self.usual())["score"])

    def test_lists_without_a_single_play_leave_every_score_a_number(self) -> None:
        none = np.zeros((USERS, TRACKS), bool)
        assert np.isfinite(scored(self.fit(lists(played=none)))["score"]).all()
