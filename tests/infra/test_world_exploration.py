"""On the simulated world, where the truth is known: lists that explore, saves drawn from the truth, and what estimators make
of the log alone. A ranker that sees the truth through noise stands in for a trained one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from infra.world.command import simulate
from infra.world.judging import Judge
from infra.world.writing import track_ids, user_ids
from segue.dates import start_of
from segue.home import get_home
from segue.names import Surface
from segue.policy import DEFAULT_POLICY, PolicySettings
from segue.predictions import Explored, PredictedTrack, Prediction
from segue.settings import get_settings
from serving.funnel.answers import dials_of, explored_of
from serving.funnel.list_maker import ListMaker
from serving.funnel.lists import RETRIEVED, Lists, Ranked
from serving.policy.rule import Listeners
from serving.tracks.catalogue import Catalogue, Licences
from trainers.benches.exploration import slots_and_chances, true_rates
from trainers.benches.heard_again import heard_again, proved
from trainers.evaluation.comparison import Verdict, compare
from trainers.evaluation.explored import slots_of
from trainers.evaluation.off_policy import Slots, estimate
from trainers.evaluation.target_policies import any_alike, best_ranked, choosing, targets_of

WEEK = date(2026, 9, 28)
USERS, TRACKS, CANDIDATES = 2_500, 2_000, 500
NONE = np.empty(0, dtype=np.int32)
Chances = dict[tuple[str, str], float]
ASKED = targets_of(DEFAULT_POLICY, PolicySettings(explore_weight=0.1, explore_floor=0.6, adventurousness=1.0))


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Prediction], Chances, set[Any]]]:
    """The lists of a week, the true chance of every candidate to be saved, and what was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(tmp_path_factory.mktemp("explored")))
        get_settings.cache_clear()
        simulate(get_home(), start=date(2026, 9, 21), days=1, users=USERS, tracks=TRACKS, seed=5, clips=False)
        yield _week()
    get_settings.cache_clear()


def _week() -> tuple[list[Prediction], Chances, set[Any]]:
    rng, judge, catalogue = np.random.default_rng(3), Judge(get_home()), _catalogue()
    known = pq.ParquetFile(get_home().world / "truth" / "tastes" / "week=0" / "data.parquet").metadata.num_rows // 3
    made: list[Prediction] = []
    chances: Chances = {}
    saved = set()
    for first in range(0, known, 250):
        users = np.arange(first, min(first + 250, known), dtype=np.int32)
        lists = _lists(catalogue, judge, users, rng)
        said, dials = explored_of(catalogue, lists), dials_of(lists)
        for who, user in enumerate(user_ids(users)):
            one = _logged(catalogue, lists, said[who], who, user).model_copy(update={"dial": dials[who]})
            made.append(one)
            if one.explored is None:
                continue
            rows = catalogue.rows(one.explored.candidates)
            chance = judge.saving(np.full(len(rows), users[who]), rows)
            chances |= dict(zip(((user, track) for track in one.explored.candidates), chance.tolist(), strict=True))
            taken = [slot.took for slot in one.explored.slots]
            saved |= {(user, one.explored.candidates[n], WEEK, "weekly") for n in taken if rng.random() < chance[n]}
    return made, chances, saved


def _catalogue() -> Catalogue:
    truth = pq.ParquetFile(get_home().world / "truth" / "tracks.parquet").read().to_pandas()
    count = len(truth)
    no_dates = np.empty(0, dtype="datetime64[D]")
    return Catalogue(
        ids=np.array(track_ids(np.arange(count)), dtype=object),
        title=np.array([None] * count, dtype=object),
        artist_id=truth["artist_id"].to_numpy(dtype=object),
        artist_name=np.array([None] * count, dtype=object),
        genre=truth["genre"].to_numpy(dtype=object),
        artist=truth["artist_id"].astype("category").cat.codes.to_numpy(np.int32),
        family=np.arange(count, dtype=np.int32),
        explicit=np.zeros(count, dtype=bool),
        everywhere=np.ones(count, dtype=bool),
        licences=Licences(NONE, np.empty(0, dtype=object), no_dates, no_dates),
        plays=np.zeros(count, dtype=np.float32),
        territory_plays={},
        accounts={},
    )


def _lists(catalogue: Catalogue, judge: Judge, users: Any, rng: np.random.Generator, **other: Any) -> Lists:
    count = len(users)
    rows = np.argsort(rng.random((count, len(catalogue))), axis=1)[:, :CANDIDATES].astype(np.int32)
    liking = judge.liking(np.repeat(users, CANDIDATES), rows.ravel()).reshape(rows.shape)
    score = (liking + rng.normal(0, 0.1, rows.shape)).astype(np.float32)
    order = np.argsort(-score, axis=1)
    ranked = Ranked(np.take_along_axis(rows, order, axis=1), np.take_along_axis(score, order, axis=1), RETRIEVED)
    said: dict[str, Any] = dict.fromkeys(("heard", "disliked", "excluded", "saved"), [NONE] * count)
    said |= {"adventurousness": rng.choice(np.array([0.25, np.nan, 1.0], dtype=np.float32), count)}
    listeners = Listeners(
        ids=user_ids(users),
        territory=[None] * count,
        explicit_allowed=np.ones(count, dtype=bool),
        first=WEEK,
        last=WEEK,
        **said | other,
    )
    vectors = np.zeros((len(catalogue), 1), dtype=np.float32)
    return ListMaker(catalogue, DEFAULT_POLICY, lambda wanted: vectors[wanted], "r").make(listeners, ranked, 30, weighed=True)


