"""Which lines of drafts were on the screen: what "read to the end" means."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from evolver_tui.core.safe_text import safe_text

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.row_source import RowSource

_MOST_KEPT: Final = 500
"""Drafts of which it is known; of the one that was looked at the longest ago it is forgotten first."""


def line_count(code: str) -> int:
    """How many lines there are to be read, without an empty one at the end."""
    return len(code.split("\n")) - code.endswith("\n") if code else 0


class Reading:
    """The lines of one draft, counted from 1."""

    def __init__(self, line_count: int) -> None:
        self.line_count = line_count
        self._read: set[int] = set()

    def add(self, lines: Iterable[int]) -> bool:
        """These were on the screen, as a whole; whether one of them had not been before."""
        before = len(self._read)
        self._read.update(line for line in lines if 1 <= line <= self.line_count)
        return len(self._read) > before

    def has(self, line: int) -> bool:
        """Whether this one was."""
        return line in self._read

    @property
    def read_count(self) -> int:
        """How many were on the screen."""
        return len(self._read)

    @property
    def unread(self) -> Sequence[int]:
        """Those that were not, in order."""
        return [line for line in range(1, self.line_count + 1) if line not in self._read]

    @property
    def is_whole(self) -> bool:
        """Whether all of it was."""
        return len(self._read) == self.line_count


class Code(Protocol):
    """Code as rows of a width."""

    def row_count(self, width: int) -> int:
        """Rows at a width."""

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row comes from."""

    def lines_at(self, index: int, width: int) -> tuple[int, int]:
        """The first and the last line of a row."""

    def starts_of(self, index: int, width: int) -> Sequence[int]:
        """Where the rows of a row's line begin in it."""


class DrawnPieces:
    """The rows of one draft that were drawn, at whatever width."""

    def __init__(self) -> None:
        self._drawn: set[tuple[int, int]] = set()
        """Of each the index of its line, and that of its first character."""

    def note(self, code: Code, row: int, width: int) -> range:
        """A row was drawn; returns the lines that were drawn as a whole by that: those of a fold as one."""
        source, (first, last) = code.source_of(row, width), code.lines_at(row, width)
        self._drawn.add((source.line, source.start))
        is_whole = all((source.line, start) in self._drawn for start in code.starts_of(row, width))
        return range(first, last + 1) if is_whole else range(0)


_MOST_SHOWN: Final = 4
"""Lines that are shown of those that were not read."""
_WIDTH: Final = 60


def unread_words(reading: Reading, code: str) -> str:
    """How much of a draft was not on the screen, and the first of it that is not empty; empty where all of it was."""
    unread = reading.unread
    if not unread:
        return ""
    lines = code.split("\n")
    shown = [number for number in unread if lines[number - 1].strip()][:_MOST_SHOWN]
    were = "line was" if reading.line_count == 1 else "lines were"
    width = len(str(shown[-1])) if shown else 0
    return "\n".join(
        [
            f"{len(unread):,} of its {reading.line_count:,} {were} not on the screen yet{':' if shown else '.'}",
            *(f"  {number:>{width}}  {safe_text(lines[number - 1].rstrip(), _WIDTH)}" for number in shown),
        ]
    )


class Readings:
    """The readings of the drafts that were looked at last, each by the digest of its code."""

    def __init__(self) -> None:
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    def of(self, sha256: str, line_count: int) -> Reading:
        """The reading of a draft, which begins where there is none."""
        reading = self._readings.setdefault(sha256, Reading(line_count))
        self._readings.move_to_end(sha256)
        while len(self._readings) > _MOST_KEPT:
            self._readings.popitem(last=False)
        return reading

    def is_whole(self, sha256: str) -> bool:
        """Whether all of a draft was on the screen."""
        reading = self._readings.get(sha256)
        return reading is not None and reading.is_whole
