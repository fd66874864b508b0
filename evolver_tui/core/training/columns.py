"""A run that is over as columns of numbers, which are read many times faster than its records.

A first line names the form, and the length and a checksum of what follows; a line of JSON has what the records tell
but for their points; then come each series' steps, times and values, eight bytes each, little-endian. The records stay
what counts: columns that do not belong to them, or are torn, are refused.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from evolver_tui.core.training.record import (
    BadRecord,
    Event,
    RunHeader,
    read_value,
    read_values,
    to_line,
    values_to_json,
)
from evolver_tui.core.training.series import MOST_POINTS, Series
from evolver_tui.core.training.training_run import MOST_EVENTS, MOST_SERIES, TrainingRun

_FORM: Final = b"evolver-tui columns 1"
_BYTES: Final = 8
_COUNTS: Final = ("model", "step", "points", "errors", "recoveries", "left_out")


class BadColumns(ValueError):
    """These are not the columns of that file, or not whole."""


class RecordsFile(NamedTuple):
    """What tells a state of a run file from every other."""

    size: int
    mtime_ns: int


def to_columns(run: TrainingRun, records: RecordsFile) -> list[bytes]:
    """The pieces of a columns file. Raises TypeError, ValueError where a config or a payload is no JSON."""
    facts: dict[str, Any] = {
        "records": records,
        "header": json.loads(to_line(run.header)),
        "events": [json.loads(to_line(event)) for event in run.events],
        "latest": values_to_json(run.latest),
        "status": run.status,
        "first_at": run.first_at, "last_at": run.last_at, "ended_at": run.ended_at,
        "steps": list(run.steps.items()), "completed": sorted(run.completed),
        "counts": [getattr(run, name) for name in _COUNTS],
        "series": [(model, name, len(series)) for (model, name), series in run.series.items()],
    }  # fmt: skip
    pieces = [json.dumps(facts, separators=(",", ":"), allow_nan=False).encode() + b"\n"]
    for series in run.series.values():
        pieces += [_to_bytes(series.steps), _to_bytes(series.times), _to_bytes(series.values)]
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return [b"%s %d %08x\n" % (_FORM, sum(map(len, pieces)), checksum), *pieces]


def from_columns(data: bytes, records: RecordsFile) -> TrainingRun:
    """The run of a columns file, as of this state of its run file. Raises BadColumns."""
    first, end, _ = data[:100].partition(b"\n")
    rest = memoryview(data)[len(first) + 1 :]
    if not end or first != b"%s %d %08x" % (_FORM, len(rest), zlib.crc32(rest)):
        raise BadColumns("they are torn, or of another form")
    line_end = data.find(b"\n", len(first) + 1)
    try:
        facts = json.loads(data[len(first) + 1 : line_end])
        if tuple(facts["records"]) != records:
            raise BadColumns("they belong to another state of the run file")
        run = _run_of(facts)
        _read_series(run, facts["series"], memoryview(data)[line_end + 1 :])
    except BadColumns:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise BadColumns(f"they are of another form: {type(error).__name__}") from None
    return run


def _run_of(facts: Mapping[str, Any]) -> TrainingRun:
    header = read_value(facts["header"])
    events = [read_value(each) for each in facts["events"][-MOST_EVENTS:]]
    if not isinstance(header, RunHeader) or not all(isinstance(each, Event) for each in events):
        raise BadRecord("its header or events are none")
    run = TrainingRun(header.run_id)
    run.header, run.status = header, str(facts["status"])
    run.events.extend(each for each in events if isinstance(each, Event))
    run.latest = read_values(facts["latest"], MOST_SERIES)
    run.first_at, run.last_at, run.ended_at = (
        float(facts["first_at"]),
        float(facts["last_at"]),
        float(facts["ended_at"]),
    )
    run.steps = {int(model): int(step) for model, step in facts["steps"]}
    run.completed = set(map(int, facts["completed"]))
    for name, count in zip(_COUNTS, facts["counts"], strict=True):
        setattr(run, name, int(count))
    run.changes = 1
    return run


def _read_series(run: TrainingRun, facts: list[Any], data: memoryview) -> None:
    start = 0
    for model, name, count in facts[:MOST_SERIES]:
        if not isinstance(count, int) or not 0 <= count <= MOST_POINTS or start + 3 * _BYTES * count > len(data):
            raise BadColumns("a series is longer than it can be")
        steps, times, values = array("q"), array("d"), array("d")
        for column in (steps, times, values):
            _take_bytes(column, data[start : start + _BYTES * count])
            start += _BYTES * count
        series = run.series[int(model), str(name)] = Series()
        series.steps, series.times, series.values = steps, times, values
    if start != len(data):
        raise BadColumns("there is more than it tells of")


def _to_bytes(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _take_bytes(column: array[Any], data: memoryview) -> None:
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
