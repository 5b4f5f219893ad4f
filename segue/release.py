"""A release: everything one version of the recommender is, in one sealed folder of the BentoML model store.

| file | holds |
|---|---|
| `query_tower/`, `track_tower/` | SavedModels: feature tensors to L2-normalised float32 vectors (n, d) |
| `tracks.parquet` | one row per track, the row number being the track's index everywhere; the features of the services |
| `vectors.npy` | float32 (tracks, d), row i for track i |
| `index/` | ScaNN assets with relative paths; absent when search is exact |
| `ranker/` | SavedModel with `encode_users`, `encode_tracks`, `score`; with trees also `frame`, and `trees.txt` beside it |
| `sessions/` | SavedModel of the next track in a session, its neighbours and their order in it; absent without sessions |
| `ranker_tracks/*.npy` | what `encode_tracks` gives for every track, computed once |
| `reference.parquet` | a sample of training features and scores, the baseline of drift |
| `manifest.json` | what it was made from, and the SHA-256 of every file above |

The manifest is written last. Loading verifies every byte of it and refuses what differs.

How the models are called, n users, m tracks, c candidates each, d dimensions. `inputs` are dictionaries of tensors as
`segue.tensors.to_tensors` makes them from the specs in `Manifest.inputs` (`query`, `track`, `ranker_users`,
`ranker_tracks`), floats as float32, ints as int64, strings as string tensors:

- `tf.saved_model.load(query_tower).encode(inputs)` and `track_tower`'s give float32 (n, d). The query's `device`,
  `hour_of_day` and `day_of_week` are the moment of the request: "", -1 and -1 where there is none.
- `ranker.encode_users(inputs)` and `ranker.encode_tracks(inputs)` give a dictionary of tensors each, (n, ...) and (m, ...).
  What `segue.ranker.opened.open_ranker` gives may answer with arrays: `np.asarray` takes both.
- `ranker.score(users, tracks, candidates, retrieval_scores)` takes those two dictionaries, int32 track indices (n, c) and
  the float32 dot products (n, c), and gives `{"score": (n, c), "heads": (n, c, 3), "stays": (n, c)}`: the ranker's
  score, the probabilities of complete, early skip and save, and how far the listener stays with a track longer than with the
  usual one, about a logit. A release that was made before there was such a thing has none.
  `users["belief"]` (n,) says how far the score is the ranker's and not the retriever's; before there was doubt, all of it.
- `ranker.frame(users, tracks, candidates, retrieval_scores)` makes the rows that trees look at, see `segue.ranker.opened`.
- `ranker.look_up_users(inputs)` gives what `encode_users` does without `factor` and `liking`, and the `recent` tracks and
  `outcomes` (n, r) those are made of; `ranker.arrays` is a dictionary of variables. Both are for `segue.ranker.quick`, which
  does in machine code what the functions above do. A release without them, of another `form`, or of trees alone is asked as a
  graph.
- `sessions.next(tracks)` takes int64 track indices (n, l), oldest first, -1 at the end of the shorter rows, and gives the
  probability of every track being played next, float32 (n, tracks), all 0 for a row without tracks.
- `ranker_tracks/NAME.npy` is the entry NAME of `tracks`, whole; `territory.npy` among them is (territories + 1, m, 2). Which
  other entries there are is between `encode_tracks` and `score` of one release.
- `index/` is a searcher for `scann.scann_ops_pybind.load_searcher`; it answers track indices.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, computed_field

from segue.errors import NotBegunError, SegueError
from segue.home import get_home
from segue.names import RELEASE_MODEL
from segue.stored import json_object, read_stored

MANIFEST = "manifest.json"
_BENTOML_FILES = {"model.yaml"}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
CANDIDATES = 500
"""How many of the retriever's tracks the ranker of a release puts in order, wherever a release answers."""


class FileEntry(BaseModel):
    sha256: str
    bytes: int


class Manifest(BaseModel):
    """What a release was made from, and its files.

    `trained_through` is the first instant the model has not seen. `inputs` lists the tensors of each tower and of the
    ranker as `[name, kind, length]`.
    """

    version: str
    created_at: datetime
    as_of: date
    trained_through: datetime
    feature_fingerprint: str
    hyperparameters: dict[str, Any]
    policy: dict[str, Any]
    metrics: dict[str, Any]
    libraries: dict[str, str]
    inputs: dict[str, list[tuple[str, str, int | None]]]
    tracks: int
    dimensions: int
    files: dict[str, FileEntry]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seal(self) -> str:
        """SHA-256 of every other field, so that a byte changed in the manifest itself is seen too."""
        others = self.model_dump(mode="json", exclude={"seal"})
        return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def bentoml_home() -> Path:
    return get_home().releases / "bentoml"


