"""`make test` goes on where no Redis can be installed; CI installs only what is missing, and does not go on without."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs, all there are on a machine where we are root: `apt-get` notes its arguments and fails."""
    _program(tmp_path, "id", "echo 0")
    _program(tmp_path, "apt-get", f'echo "$@" >> {tmp_path}/asked; exit 100')
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def _program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def _run(machine: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine), "HOME": str(machine)}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def _make() -> str:
    found = shutil.which("make")
    if found is None:
        pytest.skip("no make on this machine")
    return found


def test_a_redis_that_cannot_be_installed_is_said_and_the_tests_go_on(machine: Path) -> None:
    done = _run(machine, _make(), "redis")
    assert done.returncode == 0, done.stderr
    assert "the tests that need it will be skipped" in done.stdout
    assert (machine / "asked").read_text() == "update -qq\n"


def test_a_redis_that_is_there_is_not_installed_again(machine: Path) -> None:
    _program(machine, "redis-server", "exit 0")
    assert _run(machine, _make(), "redis").stdout == ""
    assert not (machine / "asked").exists()


def test_a_java_that_cannot_be_installed_is_said_and_the_tests_go_on(machine: Path) -> None:
    done = _run(machine, _make(), "java")
    assert done.returncode == 0, done.stderr
    assert "the tests that need it will be skipped" in done.stdout


def test_ci_ends_where_what_it_needs_cannot_be_installed(machine: Path) -> None:
    _program(machine, "make", f'echo "$@" >> {machine}/made')
    done = _run(machine, str(REPOSITORY / ".ci" / "run"))
    assert done.returncode == 100
    assert not (machine / "made").exists()


def test_ci_installs_nothing_where_nothing_is_missing(machine: Path) -> None:
    for program in ("redis-server", "java"):
        _program(machine, program, "exit 0")
    _program(machine, "make", f'echo "$@" >> {machine}/made; exit 1')
    assert _run(machine, str(REPOSITORY / ".ci" / "run")).returncode == 1
    assert (machine / "made").read_text() == "check\n"
    assert not (machine / "asked").exists()
