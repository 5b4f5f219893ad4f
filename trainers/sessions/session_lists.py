"""Sessions as flat arrays, and their files: one session per line, track numbers in order of play, oldest session first.

A prefix is a session that is still running; in a file of prefixes the track that came next may follow after a tab. That answer
is for the scorer: nothing here hands it to a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from segue.atomic import replacing_file
from segue.errors import SegueError
from trainers.interactions import NOTHING, Indices

HELD_OUT = 0.1
"""The share of a file, at its end, that a carve-out holds back."""


@dataclass(frozen=True)
class Sessions:
    """s sessions of p plays in all: session i is `tracks[starts[i] : starts[i + 1]]`, oldest play first; both int64."""

    tracks: Indices
    starts: Indices

    @classmethod
    def of(cls, lists: Iterable[Sequence[int]]) -> Sessions:
        """From one sequence of track numbers per session."""
        parts = [np.asarray(part, dtype=np.int64) for part in lists]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)]).astype(np.int64)
        return cls(np.concatenate([np.empty(0, np.int64), *parts]), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Indices:
        """Plays of each session (s,)."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Indices:
        """The session of each play (p,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def some(self, first: int, last: int) -> Sessions:
        """Sessions `first` to before `last`."""
        first, last = min(first, len(self)), min(last, len(self))
        low, high = self.starts[first], self.starts[last]
        return Sessions(self.tracks[low:high], self.starts[first : last + 1] - low)

    def chosen(self, kept: Indices) -> Sessions:
        """The sessions with the numbers `kept` (k,), in that order."""
        lengths = self.lengths[kept]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[kept] - starts[:-1], lengths)
        return Sessions(self.tracks[places], starts)

    def without(self, dropped: int = NOTHING) -> Sessions:
        """The same sessions less every play of the track `dropped`; a session may end up empty."""
        keep = self.tracks != dropped
        starts = np.concatenate([[0], np.cumsum(keep)])[self.starts].astype(np.int64)
        return Sessions(self.tracks[keep], starts)

    def pieces(self, length: int) -> Sessions:
        """Sessions of two plays or more, longer ones cut into pieces of `length` + 1, each beginning with the end of the one
        before."""
        count = np.maximum(-(-(self.lengths - 1) // length), 0)
        owner = np.repeat(np.arange(len(self)), count)
        first = length * (np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count))
        lengths = np.minimum(self.lengths[owner] - first, length + 1)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[owner] + first - starts[:-1], lengths)
        return Sessions(self.tracks[places], starts)

    def padded(self, length: int) -> Indices:
        """(s, length) the last `length` tracks of each session from the left, `NOTHING` after its end."""
        taken = np.minimum(self.lengths, length)
        place = np.arange(length)[None]
        there = place < taken[:, None]
        found = np.full(there.shape, NOTHING, np.int64)
        found[there] = self.tracks[((self.starts[1:] - taken)[:, None] + place)[there]]
        return found

    def prefixes(self) -> tuple[Sessions, Indices]:
        """Every running session there was, and the track that came next (n,): a session of p plays gives p - 1."""
        inside = np.flatnonzero(np.arange(len(self.tracks)) > np.repeat(self.starts[:-1], self.lengths))
        owner = self.owners[inside]
        lengths = inside - self.starts[owner]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[owner] - starts[:-1], lengths)
        return Sessions(self.tracks[places], starts), self.tracks[inside]


def read_sessions(path: Path) -> Sessions:
    """The sessions of a file, empty lines left out.

    Raises:
        SegueError: no such file, a line that is not whole numbers from 0, or no session of two plays.
    """
    found = [tracks for tracks in _lines(path, "sessions `item item ...`") if tracks]
    if not any(len(tracks) > 1 for tracks in found):
        raise SegueError(
            expected=f"a session of two plays or more in {path.name}, to learn what follows what",
            received=f"{len(found)} sessions, none as long",
            mend="give a file of sessions, one per line",
        )
    return Sessions.of(found)


def read_prefixes(path: Path) -> Sessions:
    """The prefixes of a file, one per line; what follows a tab is not looked at, so an answer may be there.

    Raises:
        SegueError: no such file, no line, or a line that is not whole numbers from 0.
    """
    found = _lines(path, "prefixes `item item ...`, then perhaps a tab and the next item")
    if not found:
        raise SegueError(expected=f"a prefix in {path.name}", received="none", mend="give one per line")
    return Sessions.of(found)


def _lines(path: Path, what: str) -> list[list[int]]:
    if not path.is_file():
        raise SegueError(expected=f"a file of {what}", received=f"{path}, which is none", mend="give one")
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.partition("\t")[0].split()
        if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in words):
            raise SegueError(
                expected=f"whole numbers from 0 in line {number} of {path.name}",
                received=repr(line[:60]),
                mend="number the items from 0, separated by spaces",
            )
        found.append([int(word) for word in words])
    return found


def hold_back(path: Path, folder: Path) -> tuple[Path, Path]:
    """Hold the last tenth of the sessions of `path` back: `train.txt` and `prefixes.tsv`, with answers, in `folder`. The same
    command may be given again; what else stands there under these names stays, be it `path` itself.

    Raises:
        SegueError: as `read_sessions`, or too few sessions to hold one with two plays back, or `folder` holds another file of
            one of these names.
    """
    sessions = read_sessions(path)
    cut = len(sessions) - int(len(sessions) * HELD_OUT)
    prefixes, answers = sessions.some(cut, len(sessions)).prefixes()
    if not len(answers):
        raise SegueError(
            expected=f"sessions of two plays or more in the last tenth of {path.name}",
            received=f"none in {len(sessions) - cut} of {len(sessions)} sessions",
            mend="give a longer file, or --prefixes of your own",
        )
    train, truth = folder / "train.txt", folder / "prefixes.tsv"
    parts = (train, sessions.some(0, cut), None), (truth, prefixes, answers)
    for target, lists, following in parts:
        if target.exists() and not _holds(target, lists, following):
            raise SegueError(
                expected=f"a folder to hold the last tenth of {path.name} back in, without a {target.name} of its own",
                received=f"{target}, which holds something else",
                mend="name another folder, or take that file away",
            )
    for target, lists, following in parts:
        write_lists(target, lists, following)
    return train, truth


def _holds(path: Path, lists: Sessions, answers: Indices | None) -> bool:
    """Whether a file is what `write_lists` would write."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace", newline="") as there:
        return all(line == wanted for line, wanted in zip_longest(there, _written(lists, answers)))


def write_lists(path: Path, lists: Sessions, answers: Indices | None = None) -> None:
    """One line per list, `item item ...`, and `<TAB>answer` where there are answers (s,)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.writelines(_written(lists, answers))


def _written(lists: Sessions, answers: Indices | None) -> Iterator[str]:
    words = [str(track) for track in lists.tracks.tolist()]
    for n in range(len(lists)):
        answer = "" if answers is None else f"\t{answers[n]}"
        yield " ".join(words[lists.starts[n] : lists.starts[n + 1]]) + answer + "\n"
