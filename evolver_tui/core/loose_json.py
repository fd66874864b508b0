"""JSON as models write it: read where it says one thing, refused where it could say two.

Beyond JSON it knows comments, commas too many, names without quotes, single, triple, back and typographic quotes,
line ends in strings, Python's constants and tuples, and escapes that JSON does not have. Nothing is closed, added or
left out that does not stand there, but the last brace of an object that has all it can have. What is well-formed JSON
means what JSON says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Set
from typing import Any, Final

from evolver_tui.core.folded import folded

_DEEPEST: Final = 64
_GAP = re.compile(r"(?:[\s\ufeff\u200b]++|//[^\n]*+|#[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)*+")
_QUOTED = {quote: re.compile(rf"{quote}((?:[^{quote}\\]++|\\.)*+){quote}", re.DOTALL) for quote in "\"'`"}
_TYPOGRAPHIC = re.compile("[“”„]([^“”„\n]*+)[“”]")
_TRIPLE_END = {
    quote: re.compile(rf"(?<!\\){quote}(?=\s*+(?:[}}\]]|,\s*+[\"'“}}\]\w/#]))", re.DOTALL) for quote in ('"""', "'''")
}
_OPENING = frozenset("\"'`“”„")
_BARE_NAME = re.compile(r"[^\W\d][\w$-]*+")
_CONSTANT = re.compile(
    r"(?:null|true|false|None|True|False|undefined|NaN|[-+]?(?:Infinity|[\d.][\w.]*+(?:(?<=[eE])[-+]\d++)?))(?![\w$])"
)
_END = re.compile(r"\Z|```|~~~")
_PIECE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt\'])|\\|"')


class Unreadable(ValueError):
    """What stands at a position cannot be read."""

    def __init__(self, expected: str, position: int) -> None:
        super().__init__(expected)
        self.expected = expected
        self.position = position


class LooseText(str):
    """A string that JSON's rules alone do not read: itself the likeliest reading, and all of them, likeliest first."""

    __slots__ = ("is_ambiguous", "readings")
    readings: tuple[str, ...]
    is_ambiguous: bool
    """Whether no rule says which reading is meant, so that only one of them may make sense."""

    def __new__(cls, *readings: str, is_ambiguous: bool = False) -> LooseText:
        text = super().__new__(cls, readings[0])
        text.readings, text.is_ambiguous = tuple(dict.fromkeys(readings)), is_ambiguous
        return text


class LooseObject(dict[str, Any]):
    """An object by its folded names; `clashing` holds those that stood there twice with different values."""

    __slots__ = ("clashing",)

    def __init__(self) -> None:
        super().__init__()
        self.clashing: set[str] = set()

    def put(self, name: str, value: Any) -> None:
        """Add a member."""
        name = folded(name)
        if name in self and self[name] != value:
            self.clashing.add(name)
        self[name] = value


