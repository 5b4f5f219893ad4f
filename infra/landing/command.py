"""`segue land`: lands the files of a real source, raw and by day; a bad file is refused and never stops the others."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infra.landing import event_files, lastfm_1k, listenbrainz, thirty_music
from infra.landing.lines import split_by_day
from infra.landing.parquet import as_agreed, split_parquet
from infra.landing.receipts import Arrival, content_of
from infra.landing.text_format import TextFormat
from segue.errors import NotBegunError, SegueError
from segue.exit_codes import BAD_INPUT, PARTLY_REFUSED
from segue.home import Home, get_home
from segue.names import Source
from segue.stage import Outcome, Progress, table

_TEXT_SOURCES: dict[str, TextFormat] = {
    Source.THIRTY_MUSIC: thirty_music.FORMAT,
    Source.LASTFM_1K: lastfm_1k.FORMAT,
    Source.LISTENBRAINZ: listenbrainz.FORMAT,
}
_DAY_FOLDER = re.compile(r"day=(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True)
class _Beside:
    """What decides the day of a catalogue besides its content: its folders as given, and those landed before this run."""

    folders: tuple[str, ...]
    earlier: tuple[Path, ...]


@dataclass(frozen=True)
class _Landed:
    """What became of one file: its receipt, or the sentence that refuses it."""

    name: str
    receipt: dict[str, Any] | None = None
    again: bool = False
    refusal: str | None = None


def run(*, source: str, path: Path) -> Outcome:
    """Land the file `path`, or every file in the folder `path`, of one source.

    Rows keep their text; the day is that of their event (of its arrival, where `events` tell it). Files whose content has
    landed are left alone. The exit code is 2 when every file was refused, 4 when some were and the others are there.
    SegueError when there is nothing to land, or the path holds or lies in the home itself.
    """
    home, progress = get_home(), Progress("land")
    files, earlier = _files(path, source, home), _catalogues(home, source)
    done = []
    for number, file in enumerate(files, start=1):
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        progress.say(f"{number} of {len(files)}: {name}")
        done.append(_land_or_refuse(home, source, file, name, _Beside(_folders(file, path), earlier)))
    return _outcome(source, done)


def _files(path: Path, source: str, home: Home) -> list[Path]:
    """The files to land: events before the catalogue and accounts beside them, which need the first day of the events."""
    if source not in tuple(Source):
        raise NotBegunError(
            expected="a source among " + ", ".join(Source), received=source, mend="give one of them as --source"
        )
    if not path.exists():
        raise NotBegunError(
            expected="a file or folder", received=f"{path}, which does not exist", mend="give an existing --path"
        )
    _refuse_home(path.resolve(), home.root.resolve())
    found = (
        [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file, path))
    )
    if not found:
        raise NotBegunError(expected=f"files in {path}", received="an empty folder", mend="give a folder with files to land")
    return sorted(found, key=lambda file: (source == Source.EVENTS and _seems_catalogue(file), file))


def _refuse_home(path: Path, root: Path) -> None:
    """What Segue wrote itself is no source: landing it would multiply every event, and take in its secrets and mail."""
    if path.is_relative_to(root) or root.is_relative_to(path):
        where = "lies in it" if path.is_relative_to(root) else "holds it"
        mend = "give the files or the folder that the source wrote"
        raise NotBegunError(expected=f"a --path apart from {root}", received=f"{path}, which {where}", mend=mend)


def _catalogues(home: Home, source: str) -> tuple[Path, ...]:
    return tuple(file for kind in ("tracks", "users") for file in (home.landing / source / kind).glob("day=*/*"))


def _folders(file: Path, path: Path) -> tuple[str, ...]:
    """The folders of a file at or below `--path`; of a single file, the one it lies in."""
    return file.relative_to(path).parts[:-1] if path.is_dir() else (file.absolute().parent.name,)


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _seems_catalogue(file: Path) -> bool:
    try:
        return _kind_of_events_file(file) != "events"
    except (SegueError, OSError):
        return False


def _kind_of_events_file(file: Path) -> str:
    if event_files.is_parquet(file):
        return event_files.check_parquet(file, event_files.open_parquet(file).schema_arrow)
    return event_files.check_json(file)


def _land_or_refuse(home: Home, source: str, file: Path, name: str, beside: _Beside) -> _Landed:
    try:
        arrival = Arrival(home, source, file, content_of(file))
        if (receipt := arrival.landed()) is not None:
            return _Landed(name, receipt, again=True)
        with arrival.work_folder() as work:
            if source == Source.EVENTS:
                return _Landed(name, _land_events_file(arrival, work, beside))
            return _Landed(name, _split_lines(arrival, _TEXT_SOURCES[source], work))
    except SegueError as problem:
        return _Landed(name, refusal=str(problem))
    except (pa.ArrowException, OSError) as problem:
        reason = str(problem).splitlines()[0]
        return _Landed(name, refusal=f"Expected {name} to be readable to its end, received {reason!r}: mend the file.")


def _split_lines(arrival: Arrival, form: TextFormat, work: Path) -> dict[str, Any]:
    split = split_by_day(arrival.path, form, work)
    return arrival.publish(form.kind, split.files, form.suffix, {"rows": split.rows, "undated": split.undated})


def _land_events_file(arrival: Arrival, work: Path, beside: _Beside) -> dict[str, Any]:
    kind = _kind_of_events_file(arrival.path)
    if kind != "events":
        return _land_whole(arrival, kind, work, _day_known(arrival, kind, beside))
    if not event_files.is_parquet(arrival.path):
        return _split_lines(arrival, event_files.EVENTS_FORMAT, work)
    split = split_parquet(event_files.open_parquet(arrival.path), arrival.path.name, work)
    return arrival.publish(kind, split.files, ".parquet", {"rows": split.rows, "undated": split.undated})


def _land_whole(arrival: Arrival, kind: str, work: Path, day: date) -> dict[str, Any]:
    part = work / kind
    if event_files.is_parquet(arrival.path):
        rows = as_agreed(event_files.open_parquet(arrival.path).read(), kind)
        pq.write_table(rows, part, compression="zstd")
        return arrival.publish(kind, {day: part}, ".parquet", {"rows": len(rows), "undated": 0})
    shutil.copyfile(arrival.path, part)
    with part.open("rb") as lines:
        count = sum(1 for line in lines if line.strip())
    return arrival.publish(kind, {day: part}, ".jsonl", {"rows": count, "undated": 0})


def _day_known(arrival: Arrival, kind: str, beside: _Beside) -> date:
    """The day a catalogue or accounts file is known from: the `day=` of its folders, else as it comes.

    The first of a source is known from its first event day on. A later one, which differs, changes nothing before the last
    day that has landed. Files of one run are parts of one catalogue, so the run's own do not count as earlier.
    """
    if named := _DAY_FOLDER.findall("/".join(beside.folders)):
        return date.fromisoformat(named[-1])
    events = (arrival.home.landing / arrival.source / "events").glob("day=*/*")
    days = sorted(found[1] for file in events if (found := _DAY_FOLDER.search(file.parent.name)))
    if not days:
        mend = "land its events first, or put the file under a folder day=YYYY-MM-DD"
        raise SegueError(expected=f"events before {arrival.path.name}", received="none landed", mend=mend)
    others = [file.parent.name for file in beside.earlier if file.parent.parent.name == kind and not arrival.is_part(file)]
    known = sorted(found[1] for name in others if (found := _DAY_FOLDER.search(name)))
    return date.fromisoformat(max(days[-1], known[-1]) if known else days[0])


def _outcome(source: str, done: list[_Landed]) -> Outcome:
    refused = {one.name: one.refusal for one in done if one.refusal}
    new = [one.receipt for one in done if one.receipt and not one.again]
    summary = {
        "source": source,
        "landed": len(new),
        "landed_before": sum(one.again for one in done),
        "rows": sum(receipt["rows"] for receipt in new),
        "undated": sum(receipt["undated"] for receipt in new),
        "days": _span(done),
        "refused": refused,
    }
    if refused:
        summary["reason"] = f"{len(refused)} of {len(done)} files refused"
    text = table(["file", "rows", "undated", "days", "state"], [_told(one) for one in done])
    sentences = "".join(f"\nrefused {name}: {sentence}" for name, sentence in refused.items())
    return Outcome(summary, text=text + sentences, exit_code=_exit_code(len(refused), len(done)))


def _exit_code(refused: int, files: int) -> int:
    """Apart from each other, so that a scheduler can go on with the files that did land."""
    if not refused:
        return 0
    return BAD_INPUT if refused == files else PARTLY_REFUSED


def _told(one: _Landed) -> list[Any]:
    if one.receipt is None:
        return [one.name, None, None, None, "refused"]
    state = "landed before" if one.again else "landed"
    return [one.name, one.receipt["rows"], one.receipt["undated"], len(one.receipt["files"]), state]


def _span(done: list[_Landed]) -> list[str]:
    """First and last day landed, or nothing."""
    files = [file for one in done if one.receipt for file in one.receipt["files"]]
    days = sorted({found[1] for file in files if (found := _DAY_FOLDER.search(file))})
    return [days[0], days[-1]] if days else []
