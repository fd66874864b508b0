"""The tools that a model calls in one answer, out of the pieces in which servers send them.

A call is told from the next one by its index, as the wire formats have it, and where a server leaves that out, counts
each call as the first or makes up an id for each piece, by its id, by its name, and by whether the one before is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from evolver_tui.engine.author.backend import ToolCall

MOST_CALLS: Final = 128
"""In one answer; further ones are left out."""
_LONGEST_ID: Final = 256


class ToolCalls:
    """The calls of one answer."""

    def __init__(self) -> None:
        self.characters = 0
        """Of all arguments."""
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return any(call.name or call.arguments for call in self._calls)

    @property
    def name(self) -> str:
        """Of the first that has one."""
        return next((call.name for call in self._calls if call.name), "")

    @property
    def answer(self) -> str:
        """The arguments, where they hold a text of several lines as an answer does; else nothing.

        Some models put what they were asked for into the arguments of a tool that nobody offered.
        """
        arguments = "".join(call.arguments for call in self._calls)
        return arguments if "\\n" in arguments else ""

    def take(
        self,
        name: object,
        arguments: object,
        *,
        index: object = None,
        call_id: object = None,
        opaque: Mapping[str, Any] | None = None,
    ) -> None:
        """A call, or the next piece of one."""
        name = name if isinstance(name, str) else ""
        text = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        known_id = str(call_id)[: _LONGEST_ID + 1] if isinstance(call_id, str | int) else ""
        call = self._call(name, text, index if isinstance(index, int) else None, known_id)
        if call is not None:
            call.name = call.name or name
            call.id = call.id or known_id
            call.opaque.update(opaque or {})
            self.characters += call.add(text)

    def made(self) -> tuple[ToolCall, ...]:
        """The calls, each with an id of its own."""
        made: dict[str, ToolCall] = {}
        for call in self._calls:
            if call.name or call.arguments:
                is_fit = call.id and len(call.id) <= _LONGEST_ID and call.id not in made
                # Nine letters and digits are what the strictest of servers takes.
                call_id = call.id if is_fit else uuid4().hex[:9]
                made[call_id] = ToolCall(call_id, call.name, call.arguments, call.opaque)
        return tuple(made.values())

    def _call(self, name: str, text: str, index: int | None, call_id: str) -> _Call | None:
        """The call that a piece belongs to; None for one of too many."""
        before = self._earlier(name, index, call_id)
        if before is not None and not before.is_followed_by(name, text, call_id):
            return before
        if len(self._calls) >= MOST_CALLS:
            return None
        self._calls.append(_Call(index))
        return self._calls[-1]

    def _earlier(self, name: str, index: int | None, call_id: str) -> _Call | None:
        """The call that a piece goes on with, unless it begins one."""
        latest = self._calls[-1] if self._calls else None
        if index is not None:
            return next((call for call in reversed(self._calls) if call.index == index), None)
        if call_id:
            same = next((call for call in reversed(self._calls) if call.id == call_id), None)
            return same or (None if name else latest)
        return latest


class _Call:
    """One call, growing."""

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.opaque: dict[str, Any] = {}
        self._parts: list[str] = []
        self._end = _ObjectEnd()

    @property
    def arguments(self) -> str:
        return "".join(self._parts)

    def is_followed_by(self, name: str, text: str, call_id: str) -> bool:
        """Whether a piece that was sent under this call's number begins another."""
        if not name or not self.name or (call_id and call_id == self.id):
            return False
        has_other_id = bool(call_id and self.id)
        return has_other_id or name != self.name or (self._end.was_seen and bool(text))

    def add(self, text: str) -> int:
        """Take a piece of the arguments; returns how many characters of it count."""
        if self._end.was_seen and text.strip():
            # Some servers send {} before the arguments, others repeat all of them at the end.
            if "".join(self.arguments.split()) != "{}":
                return 0
            self._parts, self._end = [], _ObjectEnd()
        self._parts.append(text)
        self._end.feed(text)
        return len(text)


class _ObjectEnd:
    """Sees where the object that a text begins with ends, however the text is cut."""

    def __init__(self) -> None:
        self.was_seen = False
        self._depth = 0
        self._is_string = False
        self._is_escaped = False

    def feed(self, text: str) -> None:
        for character in text:
            if self._is_escaped:
                self._is_escaped = False
            elif self._is_string:
                self._is_escaped = character == "\\"
                self._is_string = character != '"'
            elif character == '"':
                self._is_string = True
            elif character == "{":
                self._depth += 1
            elif character == "}":
                self._depth -= 1
                self.was_seen = self.was_seen or self._depth == 0
