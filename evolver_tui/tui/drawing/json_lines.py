"""JSON for reading: whatever fits into a line stands in one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_SHORT = 64
"""Characters of a line that holds an object or a list."""


def json_lines(value: Mapping[str, Any], most: int) -> list[str]:
    """An object's lines, as JSON writes it, not made safe to draw.

    Args:
        most: characters that are laid out; of a longer one, and of one that is nested too deeply, the beginning is
            given in one line.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ["{ … } nested too deeply to be shown"]
    try:
        if len(text) <= most:
            return list(_lines(value, 0))
    except RecursionError:
        pass
    left = len(text) - most
    return [f"{text[:most]}… ({left:,} more characters)" if left > 0 else text]


def _lines(value: Any, column: int) -> Iterator[str]:
    """The lines of a value that begins at a column."""
    text = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or column + len(text) <= _SHORT:
        yield text
        return
    yield text[0]
    pairs = [("", item) for item in value]
    if isinstance(value, dict):
        pairs = [(f"{json.dumps(name, ensure_ascii=False)}: ", item) for name, item in value.items()]
    for number, (name, item) in enumerate(pairs, 1):
        first, *others = _lines(item, column + 2 + len(name))
        lines = [f"{name}{first}", *others]
        lines[-1] += "," if number < len(pairs) else ""
        yield from (f"  {line}" for line in lines)
    yield text[-1]
