"""What a release is made from besides its settings: the rows of gold, the answers that were shown, and the code. Its name
says all of it, and what was read must be the same when the release is sealed as when its name was taken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import segue
from segue.dates import Split
from segue.errors import SegueError
from segue.home import get_home
from segue.names import TRACK_VECTORS, Table
from segue.predictions import answer_logs
from trainers.gold import read_territories

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROOMS = (Path(__file__).parent, Path(segue.__file__).parent)
"""Whose code may change what a release holds: this room, and the only one it may import. Which files of them do would be one
more thing to keep in mind; that another line makes another name costs no more than a training."""
LOG, TERRITORIES = "prediction log", "territories"
_DAILY = (
    Table.LABELS,
    Table.USER_FEATURES,
    Table.TRACK_FEATURES,
    Table.TRACK_TERRITORY_FEATURES,
    TRACK_VECTORS,
)


@dataclass(frozen=True)
class Inputs:
    """What the training of a split reads, at one moment: a digest by table or log, and a `stamp` of the files, which changes
    at least when a digest does and costs nothing."""

    split: Split
    digests: dict[str, str]
    stamp: str

    @classmethod
    def present(cls, split: Split) -> Inputs:
        """The gold rows known at the end of `split`, the territories, and the answers that teach the ranker its places."""
        stamp = _stamp(split)
        territories = {TERRITORIES: ",".join(read_territories())}
        return cls(split, gold_digests(split) | {LOG: log_digest(split)} | territories, stamp)

    def require_unchanged(self) -> None:
        """Refuse a release whose parts were made from different rows, because gold was written again meanwhile.

        Raises:
            SegueError: a digest is no longer what it was.
        """
        if _stamp(self.split) == self.stamp:
            return
        before, now = self.digests, Inputs.present(self.split).digests
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if changed:
            raise SegueError(
                expected="gold tables and a prediction log that stay the same while `segue train` reads them",
                received=f"other rows of {', '.join(changed)} than when it began",
                mend="run it again when `segue features` and `segue embed` have ended",
            )


def code_digest() -> str:
    """SHA-256 over the sources of `ROOMS`."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted(room.rglob("*.py")):
            digest.update(path.relative_to(room.parent).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def gold_digests(split: Split) -> dict[str, str]:
    """By table, how many rows it knows at the end of `split`, and a sum of their hashes, the same in any order."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        digests = {str(table): _rows_digest(connection, _daily(table, split)) for table in _DAILY}
        known = f"first_seen_at is null or first_seen_at < timestamptz '{split.end.isoformat()}'"
        return digests | {str(Table.TRACKS): _rows_digest(connection, _catalogue(), known)}


def _rows_digest(connection: DuckDBPyConnection, files: list[Path], where: str = "true") -> str:
    if not files:
        return "none"
    rows = f"read_parquet(?, hive_partitioning = false) t where {where}"
    sql = f"select count(*), sum(hash(t)::hugeint)::varchar from {rows}"  # noqa: S608 - our own words
    count, total = connection.execute(sql, [[str(file) for file in files]]).fetchall()[0]
    return f"{count} rows, {total}"


def log_digest(split: Split) -> str:
    """SHA-256 over the logs of the answers from `rank_from` to before the cutoff; what is answered now changes nothing."""
    digest = hashlib.sha256()
    for path in answer_logs(split.rank_from, split.cutoff):
        with path.open("rb") as file:
            digest.update(f"{path.parent.name}/{path.name}".encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def ids_digest(ids: Iterable[str]) -> str:
    """SHA-256 over ids in their order: what numbers stand for."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def _daily(table: str, split: Split) -> list[Path]:
    """The partitions of the days before the end of `split`."""
    until = split.end.date().isoformat()
    files = sorted(get_home().table(table).glob("day=*/*.parquet"))
    return [file for file in files if file.parent.name.removeprefix("day=") < until]


def _catalogue() -> list[Path]:
    path = get_home().table(Table.TRACKS) / "data.parquet"
    return [path] if path.exists() else []


def _stamp(split: Split) -> str:
    """Of every file, its place, size, and when and as what it was written; territories are read from later days too."""
    files = [file for table in _DAILY for file in _daily(table, split)]
    files += get_home().table(Table.TRACK_TERRITORY_FEATURES).glob("day=*/*.parquet")
    found = {str(file): file.stat() for file in (*files, *_catalogue(), *answer_logs(split.rank_from, split.cutoff))}
    described = sorted((path, stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in found.items())
    return hashlib.sha256(repr(described).encode()).hexdigest()
