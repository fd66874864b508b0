"""Metrics as a table: CSV with a head, whoever writes it; cells may be empty, as Lightning leaves them."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from evolver_tui.adapters.training_files.reading import GrowingLines, Reading, touched_at
from evolver_tui.core.training.foreign_metrics import STEP_NAMES, TIME_NAMES, moment_of, number_of, those_among
from evolver_tui.core.training.record import LONGEST_NAME, MOST_VALUES, Point, Record

LONGEST_LINE: Final = 1024 * 1024
_DELIMITERS: Final = ",;\t|"
_MOST_STEPS: Final = 2.0**53
_SECONDS_UNTIL_WHOLE: Final = 30.0
"""Without a word after which a last row without an end is no half one of a writer that keeps some back."""


class MetricTable:
    """A `RunReader` of a table."""

    way = "CSV"

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        """Args:
        now: seconds since 1970.
        """
        self.path = path
        self.problem = ""
        self._now = now
        self._lines = GrowingLines(path, LONGEST_LINE, self._is_whole)
        self._begin()

    def _begin(self) -> None:
        self._number = 0
        self._bad = 0
        self._columns: _Columns | None = None

    def read(self, most_bytes: int) -> Reading:
        lines = self._lines.read(most_bytes)
        if self._lines.is_anew:
            self._begin()
        texts = [_text_of(line) for line in lines if line.strip()]
        while texts and self._columns is None:
            head = texts.pop(0)
            if not is_remark(head):
                self._columns = columns_of(head)
                break
        records: list[Record] = []
        if self._columns is not None:
            at = self.touched_at()
            for text in texts:
                point = self._columns.point_of(text, self._number, at)
                self._number += 1
                if point is None:
                    self._bad += 1
                elif point.values:
                    records.append(point)
        bad = self._bad + self._lines.too_long
        self.problem = f"{bad:,} of its lines could not be read." if bad else ""
        return Reading(records, self._lines.is_anew, self._lines.is_behind)

    def _is_whole(self, line: bytes) -> bool:
        """Whether a last row without an end has all cells, and most likely the last one to its end."""
        is_full = self._columns is not None and self._columns.are_all_in(_text_of(line))
        return is_full and self._now() - self.touched_at() >= _SECONDS_UNTIL_WHOLE

    def touched_at(self) -> float:
        return touched_at(self.path)

    def close(self) -> None:
        self._lines.begin_again()
        self._begin()


def _text_of(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


class _Columns:
    """Where a table has what."""

    def __init__(self, names: Sequence[str], delimiter: str) -> None:
        self._delimiter = delimiter
        self._count = len(names)
        by_name = {name: place for place, name in reversed(list(enumerate(names)))}
        self._step_at = next((by_name[name] for name in those_among(names, STEP_NAMES)), None)
        self._time_at = next((by_name[name] for name in those_among(names, TIME_NAMES)), None)
        metrics = [(place, name[:LONGEST_NAME]) for name, place in by_name.items()]
        metrics = [each for each in sorted(metrics) if each[1] and each[0] != self._step_at]
        self.metrics = metrics[:MOST_VALUES]

    def are_all_in(self, line: str) -> bool:
        """Whether a row lacks no cell."""
        cells = self._cells_of(line, self._count)
        return cells is not None and len(cells) >= self._count

    def _cells_of(self, line: str, most: int) -> list[str] | None:
        """The cells of a row, of those that are many only so many apart; None for what is no row."""
        if '"' not in line:
            return line.split(self._delimiter, most)
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            return None

    def _number_of(self, cell: str) -> float | None:
        """A number; where a comma parts no cells it may be a decimal one."""
        number = number_of(cell)
        return number_of(cell.replace(",", ".")) if number is None and self._delimiter != "," else number

    def point_of(self, line: str, number: int, at: float) -> Point | None:
        """The point of a row, without values where it has none; None for what is no row."""
        cells = self._cells_of(line, self.metrics[-1][0] + 1000 if self.metrics else 1000)
        if cells is None:
            return None
        count = len(cells)
        moment = moment_of(cells[self._time_at]) if self._time_at is not None and self._time_at < count else None
        values: dict[str, float] = {}
        for place, name in self.metrics:
            cell = cells[place] if place < count else ""
            if cell and (moment is None or place != self._time_at):
                value = self._number_of(cell)
                if value is not None:
                    values[name] = value
        step = self._number_of(cells[self._step_at]) if self._step_at is not None and self._step_at < count else None
        if step is None or not 0 <= step < _MOST_STEPS or not step.is_integer():
            if self._step_at is not None and not values:
                return None
            step = number
        return Point(int(step), at if moment is None else moment, values)


def is_remark(line: str) -> bool:
    """Whether a line before a table's head tells of the table, as `#{"env_id": "CartPole-v1"}` does."""
    line = line.removeprefix("\ufeff")
    told = line.lstrip("# ")
    return line.startswith("#") and (told.startswith("{") or not any(mark in told for mark in _DELIMITERS))


def columns_of(head: str) -> _Columns | None:
    """What the first line of a table names, behind a `#` or not; None where it is no head of one."""
    head = head.removeprefix("\ufeff").lstrip("# ")
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
    except csv.Error:
        return None
    has_names = any(names) and all(number_of(name) is None for name in names)
    columns = _Columns(names, delimiter)
    return columns if has_names and columns.metrics else None
