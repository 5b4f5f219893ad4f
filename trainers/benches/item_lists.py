"""Files of plain interactions, one line per user: `user item item ...`, numbers throughout, as the public splits have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segue.atomic import replacing_file
from segue.errors import SegueError
from trainers.interactions import NOTHING, Indices, Interactions

LONGEST = 18
"""Digits of a number: so many always fit into 64 bits."""


@dataclass(frozen=True)
class Numbers:
    """The users (n_users,) and items (n_items,) of one or more files, ascending: who a model's user 0, 1, ... is there. Files
    that leave no number out keep theirs."""

    users: Indices
    items: Indices

    @classmethod
    def of(cls, lists: ItemLists) -> Numbers:
        """Those that `lists` name."""
        return cls(np.unique(lists.users), np.unique(lists.items))

    def interactions(self, lists: ItemLists) -> Interactions:
        """Every pair of `lists`, all of which are among these, with weight 1."""
        users, items = np.searchsorted(self.users, lists.users), np.searchsorted(self.items, lists.items)
        return Interactions(users, items, np.ones(len(users), np.float32), len(self.users), len(self.items))

    def named(self, lists: Indices) -> Indices:
        """Lists (n, k) of a model's items by their numbers in the files; `NOTHING` stays."""
        return np.where(lists == NOTHING, NOTHING, self.items[lists])


@dataclass(frozen=True)
class ItemLists:
    """m distinct pairs; `users` and `items` are the numbers of the file, by position (m,)."""

    users: Indices
    items: Indices

    def __add__(self, other: ItemLists) -> ItemLists:
        pairs = np.unique(
            np.stack([np.concatenate([self.users, other.users]), np.concatenate([self.items, other.items])]), axis=1
        )
        return ItemLists(pairs[0], pairs[1])


def read_item_lists(path: Path) -> ItemLists:
    """The pairs of a file; a pair that comes twice counts once, a user without items is no user.

    Raises:
        SegueError: no such file, a line that is not whole numbers from 0 of at most `LONGEST` digits, or not one pair.
    """
    if not path.is_file():
        raise SegueError(expected="a file of lines `user item item ...`", received=f"{path}, which is none", mend="give one")
    pairs: list[tuple[int, int]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.split()
        if not all(word.isascii() and word.isdigit() and len(word) <= LONGEST for word in words):
            raise SegueError(
                expected=f"whole numbers `user item item ...` of at most {LONGEST} digits in line {number} of {path.name}",
                received=repr(line[:60]),
                mend="number users and items from 0",
            )
        pairs += [(int(words[0]), int(word)) for word in words[1:]]
    if not pairs:
        raise SegueError(expected=f"a user with an item in {path.name}", received="none", mend="give a file with interactions")
    found = np.unique(np.array(pairs, dtype=np.int64), axis=0)
    return ItemLists(found[:, 0], found[:, 1])


def write_recommendations(path: Path, users: Indices, lists: Indices) -> None:
    """One line per user (n,): `user<TAB>item item ...`, best first, from lists (n, k)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        for user, items in zip(users.tolist(), lists.tolist(), strict=True):
            out.write(f"{user}\t{' '.join(str(item) for item in items if item != NOTHING)}\n")
