"""Python code as inked rows: each finished line is inked once, so that code can be shown while it is written."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.styles import Piece, wrap

_TOKEN = re.compile(
    r"""(?P<comment>\#.*)
    |(?P<triple>(?i:[rbfu]{0,2})(?P<quotes>\"{3}|'{3}))
    |(?P<string>(?i:[rbfu]{0,2})(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?))
    |(?P<number>\d[\w.]*)
    |(?P<word>\w+)
    |(?P<space>\s+)
    |(?P<other>[^\w\s])""",
    re.VERBOSE,
)
_CONSTANTS = frozenset({"None", "True", "False"})
_KEYWORDS = frozenset(keyword.kwlist) - _CONSTANTS
_BUILTINS = frozenset(name for name in dir(builtins) if name[0].islower())


@dataclass(frozen=True, slots=True)
class InString:
    """Between two lines: inside a string with three quotes, or, with none, in plain code."""

    quotes: str = ""
    ink: str = "code.string"


PLAIN = InString()


def ink_line(text: str, state: InString = PLAIN) -> tuple[list[Piece], InString]:
    """The pieces of one line, and the state in which the next one starts."""
    pieces: list[Piece] = []
    position = 0
    if state.quotes:
        position = _end_of_string(text, 0, state.quotes)
        pieces.append((text[: position if position >= 0 else len(text)], state.ink))
        if position < 0:
            return pieces, state
    previous = ""
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None, "every character is in one of the classes"
        kind, token = match.lastgroup or "", match.group()
        if kind == "triple":
            quotes = match["quotes"]
            ink = "code.docstring" if not text[:position].strip() else "code.string"
            end = _end_of_string(text, match.end(), quotes)
            pieces.append((text[position : end if end >= 0 else len(text)], ink))
            if end < 0:
                return pieces, InString(quotes, ink)
            position, previous = end, quotes
            continue
        pieces.append((token, _ink_of(kind, token, previous, text, match.end())))
        position = match.end()
        if kind != "space":
            previous = token
    return pieces, PLAIN


def _end_of_string(text: str, start: int, quotes: str) -> int:
    """Where the string that `quotes` end is over, or -1."""
    while (found := text.find(quotes, start)) >= 0:
        backslashes = len(text[:found]) - len(text[:found].rstrip("\\"))
        if backslashes % 2 == 0:
            return found + len(quotes)
        start = found + 1
    return -1


def _ink_of(kind: str, token: str, previous: str, text: str, end: int) -> str:
    if kind != "word":
        return _INK_OF_KIND[kind]
    if previous == ".":
        return "code.name"
    if token in _KEYWORDS:
        return "code.keyword"
    if token in _CONSTANTS:
        return "code.constant"
    is_called = text.startswith("(", end)
    return "code.function" if previous in ("def", "class") or (is_called and token in _BUILTINS) else "code.name"


_INK_OF_KIND = {
    "comment": "code.comment",
    "string": "code.string",
    "number": "code.number",
    "space": "text",
    "other": "code.operator",
}


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One row of the screen. `number` counts lines from 1; 0 where a long line goes on."""

    number: int
    pieces: list[Piece]


class CodeDocument:
    """Code that may grow at its end, as rows of a width. Long lines wrap, so that a reviewer sees all of them."""

    def __init__(self, code: str = "") -> None:
        self._code = ""
        self._finished: list[list[Piece]] = []
        self._state = PLAIN
        self._last: list[Piece] = []
        self._width = 0
        self._rows: list[CodeRow] = []
        self._last_rows: list[CodeRow] = []
        self.update(code)

    @property
    def line_count(self) -> int:
        """Lines, without an empty one at the end."""
        return len(self._finished) + bool(self._last)

    def update(self, code: str) -> bool:
        """Show `code`; what was shown before is kept where `code` only adds to it. False when nothing changed."""
        if code == self._code:
            return False
        if not code.startswith(self._code):
            self._code, self._state, self._finished, self._rows = "", PLAIN, [], []
        start = self._code.rfind("\n") + 1
        *finished, last = code[start:].split("\n")
        for text in finished:
            pieces, self._state = ink_line(safe_text(text.removesuffix("\r")), self._state)
            self._finished.append(pieces)
            if self._width:
                self._rows.extend(self._wrapped(len(self._finished), pieces))
        self._last, _ = ink_line(safe_text(last), self._state)
        self._last_rows = list(self._wrapped(len(self._finished) + 1, self._last)) if self._width and last else []
        self._code = code
        return True

    def row_count(self, width: int) -> int:
        """Rows at a width."""
        self._lay_out(width)
        return len(self._rows) + len(self._last_rows)

    def row(self, index: int, width: int) -> CodeRow:
        """One row at a width."""
        self._lay_out(width)
        return self._rows[index] if index < len(self._rows) else self._last_rows[index - len(self._rows)]

    def line_at(self, index: int, width: int) -> int:
        """The number of the line that a row at a width is a part of."""
        return next((row.number for each in range(index, -1, -1) if (row := self.row(each, width)).number), 1)

    def _lay_out(self, width: int) -> None:
        if width == self._width:
            return
        self._width = width
        self._rows = [row for number, pieces in enumerate(self._finished, 1) for row in self._wrapped(number, pieces)]
        self._last_rows = list(self._wrapped(len(self._finished) + 1, self._last)) if self._last else []

    def _wrapped(self, number: int, pieces: list[Piece]) -> Iterator[CodeRow]:
        for index, row in enumerate(wrap(pieces, max(1, self._width)) or [[]]):
            yield CodeRow(number if index == 0 else 0, row)
