"""A release has the name of everything that it depends on, and is made from one state of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gold_tables import AS_OF
from sealed_releases import manifest_of
from trained_home import SPLIT, TINY, checkerboard_home

from segue.errors import SegueError
from segue.home import get_home
from segue.names import TRACK_VECTORS, Table
from segue.release import versions
from trainers import made_from, sealing, train
from trainers.gold import tracks_at
from trainers.made_from import Inputs, ids_digest
from trainers.sessions.radio import TrainedSessions

__all__ = ["checkerboard_home"]
pytestmark = pytest.mark.usefixtures("checkerboard_home")
Meanwhile = Callable[[], object]


def _name() -> str:
    return sealing.name_of(AS_OF, {"inputs": Inputs.present(SPLIT).digests, "hyperparameters": TINY.as_dict()})


def _file(table: str, number: int = 0) -> Path:
    return sorted(get_home().table(table).rglob("*.parquet"))[number]


def _write(frame: pd.DataFrame, file: Path) -> None:
    frame.to_parquet(file, index=False, coerce_timestamps="us")


@contextmanager
def _kept(*folders: Path) -> Iterator[None]:
    """Whatever happens to `folders`, they are then as they were."""
    copies = {folder: folder.with_name(f".{folder.name}.kept") for folder in folders}
    for folder, copy in copies.items():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, copy)
    try:
        yield
    finally:
        for folder, copy in copies.items():
            shutil.rmtree(folder)
            copy.rename(folder)


def test_a_name_is_that_of_the_hyperparameters() -> None:
    other = replace(TINY, retriever=replace(TINY.retriever, temperature=0.2))
    names = {sealing.name_of(AS_OF, {"hyperparameters": hyper.as_dict()}) for hyper in (TINY, TINY, other)}
    assert len(names) == 2


@pytest.mark.parametrize("table", [Table.LABELS, Table.USER_FEATURES, Table.TRACK_FEATURES, Table.TRACKS, TRACK_VECTORS])
def test_a_name_changes_with_a_row_of_gold_and_not_with_the_order_of_its_rows(table: str) -> None:
    with _kept(get_home().table(table)):
        if table == TRACK_VECTORS:
            file = get_home().table(table) / "day=2026-11-01" / "data.parquet"
            file.parent.mkdir()
            _write(pd.DataFrame({"track_id": ["a", "b"]}), file)
        name, file = _name(), _file(table)
        rows = pd.read_parquet(file, partitioning=None)
        _write(rows.iloc[::-1], file)
        assert _name() == name
        _write(rows.iloc[1:], file)
        assert _name() != name


def test_a_name_knows_nothing_of_what_came_after_its_day() -> None:
    name, tracks = _name(), get_home().table(Table.TRACKS)
    labels = get_home().table(Table.LABELS)
    with _kept(tracks, labels):
        shutil.copytree(labels / f"day={AS_OF}", labels / "day=2026-11-16")
        rows = pd.read_parquet(_file(Table.TRACKS))
        new = rows.iloc[:1].assign(track_id="t-new", first_seen_at=pd.Timestamp(SPLIT.end))
        _write(pd.concat([rows, new], ignore_index=True), _file(Table.TRACKS))
        assert _name() == name


@pytest.mark.parametrize(
    ("day", "counts"), [("2026-11-01", False), ("2026-11-02", True), ("2026-11-08", True), ("2026-11-09", False)]
)
def test_a_name_changes_with_the_answers_of_the_days_that_teach_the_places_alone(day: str, counts: bool) -> None:
    name, predictions = _name(), get_home().predictions
    with _kept(predictions):
        log = predictions / f"day={day}" / "http-1.jsonl"
        log.parent.mkdir(exist_ok=True)
        log.write_text("an answer\n")
        assert (_name() != name) == counts
        (log.parent / "weekly-r.jsonl").write_text("a list that nobody saw\n")
        with log.open("a") as more:
            more.write("another answer\n")
        assert (_name() != name) == counts


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of the rooms whose code is part of a name."""
    for room in made_from.ROOMS:
        shutil.copytree(room, tmp_path / room.name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(made_from, "ROOMS", tuple(tmp_path / room.name for room in made_from.ROOMS))
    return tmp_path


@pytest.mark.parametrize(
    "module", ["segue/ranker/placing.py", "segue/ranker/crosses.py", "segue/point_in_time.py", "trainers/ranker/lists.py"]
)
def test_a_name_changes_with_a_constant_that_training_reads_in_either_room(rooms: Path, module: str) -> None:
    name = sealing.name_of(AS_OF, {})
    with (rooms / module).open("a") as code:
        code.write("\nANOTHER = 1\n")
    assert sealing.name_of(AS_OF, {}) != name


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meanwhile], str]:
    """A training whose models are nothing, while whose time something happens; its release."""

    def begun(meanwhile: Meanwhile) -> str:
        def fit(*_: object, **__: object) -> tuple[None, Any]:
            meanwhile()
            return None, SimpleNamespace(catalogue=SimpleNamespace(track_ids=_ids()))

        def write(folder: Path, *_: object) -> Any:
            np.save(folder / "vectors.npy", np.zeros((2, 2), np.float32))
            return manifest_of("", AS_OF)

        monkeypatch.setattr(train, "fit_models", fit)
        monkeypatch.setattr(train, "_write", write)
        return str(train.run(as_of=AS_OF, hyper=TINY).summary["version"])

    return begun


