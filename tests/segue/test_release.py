"""A release is refused for one changed byte, and the pointer moves all at once or not at all."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from segue import atomic
from segue.atomic import write_json
from segue.errors import SegueError
from segue.home import Home
from segue.live_release import point_back, point_to, read_pointer
from segue.release import (
    MANIFEST,
    Manifest,
    bentoml_home,
    check_fingerprint,
    file_entries,
    read_manifest,
    release_path,
    set_bentoml_home,
    unreadable_versions,
    verify,
    versions,
)

FILES = {
    "vectors.npy": b"\x93NUMPY-vectors",
    "query_tower/saved_model.pb": b"graph",
    "query_tower/variables/v.data": b"weights",
}


def seal(version: str, *, created: datetime = datetime(2026, 11, 16, tzinfo=UTC)) -> Path:
    """A small sealed release, as the trainers would leave it."""
    folder = release_path(version)
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "model.yaml").write_text("name: segue\n")
    manifest = Manifest(
        version=version,
        created_at=created,
        as_of=date(2026, 11, 15),
        trained_through=created,
        feature_fingerprint="f" * 64,
        hyperparameters={"dimensions": 64, "rates": (0.1, 1e-7)},
        policy={},
        metrics={"ndcg": 0.25, "unknown": float("nan")},
        libraries={},
        inputs={"query": [("plays_7d", "int", None)]},
        tracks=3,
        dimensions=2,
        files=file_entries(folder),
    )
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))
    return folder


def anything(manifest: Manifest) -> None:
    """Every release fits."""


def test_an_untouched_release_is_verified(home: Home) -> None:
    seal("r1")
    assert sorted(verify("r1").files) == sorted(FILES)


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_byte_changed_is_refused_by_name(home: Home, name: str) -> None:
    path = seal("r1") / name
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(SegueError, match=rf"release r1 .* received {name} changed: go back with `segue rollback`"):
        verify("r1")


def test_a_missing_file_is_refused_by_name(home: Home) -> None:
    (seal("r1") / "vectors.npy").unlink()
    with pytest.raises(SegueError, match=r"vectors\.npy missing"):
        verify("r1")


def test_an_added_file_is_refused_by_name(home: Home) -> None:
    (seal("r1") / "query_tower" / "extra.so").write_bytes(b"surprise")
    with pytest.raises(SegueError, match=r"query_tower/extra\.so added"):
        verify("r1")


def test_every_byte_of_the_manifest_counts(home: Home) -> None:
    path = seal("r1") / MANIFEST
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        if _same_meaning(whole, bytes(changed)):
            continue  # white space
        with pytest.raises(SegueError):
            verify("r1")
    path.write_bytes(whole)
    assert verify("r1").version == "r1"


def test_a_metric_rewritten_in_the_manifest_is_refused(home: Home) -> None:
    path = seal("r1") / MANIFEST
    path.write_text(path.read_text().replace("0.25", "0.95"))
    with pytest.raises(SegueError, match=r"manifest\.json changed"):
        verify("r1")


def test_a_release_under_another_name_is_refused(home: Home) -> None:
    seal("r1").rename(release_path("r2"))
    with pytest.raises(SegueError, match=r"release r2 .*manifest\.json changed"):
        verify("r2")


def test_a_folder_without_a_manifest_is_no_release(home: Home) -> None:
    (seal("killed") / MANIFEST).unlink()
    seal("r1")
    assert versions() == ["r1"]
    with pytest.raises(SegueError, match=r"a release manifest at .*manifest\.json, received none"):
        verify("killed")


def test_half_a_manifest_is_refused_in_a_sentence(home: Home) -> None:
    path = seal("r1") / MANIFEST
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SegueError, match="received a file that cannot be read as one"):
        read_manifest(path.parent)


def test_a_damaged_manifest_hides_no_other_release_and_is_named(home: Home) -> None:
    path = seal("r1") / MANIFEST
    path.write_bytes(path.read_bytes()[:100])
    seal("r2")
    assert versions() == ["r2"]
    assert list(unreadable_versions()) == ["r1"]
    with pytest.raises(SegueError, match=r"manifest\.json, received a file that cannot be read .* remove that folder"):
        verify("r1")


def test_releases_are_listed_oldest_first(home: Home) -> None:
    seal("b", created=datetime(2026, 11, 1, tzinfo=UTC))
    seal("a", created=datetime(2026, 11, 8, tzinfo=UTC))
    assert versions() == ["b", "a"]


def test_other_features_than_it_was_trained_on_are_refused(home: Home) -> None:
    seal("r1")
    check_fingerprint(verify("r1"), "f" * 64)
    with pytest.raises(SegueError, match=r"release r1 was trained on, received feature service eeeeeeeeeeee"):
        check_fingerprint(verify("r1"), "e" * 64)


def test_before_the_first_promotion_nothing_is_live(home: Home) -> None:
    assert read_pointer() is None
    with pytest.raises(SegueError, match="a release before the live one, received none"):
        point_back(anything)


def test_promoting_remembers_what_was_live(home: Home) -> None:
    for version in ("r1", "r2", "r3", "r3"):
        seal(version)
        point_to(version)
    pointer = read_pointer()
    assert pointer is not None
    assert (pointer.version, pointer.previous) == ("r3", ["r1", "r2"])


def test_rollback_walks_back_and_stops_at_the_first(home: Home) -> None:
    for version in ("r1", "r2", "r3"):
        seal(version)
        point_to(version)
    assert [point_back(anything).version, point_back(anything).version] == ["r2", "r1"]
    with pytest.raises(SegueError):
        point_back(anything)


def test_rollback_to_a_damaged_release_leaves_the_live_one(home: Home) -> None:
    for version in ("r1", "r2"):
        seal(version)
        point_to(version)
    (release_path("r1") / "vectors.npy").write_bytes(b"")
    with pytest.raises(SegueError, match=r"vectors\.npy changed"):
        point_back(anything)
    pointer = read_pointer()
    assert pointer is not None
    assert pointer.version == "r2"


def test_rollback_to_a_release_that_does_not_fit_leaves_the_live_one(home: Home) -> None:
    for version in ("r1", "r2"):
        seal(version)
        point_to(version)
    with pytest.raises(SegueError, match="release r1 was trained on"):
        point_back(lambda manifest: check_fingerprint(manifest, "e" * 64))
    pointer = read_pointer()
    assert pointer is not None
    assert pointer.version == "r2"
    assert point_back(lambda manifest: check_fingerprint(manifest, "f" * 64)).version == "r1"


def test_a_promotion_killed_before_the_rename_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to("r1")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        point_to("r2")
    pointer = read_pointer()
    assert pointer is not None
    assert (pointer.version, pointer.previous) == ("r1", [])
    assert [path.name for path in home.releases.iterdir()] == ["current.json"]


def test_bentoml_is_pointed_at_the_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_HOME", "elsewhere")
    set_bentoml_home()
    assert Path(os.environ["BENTOML_HOME"]) == bentoml_home()
    assert bentoml_home().is_relative_to(home.root)


def _same_meaning(one: bytes, other: bytes) -> bool:
    try:
        return json.loads(one) == json.loads(other) or _without_nan(one) == _without_nan(other)
    except ValueError:
        return False


def _without_nan(text: bytes) -> object:
    return json.loads(text, parse_constant=str)
