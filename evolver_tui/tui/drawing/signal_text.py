"""A signal in words: as one line of the feed, and as the whole of what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.drawing.formatting import clock_time
from evolver_tui.tui.drawing.styles import Piece, fill

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

MARKS: Mapping[str, tuple[str, str]] = {"info": ("i", "dim"), "warning": ("!", "warn"), "error": ("x", "error")}
"""Level to its sign and ink."""

_LONGEST_VALUE = 300
"""Characters of a value that the feed's one line looks at."""
_LONGEST_TEXT, _MOST_LINES, _DEEPEST = 20_000, 2_000, 20
"""What is drawn of a signal that is shown whole: characters of a text, lines, levels of nesting."""
_FIRST = ("reason", "error")
"""Why something happened is read before where."""


def signal_line(signal: Signal, width: int) -> Iterator[Piece]:
    """Time, level, name and payload of a signal, in their columns."""
    mark, ink = MARKS.get(signal.level, MARKS["info"])
    name_width = 26 if width >= 79 else max(12, min(24, width // 3))
    yield clock_time(signal.timestamp), "dim"
    yield f" {mark} ", ink
    yield fill(safe_text(signal.name, 80), name_width), "name"
    yield " ", "text"
    yield from payload_pieces(signal)


def payload_pieces(signal: Signal) -> Iterator[Piece]:
    """The task's id, then the payload as `key=value`: what went wrong first, and nothing of fields without a value."""
    task_id = signal.context.get("task_id")
    if task_id is not None:
        yield f"{safe_text(task_id, 60)} ", "text"
    for key, value in _in_order(signal.payload):
        if value is not None:
            yield f"{safe_text(key, 60)}=", "dim"
            yield f"{safe_text(_one_line(value), _LONGEST_VALUE)} ", "text"


def _in_order(payload: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in _FIRST:
        if key in payload:
            yield key, payload[key]
    for key, value in payload.items():
        if key not in _FIRST:
            yield key, value


def _one_line(value: Any) -> str:
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
    """A value's JSON in pieces, none much longer than what is looked at."""
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
        yield _quoted(value[:_LONGEST_VALUE]) if isinstance(value, str) else _scalar(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _scalar(value: Any) -> str:
    """A value that holds no others, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
    return str(value)


# --- the whole of it


def whole_signal(signal: Signal) -> Sequence[Piece]:
    """Everything that a signal holds, as pieces of a text of several lines; safe to draw."""
    mark, ink = MARKS.get(signal.level, MARKS["info"])
    context = {key: value for key, value in signal.context.items() if key not in ("timestamp", "level", "task_id")}
    head: list[Piece] = [
        ("level  ", "dim"), (f"{mark} {safe_text(signal.level, 60)}\n", ink),
        ("time   ", "dim"), (f"{clock_time(signal.timestamp)}\n", "text"),
    ]  # fmt: skip
    task_id = signal.context.get("task_id")
    if task_id is not None:
        head += [("task   ", "dim"), (f"{safe_text(task_id, 1_000)}\n", "text")]
    payload = _limited(_fields(_in_order(signal.payload), 0))
    around = _limited(_fields(context.items(), 0))
    return [
        *head, ("\n", "text"), *(payload or [("It says nothing more.\n", "dim")]),
        *([("\n", "text"), *around] if around else []),
    ]  # fmt: skip


def _limited(lines: Iterator[Sequence[Piece]]) -> list[Piece]:
    pieces = [piece for line in islice(lines, _MOST_LINES) for piece in line]
    if next(lines, None) is not None:
        pieces.append(("… there is more; the log has all of it.\n", "dim"))
    return pieces


def _fields(items: Iterable[tuple[Any, Any]], depth: int) -> Iterator[Sequence[Piece]]:
    for key, value in items:
        yield from _field(f"{safe_text(key, 200)}: ", value, depth)


def _field(name: str, value: Any, depth: int) -> Iterator[Sequence[Piece]]:
    """A name and its value, below each other where the value has parts of its own."""
    indent = "  " * depth
    head = (f"{indent}{name}", "dim")
    has_parts = isinstance(value, Mapping | list | tuple) and bool(value)
    if not has_parts:
        text = _empty(value) if isinstance(value, Mapping | list | tuple) else _text(value)
        lines = safe_block(text, _LONGEST_TEXT).split("\n")
        yield [head, (f"{lines[0]}\n", "text")]
        for line in lines[1:]:
            yield [(f"{indent}  {line}\n", "text")]
        return
    yield [(f"{indent}{name.rstrip()}\n", "dim")]
    if depth >= _DEEPEST:
        yield [(f"{indent}  …\n", "dim")]
    elif isinstance(value, Mapping):
        yield from _fields(value.items(), depth + 1)
    else:
        for item in value:
            yield from _field("- ", item, depth + 1)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else _scalar(value)


def _empty(value: Any) -> str:
    return "{}" if isinstance(value, Mapping) else "[]"
