"""What a model answers when it is asked for a node, read leniently and without trust.

Models wrap their one JSON object in code fences, prose or thinking, leave a comma too many, or put line ends into its
strings. All of that is read. What is missing or cannot be a node is refused with a sentence that says so.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from evolver_tui.core.errors import AnswerUnusable
from evolver_tui.core.node import slug
from evolver_tui.core.safe_text import without_hidden

MOST_CODE_BYTES: Final = 200_000
"""A node is a small program: more than this is not one."""

COMPLEXITIES: Final = ("simple", "moderate", "complex")
"""What a model may say about its code; anything else counts as moderate."""

_CODE_KEY: Final = "workflow_code"
_MOST_CANDIDATES = 64
"""Opening braces that are tried: prose has few, and a hostile answer may have a million."""
_LONGEST_NAME = 120
_MOST_TOOLS = 50
_OBJECT_START = re.compile(r"\{\s*+[\"}]")
_MOST_REPAIRS = 8
_STRING_OR_LAST_COMMA = re.compile(r'("(?:[^"\\]++|\\.)*+"?)|,(\s*+[}\]])', re.DOTALL)
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class RouterAnswer:
    """A whole answer. The code is text that can be saved; whether it is a node is for the checks to say."""

    workflow_code: str
    workflow_name: str
    suggested_node_id: str
    """A valid node id, made of what the model suggested, else of the name, else of the task's id."""
    tools_used: tuple[str, ...]
    """What the model says it uses."""
    complexity: str
    """One of COMPLEXITIES."""


def parse(text: str, task_id: str = "unknown") -> RouterAnswer:
    """Read a model's whole answer.

    Args:
        text: everything it wrote.
        task_id: names the node where the answer does not.

    Raises:
        AnswerUnusable: there is no object with code that could be a node; the message says what is wrong.
    """
    answer = find_object(text, _CODE_KEY)
    if answer is None:
        raise AnswerUnusable(_what_is_missing(text))
    name = _one_line(answer.get("workflow_name"))
    return RouterAnswer(
        workflow_code=_code(answer[_CODE_KEY]),
        workflow_name=name or "Generated Workflow",
        suggested_node_id=_node_id(_one_line(answer.get("suggested_node_id")), name, task_id),
        tools_used=_tools(answer.get("tools_used")),
        complexity=_complexity(answer.get("estimated_complexity")),
    )


def find_object(text: str, key: str) -> dict[str, Any] | None:
    """The last JSON object in `text` that has `key`, whatever stands around it; None when there is none.

    The last, because a model that thinks aloud or corrects itself ends with what it means.

    Raises:
        AnswerUnusable: such an object has two fields of the same name.
    """
    found = None
    for value in _objects(text, key):
        found = value
    if found is None:
        found = next(_repaired_objects(text, key), None)
    if isinstance(found, _TwiceNamed):
        raise AnswerUnusable("The model's answer has two fields of the same name, so it is not clear which counts.")
    return found


class _TwiceNamed(dict[str, Any]):
    """An object in which a name stood twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else _TwiceNamed(value)


def _no_number(_: str) -> None:
    """No field of an answer is a number: NaN and a million digits are nothing at no cost."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_no_number,
    parse_float=_no_number,
    parse_constant=_no_number,
    # Models put real line ends into strings.
    strict=False,
)


def _objects(text: str, key: str) -> Iterator[dict[str, Any]]:
    position = 0
    for _ in range(_MOST_CANDIDATES):
        start = _OBJECT_START.search(text, position)
        if start is None:
            return
        value, end = _decode(text, start.start())
        if value is not None and key in value:
            yield value
            position = end
        else:
            # It may wrap the object that is looked for.
            position = start.start() + 1


def _repaired_objects(text: str, key: str) -> Iterator[dict[str, Any]]:
    """As `_objects`, read without the comma before a closing bracket: the commonest slip."""
    position = 0
    for _ in range(_MOST_REPAIRS):
        start = _OBJECT_START.search(text, position)
        if start is None:
            return
        # Strings are matched whole, so that no comma inside one is touched.
        repaired = _STRING_OR_LAST_COMMA.sub(lambda match: match[1] or match[2], text[start.start() :])
        value, _ = _decode(repaired, 0)
        if value is not None and key in value:
            yield value
        position = start.start() + 1