class LooseReader:
    """Reads objects out of one text, with a bound on the work for all of them together.

    Args:
        text: what they stand in.
        whole: the folded names of all that an object has; one that has them ends where the text or a fence ends.
        verbatim: the folded names of members whose value is the text that stands there.
    """

    def __init__(
        self, text: str, whole: Set[str] = frozenset(), verbatim: Set[str] = frozenset(), most_steps: int = 300_000
    ) -> None:
        self._text = text
        self._whole = whole
        self._verbatim = verbatim
        self._steps_left = most_steps
        self.furthest: Unreadable | None = None
        """What stopped the attempt that came furthest."""

    @property
    def is_exhausted(self) -> bool:
        """Whether no further attempt is made."""
        return self._steps_left <= 0

    def object_at(self, position: int) -> tuple[LooseObject, int] | None:
        """The object that begins with the brace at `position`, and where it ends; None where there is none."""
        found: tuple[LooseObject, int] | None = self._attempt(position, lambda brace: self._object(brace + 1, 1))
        return found

    def string_at(self, position: int) -> tuple[str, int] | None:
        """The string that begins with the quote at `position`, and where it ends; None where there is none."""
        found: tuple[str, int] | None = self._attempt(position, self._string)
        return found

    def _attempt(self, position: int, read: Callable[[int], Any]) -> Any:
        if self.is_exhausted:
            return None
        try:
            return read(position)
        except Unreadable as error:
            if self.furthest is None or error.position >= self.furthest.position:
                self.furthest = error
            return None

    # --- each takes a position and returns what stands there and the position behind it

    def _value(self, position: int, depth: int) -> tuple[Any, int]:
        start = self._text[position : position + 1]
        if start == "{":
            return self._object(position + 1, depth + 1)
        if start == "[":
            return self._list(position + 1, depth + 1, "]")
        if start == "(":
            items, position = self._list(position + 1, depth + 1, ")")
            return (items[0] if len(items) == 1 else items), position
        if start in _OPENING or self._text[position : position + 2] in _RAW_STARTS:
            return self._string(position)
        constant = _CONSTANT.match(self._text, position)
        if constant is None:
            raise Unreadable("a value", position)
        self._spend(position, constant.end())
        return None, constant.end()  # no field of an answer is a number: a million digits cost nothing

    def _object(self, position: int, depth: int) -> tuple[LooseObject, int]:
        self._descend(position, depth)
        members = LooseObject()
        while True:
            position = self._gap(position)
            if self._text.startswith("}", position):
                return members, position + 1
            name, position = self._name(position)
            start = self._gap(self._mark(self._gap(position), ":"))
            value, position = self._value(start, depth)
            members.put(name, self._text[start:position] if folded(name) in self._verbatim else value)
            position = self._gap(position)
            if self._whole and self._whole <= members.keys() and _END.match(self._text, position):
                return members, position
            position = self._separated(position, "}")

    def _list(self, position: int, depth: int, closing: str) -> tuple[list[Any], int]:
        self._descend(position, depth)
        items: list[Any] = []
        while True:
            position = self._gap(position)
            if self._text.startswith(closing, position):
                return items, position + 1
            value, position = self._value(position, depth)
            items.append(value)
            position = self._separated(position, closing)

    def _name(self, position: int) -> tuple[str, int]:
        if self._text[position : position + 1] in _OPENING:
            return self._string(position)
        bare = _BARE_NAME.match(self._text, position)
        if bare is None:
            raise Unreadable("a name in double quotes, or }", position)
        return bare[0], bare.end()

    def _string(self, position: int) -> tuple[str, int]:
        text = self._text
        is_raw = text[position] in "rR"
        position += is_raw
        quote = text[position : position + 3]
        if quote in _TRIPLE_END:
            end = _TRIPLE_END[quote].search(text, position + 3)
            self._spend(position, len(text) if end is None else end.end())
            if end is None:
                raise Unreadable(f"the end of the string that begins with {quote}", position)
            return _heredoc(text[position + 3 : end.start()], is_raw=is_raw), end.end()
        found = (_QUOTED.get(text[position]) or _TYPOGRAPHIC).match(text, position)
        self._spend(position, len(text) if found is None else found.end())
        if found is None:
            raise Unreadable("the end of the string that begins here", position)
        body = found[1]
        if text[position] == "`" or is_raw:
            return _heredoc(body, is_raw=is_raw), found.end()
        return _json_text(body), found.end()

    def _gap(self, position: int) -> int:
        gap = _GAP.match(self._text, position)
        end = gap.end() if gap else position
        self._spend(position, len(self._text) if self._text.startswith("/*", end) else end)
        return end

    def _separated(self, position: int, closing: str) -> int:
        position = self._gap(position)
        if self._text.startswith(closing, position):
            return position
        return self._mark(position, ",", f", or {closing}")

    def _mark(self, position: int, mark: str, expected: str = "") -> int:
        if not self._text.startswith(mark, position):
            raise Unreadable(expected or mark, position)
        return position + 1

    def _descend(self, position: int, depth: int) -> None:
        if depth > _DEEPEST:
            raise Unreadable("an end of the nesting", position)

    def _spend(self, start: int, end: int) -> None:
        self._steps_left -= 1 + ((end - start) >> 6)
        if self._steps_left <= 0:
            raise Unreadable("an end", start)


_RAW_STARTS = frozenset(prefix + quote for prefix in "rR" for quote in "\"'")


def _heredoc(body: str, *, is_raw: bool) -> str:
    """Text between quotes of which nobody says whether escapes count in it."""
    if is_raw or "\\" not in body:
        return body
    return LooseText(body, _unescaped(body), is_ambiguous=True)


def _json_text(body: str) -> str:
    if "\\" not in body:
        return body
    text = _unescaped(body)
    rescues = [_unescaped(body, "'")] if "\\'" in body else []
    if "\n" in body:  # who writes line ends as they are may mean `\n` as it stands, too
        rescues.append(_unescaped(body, "'bfnrt"))
    return LooseText(text, *rescues) if rescues else text


def _unescaped(body: str, kept: str = "") -> str:
    r"""JSON's escapes as what they stand for, and `\'` as a quote; others, and those in `kept`, as they stand."""

    def as_json(match: re.Match[str]) -> str:
        piece = match[0]
        if piece in ('"', "\\"):
            return "\\" + piece
        if piece[1] in kept:
            return "\\" + piece
        return "'" if piece == "\\'" else piece

    text: str = json.loads(f'"{_PIECE.sub(as_json, body)}"', strict=False)
    return text
