"""The program inside a model's answer, while the answer is being written."""

from __future__ import annotations

import re
from enum import Enum, auto

from evolver_tui.core.folded import folded
from evolver_tui.core.router_answer import CODE_KEY, MOST_CODE_BYTES


class _Expect(Enum):
    """What may come next inside an object or list."""

    KEY = auto()
    COLON = auto()
    VALUE = auto()
    END = auto()


_DEEPEST = 200
_PLAIN = {quote: re.compile(rf"[^{quote}\\]+") for quote in "\"'`"}
_LONGEST_KEY = 2 * len(CODE_KEY)
_MOST_HELD = 200
_LITERAL = re.compile(r"[\w.+-]+")
_VALUE_STARTS = frozenset("-0123456789tfnNI")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_ESCAPED = {'"': '"', "'": "'", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class PartialCode:
    """The program inside an answer that is still being written.

    Each character is looked at once, however the answer is cut into pieces. It shows the last object that has the
    field: where a model drafts one before the final one, `text` starts over with the second. A code fence inside the
    program is shown as it comes. No more is kept than a node may have.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = MOST_CODE_BYTES
        self._fresh: list[str] = []
        self._containers: list[str] = []
        self._expect = _Expect.KEY
        self._key = ""
        self._quote = ""
        self._reads_key = False
        self._reads_code = False
        self._code_depth: int | None = None
        self._escape = ""
        self._high_surrogate = ""
        self._is_empty = False
        self._may_be_triple: tuple[str, bool] | None = None
        """The quote of an empty string that just ended, and whether it was the code."""
        self._held = ""
        """Of a triple-quoted string, what may be its end."""

    @property
    def text(self) -> str:
        """The program so far. Joins what came since the last look."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def is_within_object(self) -> bool:
        """Whether an object has begun and not ended."""
        return bool(self._containers)

    def feed(self, piece: str) -> str:
        """Take the next piece of the answer; returns the characters of the program that it brought."""
        self._fresh = []
        position, end = 0, len(piece)
        while position < end:
            if self._quote:
                position = self._take_string(piece, position)
            elif self._containers:
                position = self._take_structure(piece, position)
            else:
                position = self._take_prose(piece, position)
        return "".join(self._fresh)

    def _take_prose(self, piece: str, position: int) -> int:
        brace = piece.find("{", position)
        if brace < 0:
            return len(piece)
        self._code_depth = None
        self._open("{")
        return brace + 1

    def _open(self, bracket: str) -> None:
        self._containers.append(bracket)
        self._expect = _Expect.KEY if bracket == "{" else _Expect.VALUE

    def _take_structure(self, piece: str, position: int) -> int:
        character, may_be_triple, self._may_be_triple = piece[position], self._may_be_triple, None
        if may_be_triple is not None and character == may_be_triple[0]:
            self._quote, self._reads_code, self._held = 3 * character, may_be_triple[1], ""
            return position + 1
        if character.isspace():
            return position + 1
        if character in "}]":
            self._containers.pop()
            self._expect = _Expect.END
        elif self._expect is _Expect.KEY and character in _PLAIN:
            self._begin_string(character, reads_key=True)
        elif self._expect is _Expect.COLON and character == ":":
            self._expect = _Expect.VALUE
        elif self._expect is _Expect.VALUE and character in _PLAIN:
            self._begin_string(character, reads_key=False)
        elif self._expect is _Expect.VALUE and character in "{[" and len(self._containers) < _DEEPEST:
            self._open(character)
        elif self._expect is _Expect.VALUE and character in _VALUE_STARTS:
            self._expect = _Expect.END
        elif self._expect is _Expect.END and character == ",":
            self._expect = _Expect.KEY if self._containers[-1] == "{" else _Expect.VALUE
        elif self._expect is _Expect.END and (literal := _LITERAL.match(piece, position)):
            return literal.end()
        else:
            # This was no JSON, only prose with a brace in it; the character may begin the object itself.
            self._containers.clear()
            return position
        return position + 1

    def _begin_string(self, quote: str, *, reads_key: bool) -> None:
        self._quote, self._reads_key, self._is_empty = quote, reads_key, True
        if reads_key:
            self._key = ""
            return
        depth = len(self._containers)
        self._reads_code = (
            self._containers[-1] == "{"
            and folded(self._key) == folded(CODE_KEY)
            and (self._code_depth is None or depth <= self._code_depth)
        )
        if self._reads_code:
            self._code_depth = depth
            self._parts, self._fresh, self._room = [], [], MOST_CODE_BYTES

    def _take_string(self, piece: str, position: int) -> int:
        if self._escape:
            return self._take_escape(piece, position)
        if len(self._quote) == 3:
            return self._take_triple_quoted(piece, position)
        plain = _PLAIN[self._quote].match(piece, position)
        if plain:
            self._is_empty = False
            self._put(plain.group())
            return plain.end()
        if piece[position] == "\\":
            self._is_empty = False
            self._escape = "\\"
        else:
            if self._is_empty and not self._reads_key:
                self._may_be_triple = self._quote, self._reads_code
            self._end_string()
        return position + 1

    def _end_string(self) -> None:
        self._put("")
        self._quote, self._reads_code = "", False
        self._expect = _Expect.COLON if self._reads_key else _Expect.END

    def _take_triple_quoted(self, piece: str, position: int) -> int:
        """Like `parse`, three quotes end it before a comma or a bracket only: a docstring may stand in it."""
        character, quote = piece[position], self._quote[0]
        is_end = self._held.startswith(self._quote)
        if is_end and character in ",}]":
            self._end_string()
            return position
        if (is_end and character.isspace() and len(self._held) < _MOST_HELD) or (not is_end and character == quote):
            self._held += character
            return position + 1
        if self._held:
            self._put(self._held)
            self._held = ""
            return position
        end = piece.find(quote, position)
        end = len(piece) if end < 0 else end
        self._put(piece[position:end])
        return end

    def _take_escape(self, piece: str, position: int) -> int:
        character = piece[position]
        if self._escape == "\\" and character != "u":
            self._escape = ""
            self._put(_ESCAPED.get(character, "\\" + character))
        elif self._escape != "\\" and character not in _HEXADECIMAL:
            text, self._escape = self._escape, ""
            self._put(text)
            return position
        else:
            self._escape += character
            if len(self._escape) == 6:
                self._put_code_unit(chr(int(self._escape[2:], 16)))
                self._escape = ""
        return position + 1

    def _put_code_unit(self, unit: str) -> None:
        if self._high_surrogate and "\udc00" <= unit <= "\udfff":
            pair = (self._high_surrogate + unit).encode("utf-16", "surrogatepass").decode("utf-16")
            self._high_surrogate = ""
            self._put(pair)
        elif "\ud800" <= unit <= "\udbff":
            self._put("")
            self._high_surrogate = unit
        else:
            self._put(unit)

    def _put(self, text: str) -> None:
        text, self._high_surrogate = self._high_surrogate + text, ""
        if not text:
            return
        if self._reads_key:
            self._key = (self._key + text)[:_LONGEST_KEY]
        elif self._reads_code and self._room:
            text = text[: self._room]
            self._room -= len(text)
            self._parts.append(text)
            self._fresh.append(text)