def _logged(catalogue: Catalogue, lists: Lists, said: str | None, who: int, user: str) -> Prediction:
    shown = [PredictedTrack(track_id=t, score=0, source="retriever", reason="") for t in catalogue.ids[lists.rows[who]]]
    return Prediction(
        request_id=user,
        at=start_of(WEEK),
        surface=Surface.WEEKLY,
        user=user,
        release="r",
        week=WEEK,
        explored=Explored.model_validate_json(said) if said else None,
        tracks=shown,
        latency_ms=0,
    )


def test_the_estimates_from_the_log_are_near_the_true_save_rate_of_every_policy(heard: Any) -> None:
    made, chances, saved = heard
    slots, known = slots_of([one for one in made if one.explored], saved), slots_and_chances(made, chances)[1]
    truth = true_rates(slots, known, ASKED)
    assert max(truth.values()) > 1.2 * min(truth.values()), "policies that are alike prove nothing"
    assert slots.reward.sum() > 100
    for name, target in ASKED.items():
        one = estimate(slots, target)
        assert one.snips - 2 * (one.snips - one.snips_low) <= truth[name] <= one.snips + 2 * (one.snips_high - one.snips)


def test_intervals_hold_the_truth_as_often_as_they_say_when_the_lists_are_heard_again_and_again(heard: Any) -> None:
    made, chances, _ = heard
    slots, known = slots_and_chances(made, chances)
    assert proved(heard_again(slots, known, ASKED, hearings=300))


def test_propensities_that_lie_are_found_out(heard: Any) -> None:
    made, chances, saved = heard
    slots = slots_of([one for one in made if one.explored], saved)
    lied = replace(slots, propensity=any_alike(slots))
    truth = true_rates(slots, slots_and_chances(made, chances)[1], ASKED)
    off, told = (max(abs(estimate(of, ASKED[n]).ips - truth[n]) for n in truth) for of in (lied, slots))
    assert off > 2 * told


def best_is_taken(slots: Slots, chance: Any) -> float:
    """How often the best ranked is taken by these chances (s, p)."""
    return float((chance * best_ranked(slots)).sum(axis=1).mean())


def test_a_policy_of_settings_does_in_a_slot_what_the_chooser_with_them_did(heard: Any) -> None:
    made, _, saved = heard
    every = slots_of([one for one in made if one.explored], saved)
    bold = slots_of([one for one in made if one.explored and one.dial == 1.0], saved)
    own, dial_at_1 = choosing(DEFAULT_POLICY), choosing(DEFAULT_POLICY, 1.0)
    assert best_is_taken(every, own(every)) == pytest.approx(best_is_taken(every, every.propensity), rel=0.03)
    logged = best_is_taken(bold, bold.propensity)
    assert best_is_taken(bold, dial_at_1(bold)) == pytest.approx(logged, rel=0.03)
    apart = replace(bold, genre=np.tile(np.arange(bold.worth.shape[1]), (len(bold), 1)))
    for wrong in (
        choosing(DEFAULT_POLICY, 0.5)(bold),
        choosing(PolicySettings(explore_floor=0.01), 1.0)(bold),
        dial_at_1(apart),  # a draw for each candidate, whose genre has but one
    ):
        assert best_is_taken(bold, wrong) != pytest.approx(logged, rel=0.05)


def by_the_dial(dial: float) -> tuple[Any, Any]:
    """Of 300 listeners with their dial there: the share of each list by artists they never heard, and how much is saved."""
    judge, catalogue, users = Judge(get_home()), _catalogue(), np.arange(300, dtype=np.int32)
    rng = np.random.default_rng(9)
    tracks = np.argsort(rng.random((len(users), len(catalogue))), axis=1)[:, :200].astype(np.int32)
    liking = judge.liking(np.repeat(users, 200), tracks.ravel()).reshape(tracks.shape)
    heard = np.take_along_axis(tracks, np.argsort(-liking, axis=1)[:, :60], axis=1)
    dials = np.full(len(users), dial, dtype=np.float32)
    lists = _lists(catalogue, judge, users, rng, heard=list(heard), adventurousness=dials)
    theirs = catalogue.artist[heard]
    new = [~np.isin(catalogue.artist[rows], known) for rows, known in zip(lists.rows, theirs, strict=True)]
    saved = judge.saving(np.repeat(users, lists.rows.shape[1]), lists.rows.ravel()).reshape(lists.rows.shape)
    return np.mean(new, axis=1), saved.mean(axis=1)


def test_a_listener_notices_the_dial_more_of_the_list_is_by_artists_they_never_heard(heard: Any) -> None:
    shares, saves = zip(*(by_the_dial(dial) for dial in (0.0, 0.25, 0.5, 0.75, 1.0)), strict=True)
    means = [float(share.mean()) for share in shares]
    assert means == sorted(means)
    for lower, higher in pairwise(shares):
        assert compare(higher, lower).verdict is Verdict.BETTER, "every quarter of the way"
    assert compare(shares[-1], shares[0]).low > 0.1
    assert saves[-1].mean() < saves[2].mean(), "where the ranker knows best, what is new costs saves"
