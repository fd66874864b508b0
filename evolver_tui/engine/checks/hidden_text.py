"""What a reader of code cannot see, or takes for something else."""

from __future__ import annotations

import io
import re
import tokenize
import unicodedata
from collections.abc import Iterator

_BLANK = frozenset("\xad\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that are drawn as nothing although Unicode calls them letters or marks."""
_SELECTORS = re.compile("[\u180b-\u180f\ufe00-\ufe0e\U000e0100-\U000e01ef]")
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_LONE_RETURN = re.compile("\r(?!\n)")
_FAR_RIGHT = re.compile(r"\S[ \t]{40,}(?=[^\s#])")
LONGEST_LINE = 200
"""Characters that a reader of the card has in view, with some patience."""


def hidden_characters(code: str) -> Iterator[tuple[int, str]]:
    """Line and a sentence for each kind of unseen character: control, bidirectional, zero-width, blank."""
    if _LONE_RETURN.search(code):
        before = code[: _LONE_RETURN.search(code).start()]  # type: ignore[union-attr]
        yield before.count("\n") + 1, "a carriage return inside a line hides what stands before it"
    if code.isascii() and not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", code):
        return
    seen: set[str] = set()
    for number, line in enumerate(code.split("\n"), 1):
        for character in line.rstrip("\r") if not line.isascii() or not line.isprintable() else "":
            if character in "\t\r" or character in seen or not _is_unseen(character):
                continue
            seen.add(character)
            name = unicodedata.name(character, "a control character").lower()
            yield number, f"hidden character U+{ord(character):04X}, {name}"


def foreign_names(code: str) -> Iterator[tuple[int, str]]:
    """Line and a sentence for each name with letters beyond ASCII: they may look like others, or be read as others."""
    if code.isascii():
        return
    seen: set[str] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.NAME and not token.string.isascii() and token.string not in seen:
                seen.add(token.string)
                yield token.start[0], f"the name {token.string[:60]!a} has letters beyond ASCII, which may mislead"
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return


def far_right(code: str) -> Iterator[tuple[int, str]]:
    """Line and a sentence for code that stands where a reader does not look."""
    for number, line in enumerate(code.split("\n"), 1):
        if _FAR_RIGHT.search(line):
            yield number, "code stands far to the right, behind many blanks"
        elif len(line) > LONGEST_LINE:
            yield number, f"the line has {len(line):,} characters"


def _is_unseen(character: str) -> bool:
    return character in _BLANK or unicodedata.category(character) in _UNSEEN or _SELECTORS.match(character) is not None
