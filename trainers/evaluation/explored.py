"""The slots that explored, out of the stored logs: the prediction log says what might have been taken and with which chance,
the labels say what was saved of what was taken. Nothing is asked again of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.dates import end_of, start_of
from segue.home import get_home
from segue.names import Surface, Table
from segue.predictions import Prediction, explored_between
from segue.pseudonyms import pseudonym
from segue.stage import table
from trainers.evaluation.off_policy import Estimate, Slots, Target, estimate
from trainers.evaluation.target_policies import LOGGED, TARGETS
from trainers.gold import label_files

if TYPE_CHECKING:
    import pandas as pd

WEEKS = 4
"""How many weeks of logs are looked at, back from the last that is over."""
_SHOWN_DAYS = 7
"""A track counts as saved when the listener heard it on the surface of the list and saved it, from the list's first day on and
within so many days: what they find and save elsewhere is none of the list's doing."""
_LOOKING_FOR_NEW = (Surface.WEEKLY, Surface.HOME)
"""Surfaces whose lists may make something of what is new to their listener."""
Saved = tuple[str, str, date, str]
"""A pseudonym, a track, the first day of the list it was in, and the list's surface."""


def exploration_report(targets: Mapping[str, Target] = TARGETS) -> dict[str, Any] | None:
    """What each of these policies would have saved in the exploring slots of `counted_lists`; None where there are none. Rates
    are saves per slot. Whichever release made the lists: a slot says what it chose from."""
    made = counted_lists()
    if not made:
        return None
    slots = slots_of(made, _saves(made, _last_day()))
    return {
        "slots": len(slots),
        "users": int(slots.user.max()) + 1,
        "saves": int(slots.reward.sum()),
        "policies": [{"policy": name} | _told(estimate(slots, target)) for name, target in targets.items()],
    }


def _told(found: Estimate) -> dict[str, Any]:
    """As JSON values, None for what is not known."""
    return {n: None if isinstance(value, float) and not isfinite(value) else value for n, value in asdict(found).items()}


def counted_lists() -> list[Prediction]:
    """The lists with exploring slots of the newest weeks whose saves are known, without those of accounts that count for
    nothing: what a bot leaves in a list says as little as what it saves."""
    as_of = _last_day()
    last = as_of - timedelta(days=_SHOWN_DAYS - 1)
    first = last - timedelta(weeks=WEEKS) + timedelta(days=1)
    doubted = _doubted(first, as_of)
    return [one for one in explored_between(first, last) if one.user not in doubted]


def exploration_text(found: dict[str, Any] | None) -> str:
    """The report as a table, and how to read it."""
    if found is None:
        return "No week that is over has slots that explored: nothing to say of other policies."
    rows = [
        [row["policy"], *(_rate(row, name, form) for name, form in _SHOWN), _verdict(row), f"{row['effective_slots']:.0f}"]
        for row in found["policies"]
    ]
    head = f"{found['saves']} saves of {found['slots']} slots that explored, of {found['users']} users"
    names = ["saves per slot, if filled", "SNIPS", "IPS", f"above {LOGGED}", f"better than {LOGGED}?", "slots it is worth"]
    return "\n\n".join([head, table(names, rows), *_left_out(found)])


def _left_out(found: dict[str, Any]) -> list[str]:
    """Which policies were asked about fewer slots, in a paragraph, if any."""
    told = [f"{row['left_out']} for {row['policy']}" for row in found["policies"] if row["left_out"]]
    why = "Left out are slots of lists whose log does not say how new their candidates were, where a policy would make more or"
    return [f"{why}\nless of that than they did: {', '.join(told)}."] if told else []


_SHOWN = (("snips", ".4f"), ("ips", ".4f"), ("lead", "+.4f"))


def _rate(row: dict[str, Any], name: str, form: str) -> str:
    if name == "lead" and row["policy"] == LOGGED:
        return "-"
    if row[name] is None:
        return "-"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    between = "-" if low is None or high is None else f"{low:{form}} to {high:{form}}"
    return f"{row[name]:{form}} ({between})"


