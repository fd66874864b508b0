"""Columns of a run that is over: the same run, and nothing of any other."""

from __future__ import annotations

import json
import math
import zlib

import pytest

from evolver_tui.core.training.columns import BadColumns, RecordsFile, from_columns, to_columns
from evolver_tui.core.training.record import Event, Point, RunEnd, RunHeader
from evolver_tui.core.training.training_run import TrainingRun

STATE = RecordsFile(1234, 5678)


def example() -> TrainingRun:
    run = TrainingRun("r")
    run.add(RunHeader("r", "n\u202e", "p", {"lr": 0.1}, 100.0, 50, 2, 7, {"pid": 1}))
    for step in range(50):
        values = {"loss": math.nan if step == 3 else 2.0 - step, "accuracy\n": math.inf}
        run.add(Point(step, 100.0 + step, values, step // 25))
    run.add(Event("model_completed", 150.0, 49, 0, {"deep": {"a": [1, None]}}))
    run.add(Event("error", 151.0, payload={}))
    run.add(RunEnd(152.0))
    return run


def facts_of(run: TrainingRun) -> dict[str, object]:
    kept = {name: value for name, value in vars(run).items() if name not in ("series", "changes", "_pace")}
    return {**kept, "series": [(key, list(map(repr, series))) for key, series in run.series.items()]}


def test_the_run_comes_back_with_all_that_it_has() -> None:
    run = example()
    again = from_columns(b"".join(to_columns(run, STATE)), STATE)
    assert repr(facts_of(again)) == repr(facts_of(run))
    assert again.metrics() == run.metrics()
    again.add(RunHeader("r", started_at=100.0))
    again.add(Point(50, 200.0, {"loss": 1.0}, 1))
    assert (again.is_over, again.step) == (False, 50)


def test_columns_of_another_state_of_the_file_are_refused() -> None:
    data = b"".join(to_columns(example(), STATE))
    for state in (RecordsFile(1235, 5678), RecordsFile(1234, 5679)):
        with pytest.raises(BadColumns):
            from_columns(data, state)


def test_torn_and_damaged_columns_are_refused() -> None:
    data = b"".join(to_columns(example(), STATE))
    for end in (0, 1, 10, 40, 100, 500, len(data) - 1):
        with pytest.raises(BadColumns):
            from_columns(data[:end], STATE)
    for place in range(0, len(data), 97):
        damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(BadColumns):
            from_columns(damaged, STATE)
    with pytest.raises(BadColumns):
        from_columns(data + b"x", STATE)


HOSTILE = {
    "no object": [], "nothing": {}, "a series without an end": {"series": [[0, "loss", 2**60]]},
    "a series below 0": {"series": [[0, "loss", -1]]}, "no series": {"series": 5},
    "a header that is none": {"header": {"type": "end"}}, "events that are none": {"events": [{"type": "end"}]},
    "no end": {"ended_at": None}, "steps that are none": {"steps": [[1]]}, "counts that are none": {"counts": ["x"]},
    "a latest value that is none": {"latest": {"loss": []}}, "more numbers than it tells of": {"series": []},
    "a model too large": {"completed": [math.inf]},
}  # fmt: skip


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE)
def test_columns_that_somebody_made_up_are_refused(changes: object) -> None:
    _, facts, *rest = to_columns(example(), STATE)
    value = {**json.loads(facts), **changes} if isinstance(changes, dict) and changes else changes
    body = json.dumps(value).encode() + b"\n" + b"".join(rest)
    data = b"evolver-tui columns 1 %d %08x\n" % (len(body), zlib.crc32(body)) + body
    with pytest.raises(BadColumns):
        from_columns(data, STATE)
