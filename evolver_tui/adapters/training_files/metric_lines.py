"""Metrics as lines of JSON, an object for each step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from evolver_tui.adapters.training_files.reading import GrowingLines, Reading, is_json, touched_at
from evolver_tui.core.training.foreign_metrics import RowReader
from evolver_tui.core.training.record import Record, RunHeader
from evolver_tui.core.training.totals import CONFIG_NAMES, with_config

LONGEST_LINE: Final = 1024 * 1024
_AT_ONCE: Final = 1_000
"""Lines that are parsed together: nothing else runs meanwhile."""
_BLANK: Final = object()
"""Stands for a line without anything."""


class MetricLines:
    """A `RunReader` of lines of JSON that anybody writes."""

    way = "JSON lines"

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.problem = ""
        self._name = name
        self._lines = GrowingLines(path, LONGEST_LINE, is_json)
        self._begin()

    def _begin(self) -> None:
        self._number = 0
        self._bad = 0
        self._header = RunHeader(self._name)
        self._rows = RowReader()

    def read(self, most_bytes: int) -> Reading:
        lines = self._lines.read(most_bytes)
        if self._lines.is_anew:
            self._begin()
        at = self.touched_at()
        records: list[Record] = []
        for values in chain.from_iterable(
            _values_of(lines[start : start + _AT_ONCE]) for start in range(0, len(lines), _AT_ONCE)
        ):
            number, self._number = self._number, self._number + 1
            if isinstance(values, dict):
                self._add(values, number, at, records)
            elif values is not _BLANK:
                self._bad += 1
        bad = self._bad + self._lines.too_long
        self.problem = f"{bad:,} of its lines could not be read." if bad else ""
        return Reading(records, self._lines.is_anew, self._lines.is_behind)

    def _add(self, values: dict[str, Any], number: int, at: float, records: list[Record]) -> None:
        header = self._header if CONFIG_NAMES.isdisjoint(values) else with_config(self._header, values)
        if header != self._header:
            self._header = header
            records.append(header)
        point = self._rows.point_of(values, number, at)
        if point is not None:
            records.append(point)

    def touched_at(self) -> float:
        return touched_at(self.path)

    def close(self) -> None:
        self._lines.begin_again()
        self._begin()


def _values_of(lines: Sequence[bytes]) -> Sequence[object]:
    """The values of lines: all at once, which is several times as fast, or one by one where something is no JSON."""
    try:
        values = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        return [_value_of(line) for line in lines]
    # Lines that are no JSON by themselves may be together.
    return values if len(values) == len(lines) else [_value_of(line) for line in lines]


def _value_of(line: bytes) -> object:
    if not line.strip():
        return _BLANK
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
