"""The fingerprint moves when a feature does, and stays when nothing a model sees has changed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from feature_readings import changed_repo
from gold_tables import Gold

import segue.fingerprint
from infra.mart.feast_apply import REPO, apply
from segue import request_features
from segue.features import fingerprint, shared_store
from segue.home import Home
from segue.names import MODEL_SERVICES, Service

TEMPO = '        Field(name="tempo", dtype=Float64),\n'


@pytest.fixture
def live(served: tuple[Home, Gold]) -> str:
    return fingerprint(shared_store(), MODEL_SERVICES)


def of_repo(tmp_path: Path, repo: Path) -> str:
    return fingerprint(apply(tmp_path / "other-registry.db", repo), MODEL_SERVICES)


def test_applying_again_gives_the_same_number(live: str, tmp_path: Path) -> None:
    assert of_repo(tmp_path, REPO) == live


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TEMPO, TEMPO + '        Field(name="mood", dtype=String),\n'),
        ('Field(name="energy", dtype=Float64)', 'Field(name="loudness", dtype=Float64)'),
        ('Field(name="duration_s", dtype=Float64)', 'Field(name="duration_s", dtype=Float32)'),
        ('        Field(name="genre", dtype=String),\n', ""),
        ("    entities=[track, territory],\n    ttl=None,", "    entities=[track, territory],\n    ttl=timedelta(days=2),"),
        ("times.to_numpy(", "(times + pd.Timedelta(hours=1)).to_numpy("),
    ],
    ids=["added", "renamed", "retyped", "removed", "time to live", "on-demand code"],
)
def test_a_changed_feature_gives_another_number(live: str, tmp_path: Path, old: str, new: str) -> None:
    repo = changed_repo(tmp_path / "repo", old, new)
    definitions = repo / "definitions.py"
    imports = "from datetime import timedelta\n\nimport pandas as pd\n"
    definitions.write_text(definitions.read_text().replace("import pandas as pd\n", imports))
    assert of_repo(tmp_path, repo) != live


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What the feature store serves', '"""All that the feature store serves'),
        ("    times = pd.to_datetime(", "    # a remark\n    times = pd.to_datetime("),
        ('description="what a track is', 'description="what a recording is'),
    ],
    ids=["docstring", "comment in on-demand code", "description"],
)
def test_words_for_people_do_not_count(live: str, tmp_path: Path, old: str, new: str) -> None:
    assert of_repo(tmp_path, changed_repo(tmp_path / "repo", old, new)) == live


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("_EPOCH_WEEKDAY = 3 ", "_EPOCH_WEEKDAY = 4 ", False),
        ("hours % 24", "hours % 12", False),
        ("# 1970-01-01 was a Thursday", "# the first of January 1970 was a Thursday", True),
        ('"""UTC hour 0 to 23', '"""Hour of the day in UTC, 0 to 23', True),
    ],
    ids=["constant", "function", "comment", "docstring"],
)
def test_the_pure_functions_behind_the_on_demand_view_count(
    live: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, same: bool
) -> None:
    text = Path(str(request_features.__file__)).read_text()
    assert old in text
    changed = tmp_path / "changed_request_features.py"
    changed.write_text(text.replace(old, new))
    spec = importlib.util.spec_from_file_location("changed_request_features", changed)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(segue.fingerprint, "request_features", module)
    assert (fingerprint(shared_store(), MODEL_SERVICES) == live) is same


def test_a_service_left_out_gives_another_number(live: str) -> None:
    assert fingerprint(shared_store(), (Service.RETRIEVER,)) != live