def _decode(text: str, position: int) -> tuple[dict[str, Any] | None, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except (ValueError, RecursionError):
        return None, position


def _what_is_missing(text: str) -> str:
    if not text.strip():
        return "The model's answer is empty."
    start = _OBJECT_START.search(text)
    if start is None:
        return "The model's answer holds no JSON object."
    if f'"{_CODE_KEY}"' in text:
        return "The JSON object in the model's answer is broken or unfinished."
    return f"The JSON object in the model's answer has no {_CODE_KEY}."


def _code(value: object) -> str:
    if not isinstance(value, str):
        raise AnswerUnusable(f"The model's answer has a {_CODE_KEY} that is not text.")
    code = _without_fence(value.replace("\r\n", "\n")).strip("\n")
    if not code.strip():
        raise AnswerUnusable("The model's answer has an empty program.")
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        size = -1
    if size < 0 or "\0" in code:
        raise AnswerUnusable("The model's program holds characters that no source file can hold.")
    if size > MOST_CODE_BYTES:
        raise AnswerUnusable(f"The model's program has {size:,} bytes; a node has at most {MOST_CODE_BYTES:,}.")
    return code + "\n"


def _without_fence(code: str) -> str:
    bare = code.strip()
    _, line_end, rest = bare.partition("\n")
    if bare.startswith(_FENCE) and line_end and rest.endswith(_FENCE):
        return rest.removesuffix(_FENCE).rstrip()
    return code


def _node_id(suggested: str, name: str, task_id: str) -> str:
    for text in (suggested, name):
        if any(character.isascii() and character.isalnum() for character in unicodedata.normalize("NFKD", text)):
            return slug(text, "task")
    return slug(f"task_{task_id[:64]}")


def _one_line(value: object) -> str:
    text = value[: 4 * _LONGEST_NAME] if isinstance(value, str) else ""
    return " ".join(without_hidden(" ".join(text.split())).split())[:_LONGEST_NAME].rstrip()


def _tools(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",", _MOST_TOOLS)
    names = map(_one_line, value[:_MOST_TOOLS]) if isinstance(value, list) else ()
    return tuple(dict.fromkeys(name for name in names if name))


def _complexity(value: object) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    return word if word in COMPLEXITIES else "moderate"


# --- while it is being written -------------------------------------------------------------------------------------


class _Expect(Enum):
    """What may come next inside an object or list."""

    KEY = auto()
    COLON = auto()
    VALUE = auto()
    END = auto()


_DEEPEST = 200
_PLAIN = re.compile(r'[^"\\]+')
_LITERAL = re.compile(r"[\w.+-]+")
_VALUE_STARTS = frozenset("-0123456789tfnNI")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class PartialCode:
    """The program inside an answer that is still being written.

    Each character is looked at once, however the answer is cut into pieces. Like `parse` it means the last object
    that has the field: where a model drafts one before the final one, `text` starts over with the second. A code
    fence inside the program is shown as it comes.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._fresh: list[str] = []
        self._containers: list[str] = []
        self._expect = _Expect.KEY
        self._key = ""
        self._in_string = False
        self._reads_key = False
        self._reads_code = False
        self._code_depth: int | None = None
        self._escape = ""
        self._high_surrogate = ""

    @property
    def text(self) -> str:
        """The program so far. Joins what came since the last look."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def feed(self, piece: str) -> str:
        """Take the next piece of the answer; returns the characters of the program that it brought."""
        self._fresh = []
        position, end = 0, len(piece)
        while position < end:
            if self._in_string:
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
        character = piece[position]
        if character.isspace():
            return position + 1
        if character in "}]":
            self._containers.pop()
            self._expect = _Expect.END
        elif self._expect is _Expect.KEY and character == '"':
            self._begin_string(reads_key=True)
        elif self._expect is _Expect.COLON and character == ":":
            self._expect = _Expect.VALUE
        elif self._expect is _Expect.VALUE and character == '"':
            self._begin_string(reads_key=False)
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

    def _begin_string(self, *, reads_key: bool) -> None:
        self._in_string, self._reads_key = True, reads_key
        if reads_key:
            self._key = ""
            return
        depth = len(self._containers)
        self._reads_code = (
            self._containers[-1] == "{"
            and self._key == _CODE_KEY
            and (self._code_depth is None or depth <= self._code_depth)
        )
        if self._reads_code:
            self._code_depth = depth
            self._parts, self._fresh = [], []

    def _take_string(self, piece: str, position: int) -> int:
        if self._escape:
            return self._take_escape(piece, position)
        plain = _PLAIN.match(piece, position)
        if plain:
            self._put(plain.group())
            return plain.end()
        if piece[position] == "\\":
            self._escape = "\\"
        else:
            self._put("")
            self._in_string = self._reads_code = False
            self._expect = _Expect.COLON if self._reads_key else _Expect.END
        return position + 1

    def _take_escape(self, piece: str, position: int) -> int:
        character = piece[position]
        if self._escape == "\\" and character != "u":
            self._escape = ""
            self._put(_ESCAPED.get(character, character))
        elif self._escape != "\\" and character not in _HEXADECIMAL:
            self._escape = ""
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
            self._key = (self._key + text)[: len(_CODE_KEY) + 1]
        elif self._reads_code:
            self._parts.append(text)
            self._fresh.append(text)
