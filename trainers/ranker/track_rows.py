"""The track half of a ranker as a release keeps it: what is narrow beside each other in one row a track.

To score is to gather 500 candidates a listener out of all there are. An entry with a table of its own costs each of them
another place in memory that no cache holds. A wide one is worth its place: in a row it would be copied once more to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from segue.tensors import to_tensors
from trainers.inputs import RANKER_TRACKS, constants
from trainers.ranker.inputs import RankerInputs, Tensors

WIDE = ("factor", "hidden")
"""Entries that keep a table of their own."""


@dataclass(frozen=True)
class TrackRows:
    """The narrow entries of a track half in the order they stand in: `widths` of floats, None for one with a single number a
    track, and `codes`, which are whole numbers; `wide` ones stand apart."""

    widths: dict[str, int | None]
    codes: tuple[str, ...]
    wide: tuple[str, ...]

    @classmethod
    def of(cls, half: Tensors) -> TrackRows:
        """As the entries (m, ...) of one half are, whatever its tracks."""
        codes = tuple(sorted(name for name, values in half.items() if values.dtype.is_integer))
        widths = {name: _width(half[name]) for name in sorted(half) if name not in codes}
        wide = tuple(name for name in WIDE if name in widths)
        return cls({name: width for name, width in widths.items() if name not in wide}, codes, wide)

    def packed(self, half: Tensors) -> Tensors:
        """`rows` (m, w) float32, `codes` (m, k) int32 and the wide entries of a half's entries (m, ...)."""
        floats = [half[name] if width else half[name][:, None] for name, width in self.widths.items()]
        rows, codes = tf.concat(floats, axis=1), tf.stack([half[name] for name in self.codes], axis=1)
        return {"rows": rows, "codes": codes} | {name: half[name] for name in self.wide}

    def of_candidates(self, users: Tensors, tracks: Tensors, candidates: tf.Tensor) -> tuple[Tensors, tf.Tensor]:
        """The entries of a half for candidates (n, c), each (n, c, ...), from what is `packed` of all tracks, and their
        popularity where the users are (n, c, 2), from `territory` beside it."""
        gathered, territory = gathered_for(users, tracks, candidates)
        parts = tf.split(gathered["rows"], [width or 1 for width in self.widths.values()], axis=2)
        half = {name: part if width else part[:, :, 0] for (name, width), part in zip(self.widths.items(), parts, strict=True)}
        half |= {name: gathered["codes"][:, :, at] for at, name in enumerate(self.codes)}
        return half | {name: gathered[name] for name in self.wide}, territory


def gathered_for(users: Tensors, tracks: Tensors, candidates: tf.Tensor) -> tuple[Tensors, tf.Tensor]:
    """The entries of `tracks` for candidates (n, c), each (n, c, ...), and their popularity where the users are (n, c, 2)."""
    by_territory = tracks["territory"]
    first = tf.cast(users["territory"], tf.int64) * tf.shape(by_territory, tf.int64)[1]
    place = first[:, None] + tf.cast(candidates, tf.int64)
    territory = tf.gather(tf.reshape(by_territory, (-1, by_territory.shape[2])), place)
    return {name: tf.gather(values, candidates) for name, values in tracks.items() if name != "territory"}, territory


def no_tracks(inputs: RankerInputs) -> Tensors:
    """What is read of no track at all: its entries have the shapes of any."""
    nothing: dict[str, list[Any]] = {spec.name: [] for spec in RANKER_TRACKS}
    return inputs.read_tracks(constants(to_tensors(nothing, RANKER_TRACKS)))


def _width(values: tf.Tensor) -> int | None:
    return int(values.shape[1]) if len(values.shape) == 2 else None
