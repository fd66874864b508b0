"""A signal in words, as one line of the feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.formatting import clock_time
from evolver_tui.tui.drawing.styles import Fragment, fill

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

LEVEL_SYMBOLS: Mapping[str, tuple[str, str]] = {"info": ("i", "dim"), "warning": ("!", "warn"), "error": ("x", "error")}
"""Level to its sign and style."""

_LONGEST_VALUE = 300
"""Characters of a value that the feed's one line looks at."""
_DEEPEST = 20
"""Levels of nesting that the feed's one line goes into."""
_FIRST = ("reason", "error")
"""Why something happened is read before where."""


def signal_line(signal: Signal, width: int) -> Iterator[Fragment]:
    """Time, level, name and payload of a signal, in their columns."""
    mark, style = LEVEL_SYMBOLS.get(signal.level, LEVEL_SYMBOLS["info"])
    name_width = 26 if width >= 79 else max(12, min(24, width // 3))
    yield clock_time(signal.timestamp), "dim"
    yield f" {mark} ", style
    yield fill(safe_text(signal.name, 80), name_width), "name"
    yield " ", "text"
    yield from payload_fragments(signal)


def payload_fragments(signal: Signal) -> Iterator[Fragment]:
    """The task's id, then the payload as `key=value`: what went wrong first, and nothing of fields without a value."""
    task_id = signal.context.get("task_id")
    if task_id is not None:
        yield f"{safe_text(task_id, 60)} ", "text"
    for key, value in in_order(signal.payload):
        if value is not None:
            yield f"{safe_text(key, 60)}=", "dim"
            yield f"{safe_text(one_line(value), _LONGEST_VALUE)} ", "text"


def in_order(payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A payload's fields: what went wrong first."""
    for key in _FIRST:
        if key in payload:
            yield key, payload[key]
    for key, value in payload.items():
        if key not in _FIRST:
            yield key, value


def one_line(value: Any) -> str:
    """A value as JSON would say it, a text without its quotes; about as much of it as the feed has room for."""
    if isinstance(value, str):
        return value
    words = ""
    for token in _tokens(value):
        words += token
        if len(words) > _LONGEST_VALUE:
            break
    return words


def _tokens(value: Any, depth: int = 0) -> Iterator[str]:
    """A value's JSON in fragments, none much longer than what is looked at."""
    if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
        yield "…"
    elif isinstance(value, Mapping):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{', ' if number else ''}{_quoted(str(key)[:_LONGEST_VALUE])}: "
            yield from _tokens(item, depth + 1)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _tokens(item, depth + 1)
        yield "]"
    else:
        yield _quoted(value[:_LONGEST_VALUE]) if isinstance(value, str) else scalar(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def scalar(value: Any) -> str:
    """A value that holds no others, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
    return str(value)
