"""Two flat samples compared column by column with Evidently, methods and limits set by our rules.

Evidently raises on an empty or all-null column, and passes nothing on to a reader; so such columns never reach it. One that
was empty in the reference too is left out and listed; one that was filled there and is empty now is an alarm.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.findings import Finding, Group, State, alarm, note
from monitoring.rules import Rules

if TYPE_CHECKING:
    import pandas as pd

OTHER = "other"


@dataclass
class Comparison:
    """Two samples side by side: `numeric` and `category` name the columns that can be compared, `found` the others' findings.

    Columns of one group share rows; groups have rows of their own, padded with nulls, which a column's distance ignores.
    `filled` is the share of non-null rows of each column before padding, now and in the reference.
    """

    now: pd.DataFrame
    before: pd.DataFrame
    numeric: list[str] = field(default_factory=list)
    category: list[str] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    filled: dict[str, tuple[float, float]] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        return [*self.numeric, *self.category]


def compare_columns(
    now: pd.DataFrame, before: pd.DataFrame, group: Group, rules: Rules, filling: Mapping[str, str] = MappingProxyType({})
) -> Comparison:
    """Sort the columns both samples have into comparable, left out, and alarming; a column in one sample only is noted, and
    one that is still `filling` is told with the reason."""
    import pandas as pd

    both = Comparison(pd.DataFrame(index=now.index), pd.DataFrame(index=before.index))
    for name in sorted(set(now.columns) | set(before.columns)):
        if name not in now.columns or name not in before.columns:
            where = "the reference" if name in before.columns else "the last week"
            both.found.append(note(group, name, f"only in {where}: not compared"))
            continue
        refused = _refusal(name, now[name], before[name], group, rules)
        if refused is not None:
            both.found.append(refused)
            continue
        if name in filling:
            both.found.append(_shown(name, now[name], before[name], group, filling[name]))
            continue
        _add(both, name, now[name], before[name], rules)
        both.groups[name] = group
        both.filled[name] = (_filled(now[name]), _filled(before[name]))
    return both


def _refusal(name: str, now: pd.Series, before: pd.Series, group: Group, rules: Rules) -> Finding | None:
    filled_now, filled_before = _filled(now), _filled(before)
    if filled_before == 0 and filled_now == 0:
        return note(group, name, "null in the reference and now: left out")
    if filled_before == 0:
        return note(
            group, name, "null in the reference: left out until the next release", now=filled_now, before=0.0, unit="share"
        )
    if filled_now < rules.filled_lost * filled_before:
        says = f"{name} was filled in {filled_before:.0%} of the reference and in {filled_now:.0%} of the last week"
        return alarm(group, name, says, now=filled_now, before=filled_before, unit="share")
    rows = min(now.notna().sum(), before.notna().sum())
    if rows < rules.fewest_rows:
        return note(group, name, f"{rows} values: too few to compare")
    return None


def _shown(name: str, now: pd.Series, before: pd.Series, group: Group, why: str) -> Finding:
    number = _is_number(now) and _is_number(before)
    values = [_typical(side.dropna(), number=number) for side in (now, before)]
    return Finding(group, name, State.FILLING, values[0], values[1], says=why)


def _filled(values: pd.Series) -> float:
    return float(values.notna().mean()) if len(values) else 0.0


def _add(both: Comparison, name: str, now: pd.Series, before: pd.Series, rules: Rules) -> None:
    if _is_number(before) and _is_number(now):
        both.numeric.append(name)
        both.now[name], both.before[name] = (values.astype(float) for values in (now, before))
        return
    both.category.append(name)
    kept = before.dropna().astype(str).value_counts().sort_index().nlargest(rules.most_categories).index
    for frame, values in ((both.now, now), (both.before, before)):
        words = values.astype(object).where(values.isna(), values.astype(str))
        frame[name] = words.where(words.isna() | words.isin(kept), OTHER)


def _is_number(values: pd.Series) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if values.dtype == object:
        return all(isinstance(v, int | float | np.number) and not isinstance(v, bool | np.bool_) for v in values.dropna())
    return bool(is_numeric_dtype(values) and not is_bool_dtype(values))


def joined(parts: Sequence[Comparison]) -> Comparison:
    """Several comparisons in one wide frame a side, so that there is one report."""
    import pandas as pd

    sides = [[getattr(part, side).reset_index(drop=True) for part in parts] for side in ("now", "before")]
    whole = Comparison(*(pd.concat(frames, axis=1) for frames in sides))
    for part in parts:
        whole.numeric += part.numeric
        whole.category += part.category
        whole.groups |= part.groups
        whole.filled |= part.filled
        whole.found += part.found
    return whole


@dataclass(frozen=True)
class Measured:
    """What Evidently made: one finding per compared column, its page, and its JSON."""

    findings: list[Finding]
    html: str | None
    json: dict[str, Any]


def measure(both: Comparison, rules: Rules) -> Measured:
    """Run Evidently on the comparable columns; none at all gives no page and no finding."""
    if not both.columns:
        return Measured(both.found, None, {"metrics": []})
    limits = {name: _limit(both, name, rules) for name in both.columns}
    snapshot = _run(both, limits, rules)
    result: dict[str, Any] = snapshot.dict()
    distances = {
        metric["config"]["column"]: float(metric["value"])
        for metric in result["metrics"]
        if metric["config"]["type"].endswith(":ValueDrift")
    }
    findings = [_finding(both, name, distances[name], limits[name], rules) for name in both.columns]
    return Measured(findings + both.found, snapshot.get_html_str(as_iframe=False), result)


def _run(both: Comparison, limits: dict[str, float], rules: Rules) -> Any:
    os.environ.setdefault("DO_NOT_TRACK", "1")  # read by Evidently when it is imported: no usage statistics leave this machine
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=both.numeric, categorical_columns=both.category)
    preset = DataDriftPreset(
        columns=both.columns,
        num_method=rules.numeric_method,
        cat_method=rules.category_method,
        per_column_threshold=limits,
        drift_share=rules.drift_share,
    )
    now, before = (Dataset.from_pandas(side, data_definition=definition) for side in (both.now, both.before))
    with np.errstate(all="ignore"):
        return Report([preset]).run(now, before)


def _limit(both: Comparison, name: str, rules: Rules) -> float:
    base = rules.numeric_limit if name in both.numeric else rules.category_limit
    base = {"scores": rules.score_limit, "embeddings": rules.place_limit}.get(both.groups[name], base)
    n, m = int(both.now[name].notna().sum()), int(both.before[name].notna().sum())
    return float(base + np.sqrt(1 / n + 1 / m))


def _finding(both: Comparison, name: str, distance: float, limit: float, rules: Rules) -> Finding:
    now, before = (_typical(side[name].dropna(), number=name in both.numeric) for side in (both.now, both.before))
    filled_now, filled_before = both.filled[name]
    moved, says = distance >= limit, ""
    if abs(filled_now - filled_before) >= rules.filled_change:
        moved, says = True, f"filled {filled_now:.0%}, before {filled_before:.0%}"
    return Finding(both.groups[name], name, State.MOVED if moved else State.OK, now, before, distance, limit, says)


def _typical(values: pd.Series, *, number: bool) -> float | str:
    """The median of numbers, the commonest word of categories."""
    return float(values.astype(float).median()) if number else str(values.value_counts().sort_index().idxmax())