def _verdict(row: dict[str, Any]) -> str:
    return "-" if row["policy"] == LOGGED else str(row["better"])


def slots_of(made: Sequence[Prediction], saved: set[Saved]) -> Slots:
    """Every exploring slot of `made`. `saved` is what was saved of which list."""
    width = max(len(one.explored.candidates) for one in made if one.explored)
    users: dict[str, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in Slots.__dataclass_fields__}
    for one in made:
        if one.explored is None or one.user is None:
            continue
        for slot in one.explored.slots:
            track = one.explored.candidates[slot.took]
            columns["took"].append(slot.took)
            columns["reward"].append((one.user, track, _day(one), one.surface.value) in saved)
            columns["user"].append(users.setdefault(one.user, len(users)))
            columns["dial"].append(one.dial or 0.0)
            columns["tilt"].append(one.explored.tilt)
            for name, values in (("worth", slot.worth), ("propensity", slot.propensity)):
                columns[name].append(_padded(values, width))
            for name in ("mean", "deviation", "of_genre"):
                columns[name].append(_padded(getattr(one.explored, name), width))
            columns["newness"].append(_newness(one, width))
            for name in ("genre", "artist"):
                columns[name].append(_with_own(getattr(one.explored, name), width))
    kinds = dict.fromkeys(("took", "user", "genre", "artist"), np.int64)
    arrays: dict[str, Any] = {n: np.array(values, dtype=kinds.get(n, np.float64)) for n, values in columns.items()}
    return Slots(**arrays)


def _last_day() -> date:
    """The last day with labels."""
    return max(date.fromisoformat(path.name.partition("=")[2]) for path in get_home().table(Table.LABELS).glob("day=*"))


def _padded(values: list[float], width: int) -> list[float]:
    return values + [0.0] * (width - len(values))


def _newness(one: Prediction, width: int) -> list[float]:
    """How new each candidate is, NaN where nobody asked: a release without novelty leaves nothing or zeros, and no pool is of
    nothing but the most played track by known artists. Where new tracks are not looked for it counts for nothing anyway."""
    found = one.explored.newness if one.explored else []
    if one.surface in _LOOKING_FOR_NEW and not any(found):
        return [float("nan")] * width
    return _padded(found, width)


def _with_own(codes: list[int], width: int) -> list[int]:
    """Codes for `width` candidates; where a record has none each candidate has one of its own."""
    return codes + [-2 - number for number in range(len(codes), width)]


def _day(one: Prediction) -> date:
    return one.week or one.at.date()


def _saves(made: Sequence[Prediction], as_of: date) -> set[Saved]:
    """What was saved in time, for every day with a list it may have been in."""
    days = {_day(one) for one in made}
    labels = _saved_labels(min(days), as_of)
    labels["user"] = labels["user_id"].map({user: pseudonym(user) for user in labels["user_id"].unique()})
    saved: set[Saved] = set()
    columns = (labels[name] for name in ("user", "track_id", "event_timestamp", "surface"))
    for user, track, at, surface in zip(*columns, strict=True):
        back = (at.date() - timedelta(days=number) for number in range(_SHOWN_DAYS))
        saved.update((user, track, day, surface) for day in back if day in days)
    return saved


def _saved_labels(first: date, as_of: date) -> pd.DataFrame:
    """The listens from `first` to `as_of` that ended in a save."""
    import pyarrow.compute as pc

    return _labels(first, as_of, ["user_id", "track_id", "event_timestamp", "surface"], pc.field("saved"))


def _doubted(first: date, as_of: date) -> set[str]:
    """The pseudonyms of accounts that counted for nothing on a day from `first` to `as_of`."""
    import pyarrow.compute as pc

    found = _labels(first, as_of, ["user_id"], pc.field("integrity") <= 0)
    return {pseudonym(user) for user in found["user_id"].unique()}


def _labels(first: date, as_of: date, columns: list[str], which: Any) -> pd.DataFrame:
    import pyarrow.dataset as ds

    files = [str(path) for path in label_files(start_of(first), end_of(as_of))]
    kept: pd.DataFrame = ds.dataset(files).to_table(columns=columns, filter=which).to_pandas()
    return kept
