"""The closed loop: what listeners do with a list, what the counting arms give them, and the measures, with known answers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from worlds import START

from infra.loop.bench import PAST_WEEKS, bench_loop, lived
from infra.loop.counting import allowed, best_allowed, item_knn, popularity
from infra.loop.log import Log
from infra.loop.measures import gini, measured
from infra.loop.shown import shown
from infra.loop.stages import Stages, as_rows
from infra.loop.truth import best_by_truth
from infra.world.day import likeness
from infra.world.judgement import COMPLETE, EARLY_SKIP, SURFACES, Plays, joined_plays
from infra.world.memory import NO_TRACK
from infra.world.offered import Offers
from infra.world.simulation import World, make_world
from infra.world.space import Floats, Ints
from segue.errors import SegueError
from segue.exit_codes import AUDIT_FAILED, GATE_REFUSED
from segue.names import Surface
from segue.settings import get_settings
from segue.stage import Progress

WEEKLY = SURFACES.index(Surface.WEEKLY)


def world_of(days: int, users: int = 120, tracks: int = 500) -> World:
    return make_world(start=START, days=days, users=users, tracks=tracks, seed=5)


def first_week(lists: Ints | None) -> tuple[World, Plays]:
    """A world's first week, everybody with one of `lists`."""
    world = world_of(7)
    offers = Offers(world)
    if lists is not None:
        offers.give(lists)
    return world, joined_plays([plays for _, _, plays in world.run(offers)])


def likings(world: World) -> Floats:
    """How much each listener likes each track in the first week (users, tracks)."""
    users, tracks = len(world.listeners.population), len(world.catalogue.tracks)
    tastes = SimpleNamespace(vectors=world.listeners.population.tastes, weights=world.listeners.population.taste_weights)
    day: Any = SimpleNamespace(parameters=world.parameters, catalogue=world.catalogue, tastes=tastes)
    every = likeness(day, np.repeat(np.arange(users), tracks), np.tile(np.arange(tracks), users))
    return every.reshape(users, tracks)


def by_liking(world: World, _log: Log | None = None, number: int = 1, *, sign: int = -1) -> Ints:
    """A list of what each listener likes best, or least."""
    may = allowed(world, _log or Log(world), number)
    return best_allowed(-sign * likings(world), may)


def of_lists(plays: Plays) -> Plays:
    there = plays.surface == WEEKLY
    return Plays(*(getattr(plays, name)[there] for name in Plays.__dataclass_fields__))


def test_a_list_somebody_likes_is_saved_more_and_skipped_less_than_one_they_do_not() -> None:
    loved = of_lists(first_week(by_liking(world_of(7)))[1])
    hated = of_lists(first_week(by_liking(world_of(7), sign=1))[1])
    assert len(loved.user) == len(hated.user) > 500  # how much is heard does not depend on the list
    assert loved.saved.mean() > 5 * max(float(hated.saved.mean()), 0.002)
    assert (loved.outcome == COMPLETE).mean() > (hated.outcome == COMPLETE).mean() + 0.4


def test_a_list_is_heard_from_the_top_once_and_by_no_bot() -> None:
    lists = by_liking(world_of(7))
    world, plays = first_week(lists)
    given = of_lists(plays)
    pairs = set(zip(given.user.tolist(), given.track.tolist(), strict=True))
    assert len(pairs) == len(given.user)
    assert not world.listeners.population.bot[given.user].any()
    for user in np.unique(given.user):
        heard = given.track[given.user == user]
        assert heard.tolist() == lists[user, : len(heard)].tolist()


def test_what_is_not_licensed_is_not_played_from_a_list() -> None:
    world = world_of(7)
    tracks, territory = world.catalogue.tracks, world.listeners.population.territory
    forbidden = (tracks.licence_from >= 7).T[territory]
    lists = best_allowed(np.zeros(forbidden.shape, np.float32), forbidden)
    assert (lists != NO_TRACK).sum() > 100
    assert not len(of_lists(first_week(lists)[1]).user)


def test_a_world_that_is_given_nothing_is_the_world_it_was() -> None:
    world = world_of(7)
    alone = joined_plays([plays for _, _, plays in world.run()])
    given = first_week(None)[1]
    assert all(np.array_equal(getattr(alone, name), getattr(given, name)) for name in Plays.__dataclass_fields__)


def test_the_arms_in_memory_give_nothing_heard_unlicensed_or_refused() -> None:
    world = world_of(14)
    log = Log(world)
    for number, _, plays in world.run():
        log.add(number, plays)
    may = allowed(world, log, 7)
    rows = np.arange(len(may))[:, None]
    for recommender in (popularity, item_knn, best_by_truth):
        lists = recommender(world, log, 7)
        there = lists != NO_TRACK
        assert there.mean() > 0.95
        assert may[rows, lists][there].all()
        assert not log.heard[rows, lists][there].any()
    unmasked = best_allowed(log.completed().toarray(), np.ones_like(may))
    assert log.heard[rows, unmasked].any()  # without the mask the check above would be red


def test_a_chart_is_what_was_heard_to_the_end_most_and_ties_go_to_the_first() -> None:
    may = np.array([[True, True, False, True]])
    assert best_allowed(np.array([[1.0, 1.0, 9.0, 5.0]]), may).tolist() == [[3, 0, 1, NO_TRACK]]


