"""What two programs of one frame differ in: their texts and numbers, cut to where these differ."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Final, NamedTuple

_CONTEXT: Final = 12
"""Characters that are kept on each side of what differs."""
_CUT: Final = "…"


class ConstantChange(NamedTuple):
    """One constant that is another in the other program."""

    line: int
    """In the other program, counted from 1."""
    before: str
    """As it would be written; where it is long, what differs and a little around it."""
    after: str

    @property
    def length(self) -> int:
        """Characters of both."""
        return len(self.before) + len(self.after)


def changed_constants(one: str, other: str) -> tuple[ConstantChange, ...] | None:
    """Which constants of `one` are others in `other`, in their order, docstrings aside.

    None where the two cannot be held against each other: one is no program, or they do not have as many constants.
    """
    before, after = _constants(one), _constants(other)
    if before is None or after is None or len(before) != len(after):
        return None
    pairs = zip(before, after, strict=True)
    return tuple(_change(was, now, line) for (_, was), (line, now) in pairs if was != now)


def _constants(code: str) -> list[tuple[int, str]] | None:
    """Line and text of each constant, as it would be written."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(_found_in(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _found_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant):
            yield node.lineno, repr(node.value)
        waiting += reversed([each for each in ast.iter_child_nodes(node) if not _says_nothing(each)])


def _says_nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _change(before: str, after: str, line: int) -> ConstantChange:
    start = max(0, _shared(before, after) - _CONTEXT)
    end = max(0, _shared(before[start:][::-1], after[start:][::-1]) - _CONTEXT)

    def cut(text: str) -> str:
        head = _CUT if start > 1 else text[:start]
        tail = _CUT if end > 1 else text[len(text) - end :]
        return f"{head}{text[start : len(text) - end]}{tail}"

    return ConstantChange(line, cut(before), cut(after))


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