def release_path(version: str) -> Path:
    """Where the model store keeps `version`; no promise that it exists."""
    return bentoml_home() / "models" / RELEASE_MODEL / version


def require_release(version: str) -> None:
    """Refuse a version that is none, before anything is begun for it; it names files, so it must not lead out of their folder.

    Raises:
        NotBegunError: it has another form, or there is no such release.
    """
    expected, mend = "a version that `segue releases` lists", "choose one of these"
    if _VERSION.fullmatch(version) is None:
        form = "which has not the form of a version, like 2026-11-15-0a1b2c3d"
        raise NotBegunError(expected=expected, received=f"{version!r}, {form}", mend=mend)
    if not (release_path(version) / MANIFEST).exists():
        raise NotBegunError(expected=expected, received=f"{version!r}, which is not there", mend=mend)


def versions() -> list[str]:
    """Sealed releases, oldest first. A folder without a manifest is the rest of a killed run and is not one; a damaged
    manifest is left to whoever asks for that release, so that one of them stops none of the others."""
    found = [(manifest.created_at, name) for name, manifest in _manifests().items() if isinstance(manifest, Manifest)]
    return [name for _, name in sorted(found)]


def unreadable_versions() -> dict[str, SegueError]:
    """Release folders whose manifest cannot be read, by name, and why."""
    return {name: problem for name, problem in _manifests().items() if isinstance(problem, SegueError)}


def _manifests() -> dict[str, Manifest | SegueError]:
    found: dict[str, Manifest | SegueError] = {}
    for path in sorted((bentoml_home() / "models" / RELEASE_MODEL).glob(f"*/{MANIFEST}")):
        try:
            found[path.parent.name] = read_manifest(path.parent)
        except SegueError as problem:
            found[path.parent.name] = problem
    return found


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a release folder, its files not yet verified.

    Raises:
        SegueError: there is none, or it cannot be read.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError as problem:
        raise SegueError(
            expected=f"a release manifest at {folder / MANIFEST}",
            received="none",
            mend="run `segue releases` for the versions there are",
        ) from problem
    except (OSError, ValueError) as problem:
        raise SegueError(
            expected=f"a release manifest at {folder / MANIFEST}",
            received="a file that cannot be read as one",
            mend="put the file back from a copy, or remove that folder: nothing can serve it",
        ) from problem


def file_entries(folder: Path) -> dict[str, FileEntry]:
    """Relative path to size and SHA-256 of every file of a release folder, manifest and store metadata left out."""
    entries = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST and name not in _BENTOML_FILES:
            entries[name] = FileEntry(sha256=_sha256(path), bytes=path.stat().st_size)
    return entries


def verify(version: str) -> Manifest:
    """The manifest of `version`, after every file was read and matches it.

    Raises:
        SegueError: a file is missing, added or changed; the sentence names it.
    """
    folder = release_path(version)
    manifest = read_manifest(folder)
    if manifest.version != version or json.loads((folder / MANIFEST).read_bytes()).get("seal") != manifest.seal:
        raise _unlike(version, MANIFEST, "changed")
    found = file_entries(folder)
    for name in sorted(manifest.files.keys() | found.keys()):
        if manifest.files.get(name) != found.get(name):
            state = "missing" if name not in found else "added" if name not in manifest.files else "changed"
            raise _unlike(version, name, state)
    return manifest


def _unlike(version: str, name: str, state: str) -> SegueError:
    return SegueError(
        expected=f"release {version} as its manifest describes it",
        received=f"{name} {state}",
        mend="go back with `segue rollback`, or train again",
    )


def check_fingerprint(manifest: Manifest, present: str) -> None:
    """Refuse a release whose features are not the ones the feature store serves now."""
    if manifest.feature_fingerprint != present:
        raise SegueError(
            expected=f"the feature service {manifest.feature_fingerprint[:12]} that release {manifest.version} was trained on",
            received=f"feature service {present[:12]}",
            mend="train a release on the present feature views, or restore the views it was trained on",
        )


def evaluation_path(version: str) -> Path:
    """Where `segue evaluate` keeps the table of `version`: beside the sealed release, never in it."""
    return get_home().releases / "evaluations" / f"{version}.json"


def verdict_path(version: str) -> Path:
    """Where the gate keeps its reason."""
    return get_home().releases / "verdicts" / f"{version}.json"


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object that a stage wrote, None where there is none.

    Raises:
        SegueError: it cannot be read.
    """
    return read_stored(path, json_object, what="a JSON object")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def set_bentoml_home() -> None:
    """Point BentoML at our store; to be called before BentoML is imported."""
    os.environ["BENTOML_HOME"] = str(bentoml_home())