def _ids() -> Any:
    return tracks_at(SPLIT.end)["track_id"].to_numpy(dtype=object)


def _fewer(table: Table) -> None:
    _write(pd.read_parquet(_file(table), partitioning=None).iloc[1:], _file(table))


def test_gold_that_was_written_again_while_a_release_was_made_makes_none(training: Callable[[Meanwhile], str]) -> None:
    before = versions()
    with (
        _kept(get_home().table(Table.LABELS), get_home().table(Table.TRACKS)),
        pytest.raises(SegueError, match="received other rows of labels, tracks than when it began: run it again"),
    ):
        training(lambda: (_fewer(Table.LABELS), _fewer(Table.TRACKS)))
    assert versions() == before


def test_without_the_second_look_it_would_be_sealed(
    training: Callable[[Meanwhile], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inputs, "require_unchanged", lambda _: None)
    with _kept(get_home().table(Table.LABELS)):
        assert training(lambda: _fewer(Table.LABELS)) in versions()


def test_the_day_after_may_be_written_while_a_release_is_made(training: Callable[[Meanwhile], str]) -> None:
    """As `segue features` of the next day does: a new day, and every old row where and as it was, in a file written anew."""
    tracks, labels = get_home().table(Table.TRACKS), get_home().table(Table.LABELS)

    def next_day() -> None:
        shutil.copytree(labels / f"day={AS_OF}", labels / "day=2026-11-16")
        _write(pd.read_parquet(_file(Table.TRACKS)), _file(Table.TRACKS))
        _write(pd.read_parquet(_file(Table.LABELS, 3), partitioning=None), _file(Table.LABELS, 3))

    with _kept(tracks, labels):
        assert training(next_day) in versions()


@pytest.mark.parametrize("same", [True, False])
def test_a_session_model_of_another_catalogue_is_not_sealed(
    training: Callable[[Meanwhile], str], monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    """Of as many tracks: every number would stand for another one."""
    ids = _ids() if same else _ids()[::-1]
    trained = TrainedSessions({"sessions": 1}, {}, ids_digest(ids))

    @contextmanager
    def sessions(*_: object) -> Iterator[Callable[[], TrainedSessions]]:
        yield lambda: trained

    monkeypatch.setattr(train, "_session_model", sessions)
    monkeypatch.setattr(train.sealing, "name_of", lambda *_: f"2026-11-15-{same}".lower())
    if same:
        assert training(lambda: None) in versions()
    else:
        with pytest.raises(SegueError, match="one catalogue for all models"):
            training(lambda: None)
        assert f"2026-11-15-{same}".lower() not in versions()
