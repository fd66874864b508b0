"""JSON values as text, for scripts and for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from evolver_tui.core.safe_text import safe_text

LONGEST_VALUE = 4_000
"""Characters of one JSON value that people are shown; scripts are given all of it."""
_DEEPEST = 100


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON, whatever a hub or a routine put into it: what JSON does not know is null, what is nested
    beyond sense is cut."""
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except (ValueError, RecursionError):
        return json.dumps(_plain(value, _DEEPEST), indent=indent)


def _plain(value: object, depth: int) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping | list | tuple) and not depth:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    return value


def short(value: object) -> str:
    """A value as one line for people."""
    return safe_text(value if isinstance(value, str) else json_text(value), LONGEST_VALUE)
