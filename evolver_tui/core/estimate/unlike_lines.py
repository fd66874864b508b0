"""Lines of a draft that are unlike the code that was approved so far.

A line is like that code where it can be written down in few bytes by whoever has the code at hand: it is compressed
with the code as a dictionary. How many bytes are many is read off the approved code itself, each of its programs held
against the others. That a line is unlike them says neither that it is unsafe nor that the others are safe.
"""

from __future__ import annotations

import ast
import warnings
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from evolver_tui.core.router_answer import MOST_CODE_BYTES

FEWEST_APPROVED: Final = 3
"""Programs below which nothing is told: there is nothing to be unlike to."""
_DICTIONARY_BYTES: Final = 32 * 1024
"""The window of the compression."""
_MOST_APPROVED: Final = 500
"""Programs that are considered, the latest."""
_MOST_LINES: Final = 5_000
"""Lines that are judged of one draft."""
_LONGEST_LINE: Final = 2_000
_ORDINARY_SHARE: Final = 0.97
"""Of the approved code's lines that count as ordinary."""
_LEAST_NEWS: Final = 14.0
"""Bytes: a line with less in it is never told of, however much the approved programs are one like the other."""
_MOST_HELD_OUT: Final = 24
"""Programs that are held against the others for the threshold."""


class UnlikeLine(NamedTuple):
    """A line with more news in it than ordinary lines have."""

    line: int
    """Counts from 1."""
    news: float
    """Bytes that it takes beside the approved code."""
    ordinary: float
    """Bytes that nearly all approved lines stay below."""


class ApprovedCode:
    """Approved programs, prepared for drafts to be held against.

    Args:
        approved: their code, the latest last.
    """

    def __init__(self, approved: Sequence[str]) -> None:
        codes = [code for code in dict.fromkeys(reversed(approved[-_MOST_APPROVED:])) if len(code) <= MOST_CODE_BYTES]
        self._programs = [_Program(code) for code in codes]
        """The latest first, each once."""
        self._ordinary: float | None = None

    @property
    def is_enough(self) -> bool:
        """Whether there are enough of them."""
        return len(self._programs) >= FEWEST_APPROVED

    @property
    def ordinary(self) -> float:
        """Bytes of news that nearly all lines of these programs stay below when they are held against the others."""
        if self._ordinary is None:
            held_out = self._programs[:_MOST_HELD_OUT]
            news = sorted(
                each
                for program in held_out
                for each in self._news(program, [other for other in self._programs if other is not program]).values()
            )
            most = news[min(len(news) - 1, int(len(news) * _ORDINARY_SHARE))] if news else 0.0
            self._ordinary = max(_LEAST_NEWS, most)
        return self._ordinary

    def unlike_lines(self, code: str) -> tuple[UnlikeLine, ...]:
        """Those of a draft, by line; about 0.1 ms a line. Blank lines, comments and docstrings are never among them."""
        if not self.is_enough:
            return ()
        ordinary = self.ordinary
        news = self._news(_Program(code), self._programs)
        return tuple(UnlikeLine(line, round(each, 1), ordinary) for line, each in news.items() if each > ordinary)

    def _news(self, program: _Program, others: Sequence[_Program]) -> dict[int, float]:
        """Bytes of news in each line, by its number."""
        known = _dictionary(program, others)
        start = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, known)
        whole = {line for other in others for line in other.distinct}
        found: dict[int, float] = {}
        seen: dict[str, float] = {}
        for number, line in program.lines.items():
            if line in whole:
                found[number] = 0.0
                continue
            if line not in seen:
                packer = start.copy()
                seen[line] = float(len(packer.compress(_bytes(line)) + packer.flush()))
            found[number] = seen[line]
        return found


def unlike_lines(code: str, approved: Sequence[str]) -> tuple[UnlikeLine, ...]:
    """Lines of a draft that are unlike approved programs, by line.

    Args:
        approved: code that was approved, the latest last. For several drafts `ApprovedCode` reads it once.
    """
    return ApprovedCode(approved).unlike_lines(code)


class _Program:
    """A program's lines that do something."""

    def __init__(self, code: str) -> None:
        text = code[:MOST_CODE_BYTES].replace("\r\n", "\n").replace("\r", "\n")  # as Python counts lines
        described = _docstring_lines(text)
        self.lines: dict[int, str] = {}
        for number, line in enumerate(text.split("\n")[:_MOST_LINES], 1):
            plain = line.strip()[:_LONGEST_LINE]
            if plain and not plain.startswith("#") and number not in described:
                self.lines[number] = plain
        self.distinct = frozenset(self.lines.values())
        self.text = _bytes("\n".join(self.lines.values()) + "\n")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _dictionary(program: _Program, others: Sequence[_Program]) -> bytes:
    """What lies at hand: the programs that share most with this one, the nearest last: that is cheapest to point at."""
    nearest = sorted(others, key=lambda other: -len(other.distinct & program.distinct))  # of equals the latest first
    taken: list[bytes] = []
    left = _DICTIONARY_BYTES
    for other in nearest:
        if left <= 0:
            break
        taken.append(other.text[:left])
        left -= len(other.text)
    return b"".join(reversed(taken))


def _docstring_lines(code: str) -> frozenset[int]:
    """Lines that hold nothing but a docstring."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
        lines = code.split("\n")
        return frozenset(line for node in ast.walk(tree) for line in _docstring_of(node, lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()


def _docstring_of(node: ast.AST, lines: Sequence[str]) -> range:
    """Its lines, where nothing else stands in them."""
    if not isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not node.body:
        return range(0)
    first = node.body[0]
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return range(0)
    end = first.end_lineno or first.lineno
    before = _bytes(lines[first.lineno - 1])[: first.col_offset]
    is_followed = len(node.body) > 1 and node.body[1].lineno <= end
    if not isinstance(first.value.value, str) or before.strip() or is_followed:
        return range(0)
    return range(first.lineno, end + 1)