def test_item_neighbours_are_better_received_than_the_charts_and_the_truth_best() -> None:
    days = (PAST_WEEKS + 1) * 7
    weeks = {}
    for name, recommender in (("chart", popularity), ("neighbours", item_knn), ("truth", best_by_truth)):
        landed: list[int] = []
        (weeks[name],) = lived(world_of(days, 200, 800), recommender, lambda number, _plays, seen=landed: seen.append(number))
        assert landed == list(range(days))
    assert weeks["chart"].plays == weeks["neighbours"].plays
    assert weeks["neighbours"].save_rate > weeks["chart"].save_rate
    assert weeks["neighbours"].skip_rate < weeks["chart"].skip_rate
    assert weeks["truth"].save_rate > 1.5 * weeks["neighbours"].save_rate
    assert weeks["truth"].skip_rate < 0.6 * weeks["neighbours"].skip_rate


@pytest.mark.parametrize(("counts", "expected"), [([2, 2, 2, 2], 0.0), ([0, 0, 0, 4], 0.75), ([1, 3], 0.25), ([0, 0], 0.0)])
def test_gini_of_known_counts(counts: list[int], expected: float) -> None:
    assert gini(np.array(counts)) == pytest.approx(expected)


def test_measures_of_a_known_week_leave_bots_and_other_surfaces_out() -> None:
    world, plays = first_week(by_liking(world_of(7)))
    some = Plays(*(getattr(plays, name)[:4].copy() for name in Plays.__dataclass_fields__))
    bot = int(np.flatnonzero(world.listeners.population.bot)[0])
    honest = int(np.flatnonzero(~world.listeners.population.bot)[0])
    some = replace(
        some,
        user=np.array([honest, honest, honest, bot], np.int32),
        surface=np.array([WEEKLY, WEEKLY, WEEKLY - 1 if WEEKLY else 1, WEEKLY], np.int32),
        outcome=np.array([COMPLETE, EARLY_SKIP, COMPLETE, COMPLETE], np.int8),
        saved=np.array([True, False, True, True]),
        track=np.array([0, 1, 2, 3], np.int32),
    )
    known = np.zeros((len(world.listeners.population), len(world.catalogue.artists.genre)), bool)
    known[honest, world.catalogue.tracks.artist[0]] = True
    lists = np.full((len(known), 30), NO_TRACK, np.int32)
    lists[honest, :2], lists[bot, :1] = (0, 1), 7
    week = measured(world, 0, lists, some, known)
    other_artist = world.catalogue.tracks.artist[1] != world.catalogue.tracks.artist[0]
    assert (week.plays, week.as_dict()["saves"], week.save_rate, week.skip_rate) == (2, 1, 0.5, 0.5)
    assert week.new_artists == 0.5 * other_artist
    assert week.coverage == pytest.approx(2 / world.catalogue.released[0])


def test_the_catalogue_is_covered_by_lists_of_listeners_who_are_there() -> None:
    world = world_of(14)
    users, joined = len(world.listeners.population), world.listeners.known[6]
    assert not world.listeners.population.bot[[0, *range(joined, users)]].any()
    lists = np.full((users, 30), NO_TRACK, np.int32)
    lists[0, :2], lists[joined:, :3] = (0, 1), (7, 8, 9)
    nothing = Plays(*(getattr(first_week(None)[1], name)[:0] for name in Plays.__dataclass_fields__))
    known = np.zeros((users, len(world.catalogue.artists.genre)), bool)
    covered = [measured(world, number, lists, nothing, known).coverage for number in (0, 7)]
    assert covered == pytest.approx([2 / world.catalogue.released[0], 5 / world.catalogue.released[7]])


class Commands:
    """Stands in for the processes of the stages."""

    def __init__(self, codes: dict[str, int]) -> None:
        self.codes, self.ran = codes, [""]

    def run(self, command: list[str], **_: object) -> SimpleNamespace:
        stage = command[3] if command[2] == "segue" else command[2]
        self.ran.append(stage)
        said = {"version": "v2", "release": "v1"} if stage != "infra.loop.shown" else {"u0000001": ["t00000007", "t00000003"]}
        return SimpleNamespace(returncode=self.codes.get(stage, 0), stdout=json.dumps(said), stderr="the disk is full")


def test_a_refused_release_leaves_the_one_before_it_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = Commands({"promote": GATE_REFUSED})
    monkeypatch.setattr(subprocess, "run", commands.run)
    lists, release = Stages(tmp_path, Progress("test")).week(date(2026, 10, 19))
    assert commands.ran[1:] == ["features", "train", "evaluate", "promote", "playlists", "infra.loop.shown"]
    assert release == {"trained": "v2", "release": "v1", "promoted": False}
    chart = np.full((2, 30), 5, np.int32)
    assert as_rows(lists, chart)[:, :3].tolist() == [[5, 5, 5], [7, 3, NO_TRACK]]  # who joined since has the popular


@pytest.mark.parametrize(("stage", "code"), [("train", 2), ("playlists", AUDIT_FAILED)])
def test_a_stage_that_fails_ends_the_bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stage: str, code: int) -> None:
    monkeypatch.setattr(subprocess, "run", Commands({stage: code}).run)
    with pytest.raises(SegueError, match=stage):
        Stages(tmp_path, Progress("test")).week(date(2026, 10, 19))


def test_lists_of_a_week_that_is_not_visible_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    with pytest.raises(SegueError, match="2026-10-19"):
        shown(date(2026, 10, 19))
    get_settings.cache_clear()


def test_no_weeks_are_refused() -> None:
    with pytest.raises(SegueError, match="--weeks"):
        bench_loop(weeks=0)
