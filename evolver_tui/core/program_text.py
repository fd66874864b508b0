"""Programs as models write them into text: fenced, indented, escaped once too often, or line by line."""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Final

MOST_BLOCKS: Final = 64
"""Fences that are looked at in one text."""
_FENCE = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)(.*+)", re.DOTALL)


def program_problem(code: str) -> str:
    """Why `code` is no program, in Python's own words where it cannot read it; empty where it is one."""
    tree = _syntax(code)
    if isinstance(tree, SyntaxError):
        return f"it is no Python: {tree.msg}, line {tree.lineno or 0}"
    if isinstance(tree, Exception):
        return f"Python cannot read it: {str(tree) or type(tree).__name__}"
    # A word, a value or a placeholder is Python, too.
    return "" if any(map(_does_something, tree.body)) else "it does nothing"


def is_program(code: str) -> bool:
    """Whether it is Python that does something."""
    return not program_problem(code)


def _does_something(statement: ast.stmt) -> bool:
    return not isinstance(statement, ast.Expr) or any(isinstance(each, ast.Call) for each in ast.walk(statement))


def _syntax(code: str) -> ast.Module | Exception:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning of the parser would be printed over the screen
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return error


def program_in(text: str) -> str:
    """The program that `text` spells: as it stands, else by the only reading that is one, else without its fence.

    The readings: without the fence or the indentation that all of it has, what stands in one of its fences, and its
    escapes read once more.
    """
    if is_program(text):
        return text
    bare = without_fence(text)
    readings = (bare, textwrap.dedent(text), *islice(blocks(text), MOST_BLOCKS), _unescaped(text))
    programs = {reading.strip("\n") for reading in readings if reading != text and is_program(reading)}
    return programs.pop() if len(programs) == 1 else bare


def without_fence(text: str) -> str:
    """`text` without the fence that encloses all of it."""
    first, line_end, rest = text.strip().partition("\n")
    opening = _FENCE.match(first)
    if opening and line_end and rest.endswith(opening[2]):
        return rest.removesuffix(opening[2]).rstrip()
    return text


def blocks(text: str) -> Iterator[str]:
    """What stands in code fences, without the indentation of the fence; one without its end is no block."""
    opening: re.Match[str] | None = None
    block: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        fence = _FENCE.match(line)
        if opening is None:
            opening, block = fence, []
        elif fence and fence[2].startswith(opening[2]):
            yield "\n".join(block)
            opening = None
        else:
            block.append(line.removeprefix(opening[1]))


def _unescaped(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    try:
        read: str = json.loads(text if is_quoted else f'"{text}"', strict=False)
    except ValueError:
        return text
    return read
