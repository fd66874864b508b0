"""Records of training runs: what is written is read again, and what strangers write is read or refused."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from evolver_tui.core.training.record import (
    COMPLETED,
    FAILED,
    LONGEST_LINE,
    LONGEST_NAME,
    MOST_MODELS,
    BadRecord,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
    read_line,
    read_lines,
    to_line,
)

EXAMPLES: list[Record] = [
    RunHeader("r1"),
    RunHeader("r1", "name", "project", {"lr": 0.1, "deep": [1, {"a": None}]}, 5.5, 1000, 3, 25, {"pid": 12}),
    Point(0, 1.5, {}),
    Point(2**53 - 1, 1.5, {"loss": 1.25, "nan": math.nan, "up": math.inf, "down": -math.inf, "\u202e\x1b": 1e-300}, 7),
    Event("checkpoint", 2.5),
    Event("training_resumed", 2.5, 10, 1, {"path": "/x", "\x00": "\ud800"}),
    RunEnd(9.5),
    RunEnd(9.5, FAILED),
]  # fmt: skip


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_is_a_line_and_comes_back(record: Record) -> None:
    line = to_line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    again = read_line(line)
    assert type(again) is type(record)
    assert to_line(again) == line
    assert repr(read_lines([line])) == repr(([again], 0))


BAD = {
    "no JSON": b"{", "nothing": b"", "no object": b"[1]", "no text": b"\xff\xfe",
    "another encoding": '{"a": 1}'.encode("utf-16"),
    "no type": b"{}", "another type": b'{"type": "x"}', "a type that is none": b'{"type": []}',
    "a run without an id": b'{"type": "run"}', "a run with an empty id": b'{"type": "run", "run": ""}',
    "an id that is too long": b'{"type": "run", "run": "%s"}' % (b"x" * (LONGEST_NAME + 1)),
    "a config that is none": b'{"type": "run", "run": "r", "config": 5}',
    "a time that is none": b'{"type": "end", "at": "now"}', "a time without an end": b'{"type": "end", "at": 1e999}',
    "a time that is no number": b'{"type": "end", "at": NaN}',
    "no step": b'{"type": "point", "at": 1, "values": {}}',
    "a step below 0": b'{"type": "point", "step": -1, "values": {}}',
    "a step too high": b'{"type": "point", "step": 9007199254740992, "values": {}}',
    "a huge step": b'{"type": "point", "step": 1%s, "values": {}}' % (b"0" * 400),
    "a step that is true": b'{"type": "point", "step": true, "values": {}}',
    "a value that is a text": b'{"type": "point", "step": 1, "values": {"loss": "low"}}',
    "a value that is null": b'{"type": "point", "step": 1, "values": {"loss": null}}',
    "a value that is true": b'{"type": "point", "step": 1, "values": {"loss": true}}',
    "no values": b'{"type": "point", "step": 1}',
    "too many values": json.dumps({"type": "point", "step": 1, "values": {str(n): 1 for n in range(501)}}).encode(),
    "a model too many": b'{"type": "point", "step": 1, "values": {}, "model": %d}' % MOST_MODELS,
    "too many models": b'{"type": "run", "run": "r", "total_models": %d}' % (MOST_MODELS + 1),
    "an event without a name": b'{"type": "event", "at": 1}',
    "a payload that is none": b'{"type": "event", "event": "x", "payload": []}',
    "a number of many digits": b'{"type": "point", "step": %s, "values": {}}' % (b"9" * 5000),
    "too deep": b"[" * 100_000, "too long": b'{"type": "end", "x": "%s"}' % (b"x" * LONGEST_LINE),
}  # fmt: skip


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_what_is_none_is_refused_with_a_sentence_and_what_stands_around_it_is_read(line: bytes) -> None:
    with pytest.raises(BadRecord) as refusal:
        read_line(line)
    assert str(refusal.value).isprintable()
    good = Point(3, 1.0, {"loss": 2.0})
    assert read_lines([to_line(good), line, to_line(RunEnd(1.0))]) == ([good, RunEnd(1.0)], 1)


def test_what_others_write_a_little_differently_is_read() -> None:
    line = b'{"type": "point", "step": 7.0, "values": {"a": 5, "b": NaN, "c": -Infinity, "d": 1e999, "e": "nan"}}'
    point = read_line(line)
    assert isinstance(point, Point)
    assert (point.step, point.at, point.model) == (7, 0.0, 0)
    assert repr(point.values) == repr({"a": 5.0, "b": math.nan, "c": -math.inf, "d": math.inf, "e": math.nan})
    huge = read_line(b'{"type": "point", "step": 1, "values": {"a": 1%s}}' % (b"0" * 400))
    assert isinstance(huge, Point)
    assert huge.values == {"a": math.inf}
    assert read_line(b'{"type": "end", "at": 1, "status": "odd"}') == RunEnd(1.0, COMPLETED)


@pytest.mark.parametrize("lines", [[b'["a', b'b"]'], [b"1", b"2],[3"], [b'{"type":"end"},{"type":"end"}', b""]])
def test_lines_that_are_json_together_alone_are_none(lines: list[bytes]) -> None:
    assert read_lines(lines) == ([], len(lines))


@given(some.dictionaries(some.text(), some.floats()), some.floats(-1e300, 1e300), some.integers(0, 2**53 - 1))
def test_a_point_is_written_as_json_writes_it(values: dict[str, float], at: float, step: int) -> None:
    numbers = {name: value if math.isfinite(value) else str(value) for name, value in values.items()}
    plain = {"type": "point", "step": step, "at": at, "model": 3, "values": numbers}
    assert to_line(Point(step, at, values, 3)) == json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def test_many_lines_are_read_as_one_by_one_whatever_is_among_them() -> None:
    choose = random.Random(7)
    long = ("too deep", "too long")
    some_lines = [*map(to_line, EXAMPLES), *(line for name, line in BAD.items() if name not in long)]
    lines = [choose.choice(some_lines) for _ in range(700)]
    expected: list[Record] = []
    bad = 0
    for line in lines:
        try:
            expected.append(read_line(line))
        except BadRecord:
            bad += 1
    assert repr(read_lines(lines)) == repr((expected, bad))
    assert read_lines([]) == ([], 0)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
FIELDS = some.sampled_from(
    ("type", "run", "step", "at", "values", "model", "event", "payload", "config", "status", "total_models", "process")
)


@given(some.dictionaries(FIELDS, JSON | some.sampled_from(("run", "point", "event", "end")), min_size=1))
def test_whatever_an_object_has_it_is_a_record_or_refused(value: dict[str, Any]) -> None:
    line = json.dumps(value).encode()
    try:
        record = read_line(line)
    except BadRecord:
        assert read_lines([line]) == ([], 1)
    else:
        assert repr(read_lines([line])) == repr(([record], 0))
        try:
            again = to_line(record)
        except ValueError:
            return  # a config or payload has a number that JSON has not
        assert to_line(read_line(again)) == again
