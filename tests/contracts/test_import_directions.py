"""Who may import whom, where the import linter cannot look: what is imported on import, and files that are no package."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("segue", "dags", "feature_repo", "trainers", "serving", "monitoring", "infra")
SHAPELESS = {"utils", "common", "helpers"}
LIGHT = {"segue", "pydantic", "pydantic_core", "pydantic_settings", "numpy"}
DAGS_MAY = {"segue", "airflow", "segue_assets", "segue_tasks"}
FEATURE_REPO_MAY = {"segue", "feast", "pandas", "numpy"}


def imported(source: str) -> set[str]:
    """Top-level packages, standard library aside, that a module imports when it is imported; type checkers' imports aside."""
    names = {name.partition(".")[0] for node in _statements(ast.parse(source).body) for name in _names(node)}
    return names - set(sys.stdlib_module_names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def _beyond(folder: str, allowed: set[str]) -> dict[str, set[str]]:
    files = sorted((REPOSITORY / folder).rglob("*.py"))
    assert files, f"no module in {folder}"
    found = {str(path.relative_to(REPOSITORY)): imported(path.read_text()) - allowed for path in files}
    return {path: names for path, names in found.items() if names}


def test_the_agreements_import_nothing_heavy() -> None:
    assert _beyond("segue", LIGHT) == {}


def test_dags_import_the_agreements_and_airflow_alone() -> None:
    assert _beyond("dags", DAGS_MAY) == {}


def test_feature_definitions_import_the_agreements_and_feast_alone() -> None:
    assert _beyond("feature_repo", FEATURE_REPO_MAY) == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import tensorflow as tf", {"tensorflow"}),
        ("from feast.repo import x\nimport json", {"feast"}),
        ("try:\n    import pandas\nexcept ImportError:\n    import polars", {"pandas", "polars"}),
        ("if True:\n    import trainers.evaluation.gate", {"trainers"}),
        ("class A:\n    import serving", {"serving"}),
        ("def f():\n    import tensorflow", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas", set()),
    ],
)
def test_a_heavy_import_is_noticed(source: str, names: set[str]) -> None:
    assert imported(source) == names


def test_no_module_has_a_name_that_says_nothing() -> None:
    modules = [path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py")]
    assert [path for path in modules if path.stem in SHAPELESS or path.parent.name in SHAPELESS] == []
