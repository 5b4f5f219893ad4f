"""The `--config` of a bench: any of its settings as JSON, each held to the type and the bounds its dataclass declares."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from segue.errors import SegueError

Settings = TypeVar("Settings", bound=Any)


def with_settings(config: Settings, text: str | None) -> Settings:
    """`config` with the fields that `text`, a JSON object or the path of one, names.

    Raises:
        SegueError: it is no JSON object, or names what is no setting, or gives one another type or a value out of its bounds.
    """
    if text is None:
        return config
    given = _object(config, text)
    hints = get_type_hints(type(config), include_extras=True)
    wrong = [f"no setting {name}" for name in given if name not in hints]
    checked = {}
    for name in given.keys() & hints.keys():
        try:
            checked[name] = TypeAdapter(hints[name]).validate_json(json.dumps(given[name]), strict=True)
        except ValidationError as error:
            wrong.append(f"{name} {given[name]!r} ({error.errors()[0]['msg'].lower()})")
    if wrong:
        raise _refusal(config, "; ".join(sorted(wrong)))
    changed: Settings = replace(config, **checked)
    return changed


def _object(config: Any, text: str) -> dict[str, Any]:
    source = text if text.lstrip().startswith("{") or not Path(text).is_file() else Path(text).read_text(encoding="utf-8")
    try:
        given = json.loads(source)
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise _refusal(config, text[:60])
    return given


def _refusal(config: Any, received: str) -> SegueError:
    names = ", ".join(field.name for field in dataclasses.fields(config))
    return SegueError(
        expected=f"--config as a JSON object of settings within their bounds: {names}",
        received=received,
        mend="write for example --config '{\"temperature\": 0.12}'",
    )
