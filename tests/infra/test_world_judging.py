"""What a stored world says of any track is what its listeners do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from infra.world import hearing
from infra.world.command import simulate
from infra.world.day import Day, likeness
from infra.world.judging import Judge
from infra.world.shelves import shelves_of_day
from infra.world.simulation import make_world
from infra.world.writing import user_ids
from segue.dates import start_of
from segue.errors import SegueError
from segue.home import get_home
from segue.names import Surface
from segue.predictions import PredictedTrack, Prediction
from segue.pseudonyms import pseudonym
from segue.settings import get_settings

START, DAYS, USERS, TRACKS = date(2026, 9, 21), 2, 150, 300
WEEK = START + timedelta(days=7)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGUE_HOME", str(root))
        get_settings.cache_clear()
        simulate(get_home(), start=START, days=DAYS, users=USERS, tracks=TRACKS, seed=5, clips=False)
        yield root
    get_settings.cache_clear()


def _truth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    world = make_world(start=START, days=DAYS, users=USERS, tracks=TRACKS, seed=5)
    *_, (number, tastes, _plays) = world.run()
    shelves = shelves_of_day(world.parameters.catalogue, world.catalogue, day=number)
    day = Day(world.parameters, world.space, world.catalogue, world.listeners.population, tastes, shelves)
    known, tracks = int(world.listeners.known[number]), len(world.catalogue.tracks)
    users, which = np.random.default_rng(1).integers(0, [[known], [tracks]], (2, 400)).astype(np.int32)
    return users, which, likeness(day, users, which)


def test_the_stored_truth_likes_what_the_world_likes(home: Path) -> None:
    users, tracks, liking = _truth()
    np.testing.assert_allclose(Judge(get_home()).liking(users, tracks), liking, atol=1e-5)


def _give(lists: dict[int, list[int]]) -> None:
    path = get_home().predictions / f"day={WEEK}" / "weekly-r.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as log:
        for user, tracks in lists.items():
            shown = [PredictedTrack(track_id=f"t{n:08d}", score=0, source="retriever", reason="") for n in tracks]
            name = pseudonym(user_ids(np.array([user]))[0])
            made = Prediction(
                request_id=name,
                at=start_of(WEEK),
                surface=Surface.WEEKLY,
                user=name,
                release="r",
                week=WEEK,
                tracks=shown,
                latency_ms=0,
            )
            log.write(made.model_dump_json() + "\n")


def test_a_week_that_is_heard_lands_its_plays_and_saves_as_often_as_the_truth_says(home: Path) -> None:
    judge = Judge(get_home())
    lists = {user: list(range(TRACKS // 10)) for user in range(100)}
    _give(lists)
    told = hearing.run(week=WEEK).summary
    users, tracks = (
        np.repeat(list(lists), TRACKS // 10).astype(np.int32),
        np.tile(np.arange(TRACKS // 10), 100).astype(np.int32),
    )
    chance = judge.saving(users, tracks)
    assert told["plays"] == len(users)
    assert abs(told["saves"] - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())
    files = sorted((home / "landing").rglob("heard.parquet"))
    events = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    assert len(events) == told["plays"] + told["saves"]
    assert {row["surface"] for row in events} == {"weekly"}
    before = [file.read_bytes() for file in files]
    hearing.run(week=WEEK)
    assert [file.read_bytes() for file in files] == before, "heard again, a week gives the same events"


def test_a_week_without_playlists_cannot_be_heard(home: Path) -> None:
    with pytest.raises(SegueError, match="segue playlists --week"):
        hearing.run(week=WEEK + timedelta(days=7))
