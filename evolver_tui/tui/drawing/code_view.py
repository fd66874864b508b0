"""Python code as styled rows: each finished line is styled once, so that code can be shown while it is written."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.row_source import RowSource
from evolver_tui.tui.drawing.styles import Fragment, wrap

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


class InString(NamedTuple):
    """Between two lines: inside a string with three quotes, or, with none, in plain code."""

    quotes: str = ""
    style: str = "code.string"


PLAIN = InString()


def highlight_line(text: str, state: InString = PLAIN) -> tuple[list[Fragment], InString]:
    """The fragments of one line, and the state in which the next one starts."""
    fragments: list[Fragment] = []
    position = 0
    if state.quotes:
        position = _end_of_string(text, 0, state.quotes)
        fragments.append((text[: position if position >= 0 else len(text)], state.style))
        if position < 0:
            return fragments, state
    previous = ""
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None, "every character is in one of the classes"
        kind, token = match.lastgroup or "", match.group()
        if kind == "triple":
            quotes = match["quotes"]
            style = "code.docstring" if not text[:position].strip() else "code.string"
            end = _end_of_string(text, match.end(), quotes)
            fragments.append((text[position : end if end >= 0 else len(text)], style))
            if end < 0:
                return fragments, InString(quotes, style)
            position, previous = end, quotes
            continue
        fragments.append((token, _style_of(kind, token, previous, text, match.end())))
        position = match.end()
        if kind != "space":
            previous = token
    return fragments, PLAIN


def _end_of_string(text: str, start: int, quotes: str) -> int:
    """Where the string that `quotes` end is over, or -1."""
    while (found := text.find(quotes, start)) >= 0:
        backslashes = len(text[:found]) - len(text[:found].rstrip("\\"))
        if backslashes % 2 == 0:
            return found + len(quotes)
        start = found + 1
    return -1


def _style_of(kind: str, token: str, previous: str, text: str, end: int) -> str:
    if kind != "word":
        return _STYLE_OF_KIND[kind]
    if previous == ".":
        return "code.name"
    if token in _KEYWORDS:
        return "code.keyword"
    if token in _CONSTANTS:
        return "code.constant"
    is_called = text.startswith("(", end)
    return "code.function" if previous in ("def", "class") or (is_called and token in _BUILTINS) else "code.name"


_STYLE_OF_KIND = {
    "comment": "code.comment",
    "string": "code.string",
    "number": "code.number",
    "space": "text",
    "other": "code.operator",
}


class CodeRow(NamedTuple):
    """One row of the screen. `number` counts lines from 1; 0 where a long line goes on."""

    number: int
    fragments: list[Fragment]
    source: RowSource


class CodeDocument:
    """Code that may grow at its end, as rows of a width. Long lines wrap, so that a reviewer sees all of them."""

    def __init__(self, code: str = "") -> None:
        self._code = ""
        self._finished: list[list[Fragment]] = []
        self._state = PLAIN
        self._last: list[Fragment] = []
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
            fragments, self._state = highlight_line(safe_text(text.removesuffix("\r")), self._state)
            self._finished.append(fragments)
            if self._width:
                self._rows.extend(self._wrapped(len(self._finished), fragments))
        self._last, _ = highlight_line(safe_text(last), self._state)
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

    def fragments_of(self, number: int) -> list[Fragment]:
        """One line, by its number from 1."""
        return self._finished[number - 1] if number <= len(self._finished) else self._last

    def lines_at(self, index: int, width: int) -> tuple[int, int]:
        """The numbers of the first and the last line of a row at a width: the same where it is a part of one."""
        number = self.row(index, width).source.line + 1
        return number, number

    def starts_of(self, index: int, width: int) -> Sequence[int]:
        """Where the rows of a row's line begin in it."""
        line = self.row(index, width).source.line
        first = index
        while first and self.row(first - 1, width).source.line == line:
            first -= 1
        rows = range(first, self.row_count(width))
        return [row.source.start for row in takewhile(lambda row: row.source.line == line, self._rows_at(rows, width))]

    def _rows_at(self, indexes: Iterable[int], width: int) -> Iterator[CodeRow]:
        return (self.row(index, width) for index in indexes)

    def _lay_out(self, width: int) -> None:
        if width == self._width:
            return
        self._width = width
        self._rows = [
            row for number, fragments in enumerate(self._finished, 1) for row in self._wrapped(number, fragments)
        ]
        self._last_rows = list(self._wrapped(len(self._finished) + 1, self._last)) if self._last else []

    def _wrapped(self, number: int, fragments: list[Fragment]) -> Iterator[CodeRow]:
        start = 0
        for index, row in enumerate(wrap(fragments, max(1, self._width)) or [[]]):
            yield CodeRow(number if index == 0 else 0, row, RowSource(number - 1, start))
            start += sum(len(text) for text, _ in row)

    # --- for a selection

    @property
    def lines(self) -> Sequence[str]:
        """The lines as they are read: what is hidden in them is shown by stand-ins."""
        return ["".join(text for text, _ in fragments) for fragments in (*self._finished, self._last)]

    @property
    def source_lines(self) -> Sequence[str]:
        """The lines as they were written, character by character."""
        return self._code.split("\n")

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row at a width comes from."""
        return self.row(index, width).source
