"""`segue train`: a sealed release that knows the checkerboard, the same one for the same inputs, and nothing half made."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from gold_listens import user_id
from gold_tables import AS_OF
from trained_home import SPLIT, TINY, Board, checkerboard_home

from segue.errors import SegueError
from segue.home import get_home
from segue.live_release import point_to
from segue.lock import locked
from segue.release import MANIFEST, release_path, verify, versions
from trainers import registry, sealing, train
from trainers.examples import catalogue_at, users_at
from trainers.loading import LoadedRelease, load
from trainers.release_rows import REFERENCE_ROWS
from trainers.sessions.config import SessionConfig

__all__ = ["checkerboard_home"]


@pytest.fixture(scope="module")
def version(checkerboard_home: Board) -> str:
    return train.run(as_of=AS_OF, hyper=TINY).summary["version"]


@pytest.fixture(scope="module")
def release(version: str) -> LoadedRelease:
    return load(version)


def _queries(release: LoadedRelease, ids: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    users = users_at(ids, SPLIT.end)
    return users, release.query(users)


def test_the_release_holds_every_file_and_no_pickle(version: str) -> None:
    manifest, names = verify(version), {path.split("/")[0] for path in verify(version).files}
    wanted = {"query_tower", "track_tower", "ranker", "ranker_tracks", "tracks.parquet", "vectors.npy", "reference.parquet"}
    assert wanted <= names
    assert not [name for name in manifest.files if "pkl" in name or "pickle" in name]
    assert manifest.trained_through == SPLIT.cutoff
    assert (release_path(version) / "model.yaml").exists()


def test_vectors_are_those_of_the_towers_for_the_catalogue_as_of_the_day(release: LoadedRelease) -> None:
    catalogue = catalogue_at(SPLIT.end)
    stored = np.load(release_path(release.version) / "vectors.npy")
    np.testing.assert_allclose(stored, release.track_vectors(catalogue.frame), atol=1e-5)
    assert pd.read_parquet(release_path(release.version) / "tracks.parquet")["track_id"].tolist() == list(catalogue.track_ids)


def test_retriever_and_ranker_put_tracks_of_the_own_group_first(release: LoadedRelease, checkerboard_home: Board) -> None:
    catalogue, gold = catalogue_at(SPLIT.end), checkerboard_home.gold
    users, queries = _queries(release, [user_id(n) for n in range(20)])
    scores = queries @ release.track_vectors(catalogue.frame).T
    every = np.tile(np.arange(len(catalogue.frame), dtype=np.int32), (20, 1))
    ranked = release.rank(users, catalogue, every, scores).score
    tracks = np.array([gold.track_group[t] for t in catalogue.track_ids])
    own = np.array([gold.user_group[u] for u in users["user_id"]])
    for score in (scores, ranked):
        best = np.argsort(-score, axis=1)[:, :15]
        assert (tracks[best] == own[:, None]).mean() > 0.95


def test_scoring_with_what_the_release_keeps_is_scoring_anew(release: LoadedRelease) -> None:
    from trainers.inputs import arrays, constant, constants

    catalogue, folder = catalogue_at(SPLIT.end), release_path(release.version) / "ranker_tracks"
    users, queries = _queries(release, [user_id(1), "nobody"])
    some = np.array([[3, 5, 8], [0, 1, 2]], np.int32)
    scores = np.einsum("nd,ncd->nc", queries, release.track_vectors(catalogue.frame)[some])
    kept = {path.stem: constant(np.load(path, allow_pickle=False)) for path in folder.glob("*.npy")}
    people = release.ranker.encode_users(constants(arrays(users, release._specs("ranker_users"))))
    scored = release.ranker.score(people, kept, constant(some), constant(scores))
    anew = release.rank(users, catalogue, some, scores)
    np.testing.assert_allclose(scored["heads"], anew.heads, atol=1e-5)
    np.testing.assert_allclose(scored["score"], anew.score, atol=1e-4)


def test_a_user_nobody_has_met_gets_valid_scores(release: LoadedRelease) -> None:
    catalogue = catalogue_at(SPLIT.end)
    users, queries = _queries(release, ["nobody"])
    every = np.arange(len(catalogue.frame), dtype=np.int32)[None, :]
    heads = release.rank(users, catalogue, every, queries @ release.track_vectors(catalogue.frame).T).heads
    assert np.isfinite(heads).all()
    assert ((heads >= 0) & (heads <= 1)).all()


def test_the_reference_holds_features_and_scores(version: str) -> None:
    frame = pd.read_parquet(release_path(version) / "reference.parquet")
    assert {"plays_30d", "track_plays_30d", "top_genres", "score", "retrieval_score"} <= set(frame.columns)
    assert 0 < len(frame) <= REFERENCE_ROWS
    assert np.isfinite(frame[["score", "retrieval_score"]].to_numpy()).all()


def test_training_again_finds_the_release_and_changes_nothing(version: str) -> None:
    before = (release_path(version) / "manifest.json").read_bytes()
    again = train.run(as_of=AS_OF, hyper=TINY).summary
    assert (again["version"], again["existed"]) == (version, True)
    assert (release_path(version) / "manifest.json").read_bytes() == before


def test_a_release_that_breaks_off_while_it_is_written_is_none_and_the_next_clears_the_rubbish_of_a_killed_one(
    checkerboard_home: Board,
) -> None:
    """What a training killed by the system leaves, and that the next has the same vectors, is for `tests/e2e`."""
    rubbish = get_home().tmp / "release.2026-01-01-broken.of-a-killed-run"
    rubbish.mkdir(parents=True)
    before = versions()

    def broken_off() -> None:
        with sealing.new_release("2026-01-01-broken") as folder:
            (folder / "vectors.npy").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert versions() == before
    assert not release_path("2026-01-01-broken").exists()
    assert not list(get_home().tmp.glob("release.*"))


def test_a_session_model_that_fails_beside_the_others_fails_the_training_with_its_sentence(checkerboard_home: Board) -> None:
    before = versions()
    endless = SessionConfig(dimensions=8, sampled=8, uniform=8, passes=2, rate=float("inf"))
    with pytest.raises(SegueError, match="a session model whose loss and weights stay finite"):
        train.run(as_of=AS_OF, hyper=replace(TINY, sessions=endless))
    assert versions() == before
    assert not list(get_home().tmp.glob("release.*"))


def test_two_trainings_at_once_are_refused(checkerboard_home: Board) -> None:
    with (
        locked(get_home().tmp / "train.lock", what="`segue train`"),
        pytest.raises(SegueError, match="one `segue train` at a time"),
    ):
        train.run(as_of=AS_OF, hyper=TINY)


def test_too_little_history_is_one_clear_sentence(checkerboard_home: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    from segue.settings import get_settings

    monkeypatch.setenv("SEGUE_HOLDOUT_DAYS", "14")
    get_settings.cache_clear()
    with pytest.raises(SegueError, match="SEGUE_HOLDOUT_DAYS"):
        train.run(as_of=AS_OF, hyper=TINY)
    monkeypatch.undo()
    get_settings.cache_clear()


def test_a_pickle_is_refused_at_the_seal(version: str, tmp_path: Path) -> None:
    (tmp_path / "scann_docids.pkl").write_bytes(b"")
    with pytest.raises(SegueError, match="without pickles"):
        sealing.seal(tmp_path, verify(version))


def test_the_list_shows_which_release_is_live_and_rollback_needs_one_before(version: str) -> None:
    point_to(version)
    listed = registry.list_releases()
    assert [r["live"] for r in listed.summary["releases"] if r["version"] == version] == [True]
    assert version in listed.text
    with pytest.raises(SegueError, match="before the live one"):
        registry.rollback()


def test_a_damaged_old_manifest_stops_neither_the_list_nor_a_training(version: str) -> None:
    damaged = release_path("20260101-damaged") / MANIFEST
    damaged.parent.mkdir()
    damaged.write_bytes(b"half")
    try:
        listed = registry.list_releases()
        rows = {row["version"]: row["unreadable"] for row in listed.summary["releases"]}
        assert rows[version] is None
        assert "cannot be read" in rows[damaged.parent.name]
        assert re.search(rf"{damaged.parent.name} +unreadable", listed.text)
        assert train.run(as_of=AS_OF, hyper=TINY).summary["existed"]
    finally:
        shutil.rmtree(damaged.parent)


def test_a_training_whose_own_release_is_damaged_says_which_folder_to_remove(version: str) -> None:
    path = release_path(version) / MANIFEST
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    try:
        with pytest.raises(SegueError, match=rf"{version}/manifest\.json.*remove that folder"):
            train.run(as_of=AS_OF, hyper=TINY)
    finally:
        path.write_bytes(whole)


def test_a_changed_byte_is_refused_by_name(version: str) -> None:
    path = release_path(version) / "vectors.npy"
    original = path.read_bytes()
    path.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    try:
        with pytest.raises(SegueError, match=r"vectors\.npy changed"):
            load(version)
    finally:
        path.write_bytes(original)
