"""The references by which .NET writes an object once: `{"$id": "1", ...}` and `{"$ref": "1"}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_MOST_VALUES: Final = 200_000
_MOST_TIMES: Final = 2
"""How many values a message may have once its references are written out, beside so many times what it had.

A few kilobytes can refer to themselves a million times.
"""


def resolved(value: Any) -> Any:
    """A copy with what each reference stands for in its place: what was named so last before it, else after it.

    A reference to what holds it, to nothing, or beyond a bound of size stays as it is.
    """
    known: dict[str, dict[str, Any]] = {}
    values = 0
    for item in _objects(value):
        values += len(item)
        if name := _name(item.get("$id")):
            known[name] = item
    left = _MOST_VALUES + _MOST_TIMES * values

    def copied(item: Any, within: frozenset[str]) -> Any:
        nonlocal left
        left -= 1
        if isinstance(item, list):
            return [copied(each, within) for each in item]
        if not isinstance(item, dict):
            return item
        target = _name(item.get("$ref"))
        if target in known and target not in within and left > 0:
            item = known[target]
        name = _name(item.get("$id"))
        if name:
            known[name] = item
            within = within | {name}
        return {key: copied(each, within) for key, each in item.items()}

    return copied(value, frozenset())


def _name(value: object) -> str:
    """What `$id` or `$ref` holds, as text; empty for none."""
    return str(value) if isinstance(value, str | int) else ""


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item
