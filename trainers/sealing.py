"""How a release comes to be: a name that says what it was made from, and a folder that appears whole or not at all.

BentoML writes its own metadata into a private store under `tmp/`; the folder is filled there, sealed with a manifest, flushed
and renamed into the real store. BentoML's `save` copies file by file: a reader or a kill could meet half a release.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from segue.atomic import write_json
from segue.errors import SegueError
from segue.home import get_home
from segue.names import RELEASE_MODEL
from segue.release import MANIFEST, Manifest, file_entries, release_path, set_bentoml_home
from trainers.made_from import code_digest

LIBRARIES = ("tensorflow", "tf-keras", "tensorflow-recommenders", "lightgbm", "implicit", "scann", "numpy", "feast", "bentoml")


def libraries() -> dict[str, str]:
    """Installed versions of what shapes a release."""
    return {name: installed(name) for name in LIBRARIES}


def name_of(as_of: date, made_from: dict[str, Any]) -> str:
    """The version: the as-of day and eight digits of the SHA-256 of everything the release depends on: `made_from`, the code
    and the libraries."""
    described = made_from | {"code": code_digest(), "libraries": libraries()}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()
    return f"{as_of.isoformat()}-{digest[:8]}"


@contextmanager
def new_release(version: str) -> Iterator[Path]:
    """Yield the folder to fill, the manifest last (`seal`); on success it becomes the release, else nothing is left."""
    workshop = get_home().tmp / f"release.{version}.{uuid.uuid4().hex}"
    for left_behind in get_home().tmp.glob("release.*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    try:
        yield _bentoml_folder(workshop, version)
        target = release_path(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        made = workshop / RELEASE_MODEL / version
        _flush(made)
        made.rename(target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _bentoml_folder(store: Path, version: str) -> Path:
    set_bentoml_home()
    import bentoml
    from bentoml._internal.models import ModelStore  # the one way to a store that is not the environment's

    store.mkdir(parents=True)
    with bentoml.models.create(f"{RELEASE_MODEL}:{version}", _model_store=ModelStore(store)):
        pass
    return store / RELEASE_MODEL / version


def seal(folder: Path, manifest: Manifest) -> None:
    """Write the manifest with the SHA-256 of every file in `folder`.

    Raises:
        SegueError: a file is a pickle.
    """
    pickles = sorted(path.name for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle"})
    if pickles:
        raise SegueError(
            expected="a release without pickles", received=", ".join(pickles), mend="store arrays and models only"
        )
    sealed = manifest.model_copy(update={"files": file_entries(folder)})
    write_json(folder / MANIFEST, sealed.model_dump(mode="json"))


def _flush(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def stamp(moment: datetime | None = None) -> datetime:
    """When a release was made, to the second; `moment` for tests."""
    from datetime import UTC

    return (moment or datetime.now(UTC)).replace(microsecond=0)
