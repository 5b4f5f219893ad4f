"""Nothing half written: what a reader finds is whole, whatever happened to the writer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from segue.atomic import new_folder, replacing_file, write_json, write_text

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_appears_whole_with_its_folders(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.json"
    write_json(target, {"b": 1, "a": tmp_path})
    assert json.loads(target.read_text()) == {"a": str(tmp_path), "b": 1}
    write_text(target, "newer")
    assert target.read_text() == "newer"
    assert [path.name for path in target.parent.iterdir()] == ["c.json"]


def test_a_writer_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "data.parquet"
    write_text(target, "old")

    def fail_half_way() -> None:
        with replacing_file(target) as temporary:
            temporary.write_text("ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail_half_way()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["data.parquet"]


def test_a_writer_that_writes_nothing_is_told(tmp_path: Path) -> None:
    target = tmp_path / "data.parquet"
    with pytest.raises(FileNotFoundError), replacing_file(target):
        pass
    assert not target.exists()


def test_a_killed_writer_leaves_nothing_that_a_reader_matches(tmp_path: Path) -> None:
    target, folder = tmp_path / "day=2026-11-15" / "data.parquet", tmp_path / "release"
    write_text(target, "old")
    program = f"""
        import os, signal
        from pathlib import Path
        from segue.atomic import new_folder, replacing_file
        with replacing_file(Path({str(target)!r})) as file, new_folder(Path({str(folder)!r}), within=Path({str(tmp_path)!r}) / "tmp") as half:
            file.write_text("ne")
            (half / "part").write_text("par")
            os.kill(os.getpid(), signal.SIGKILL)
    """  # noqa: E501
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.glob("*.parquet")] == ["data.parquet"]
    assert not folder.exists()
    write_text(target, "new")
    assert target.read_text() == "new"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target, within = tmp_path / "releases" / "r1", tmp_path / "tmp"
    with new_folder(target, within=within) as folder:
        (folder / "part").write_text("x")
        assert not target.exists()
    assert (target / "part").read_text() == "x"

    def fail() -> None:
        with new_folder(tmp_path / "releases" / "r2", within=within) as half:
            (half / "part").write_text("x")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert [path.name for path in (tmp_path / "releases").iterdir()] == ["r1"]
    assert list(within.iterdir()) == []


def test_a_folder_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "r1"
    target.mkdir()
    (target / "part").write_text("first")
    with pytest.raises(OSError, match="not empty"), new_folder(target, within=tmp_path / "tmp") as folder:
        (folder / "part").write_text("second")
    assert (target / "part").read_text() == "first"
