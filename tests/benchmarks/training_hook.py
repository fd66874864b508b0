"""What the hook costs a training, and how long a finished run takes to open."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from evolver_tui.adapters.training_files import run_columns
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.core.training.record import Point, RunEnd, RunHeader, to_line
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.track import init
from evolver_tui.track.following import follow
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import REPOSITORY, temporary_folder

_STEP_SECONDS = 0.001
_BLOCK = 2_500
"""Steps of the loop that are timed together: some writes' time."""
_PIECE = 1024 * 1024
_CALLS = 20_000
_IMPORT = "import time; a = time.process_time(); import {}; print(time.process_time() - a)"
_STANDARD = "json, threading, collections, typing, types, math, os, sys, re, time, itertools, atexit"
"""What the hook takes of the standard library, most of which a training has loaded before."""


def training_hook(is_quick: bool) -> Iterator[Row]:
    """Calls when nothing is due, a loop of steps of a millisecond, a run of a million points, and an import."""
    rounds = 10 if is_quick else 50
    with temporary_folder() as folder:
        yield from _calls(folder, rounds)
        yield from _loop(folder, 5_000 if is_quick else 20_000)
        yield from _opening(folder, 100_000 if is_quick else 1_000_000, 3 if is_quick else 5)
    times = [_import_ms("evolver_tui.track") for _ in range(rounds)]
    yield at_most("import of the hook in a bare process, CPU", times, 20.0, " ms")
    yield told("... of that the standard library's part", [_import_ms(_STANDARD) for _ in range(rounds)], " ms")


def _calls(folder: Path, rounds: int) -> Iterator[Row]:
    """The best round counts: the others were interrupted."""
    run = init(dir=str(folder), interval=3600)
    run.log({"loss": 1.0})
    time.sleep(0.1)  # the first one is written, and nothing is due from now on
    log, floor, loss = run.log, [], 1.5
    with_dict, without, with_step = [], [], []
    metrics = {"loss": loss, "accuracy": 0.5}
    for _ in range(rounds):
        floor.append(_microseconds(lambda: None))
        with_dict.append(_microseconds(lambda: log({"loss": loss, "accuracy": 0.5})))
        with_step.append(_microseconds(lambda: log({"loss": loss, "accuracy": 0.5}, step=7)))
        without.append(_microseconds(lambda: log(metrics)))
    run.finish()
    least = min(floor)
    yield told("floor: a call of an empty function", [least], " us")
    yield at_most("a hook call with two numbers, nothing due, its dict included", [min(with_dict) - least], 0.5, " us")
    yield at_most("... with a step", [min(with_step) - least], 0.5, " us")
    yield told("... without making the dict", [min(without) - least], " us")


def _microseconds(call: object) -> float:
    """CPU of a call in a loop of many."""
    assert callable(call)
    started = time.thread_time()
    for _ in range(_CALLS):
        call()
    return (time.thread_time() - started) / _CALLS * 1e6


def _loop(folder: Path, steps: int) -> Iterator[Row]:
    """What the calls and the writing thread add to a loop whose steps compute for a millisecond each.

    An empty function is called in its place in every other block of steps: whatever is called after a millisecond of
    other work finds cold caches, and the dictionary is made in any case.
    """
    for is_followed in (False, True):
        run = init(dir=str(folder))
        with (folder / f"{run.id}.jsonl").open("rb") as reader:
            if is_followed:
                follow(reader.fileno())
            empty, calls, writing = _time_in_loop(run.log, steps)
        run.finish()
        call, floor = statistics.median(calls), statistics.median(empty)
        share = (call - floor) / _STEP_SECONDS * 100
        if not is_followed:
            parts = f", {call * 1e6:.2f} us, an empty function {floor * 1e6:.2f} us"
            yield at_most("a hook call in a loop of steps of 1 ms, of such a step", [share], 0.1, " %", told=parts)
        words = "somebody follows" if is_followed else "nobody follows"
        thread = f" %, the thread {writing * 100:.3f} %"
        yield told(f"... with the thread that writes, while {words} the run", [share + writing * 100], thread)


def _time_in_loop(log: Callable[[dict[str, float], int], None], steps: int) -> tuple[list[float], list[float], float]:
    """Seconds of each call of an empty function and of this one, in turn; the thread's share of the latter's time."""
    empty: list[float] = []
    calls: list[float] = []
    elapsed = writing = 0.0
    _steps(log, _BLOCK, [])
    for _ in range(max(1, steps // _BLOCK)):
        _steps(lambda metrics, step: None, _BLOCK, empty)
        before, started = _cpu_of("evolver-track-writer"), time.perf_counter()
        _steps(log, _BLOCK, calls)
        elapsed += time.perf_counter() - started
        writing += _cpu_of("evolver-track-writer") - before
    return empty, calls, writing / elapsed


def _steps(log: Callable[[dict[str, float], int], None], count: int, seconds: list[float]) -> None:
    for step in range(count):
        until = time.perf_counter() + _STEP_SECONDS
        while time.perf_counter() < until:
            sum(range(100))
        before = time.perf_counter()
        log({"loss": 1.0 / (step + 1), "accuracy": 0.5}, step)
        seconds.append(time.perf_counter() - before)


def _cpu_of(name: str) -> float:
    (thread,) = [each for each in threading.enumerate() if each.name == name]
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def _opening(folder: Path, points: int, rounds: int) -> Iterator[Row]:
    """Of a finished run: from its records, and from the columns that were kept then."""
    path = folder / "million.jsonl"
    choose = random.Random(1)
    with path.open("wb") as file:
        file.write(to_line(RunHeader("million", started_at=1.7e9, total_steps=points)))
        for step in range(points):
            file.write(to_line(Point(step, 1.7e9 + step / 10, {"loss": choose.random()})))
        file.write(to_line(RunEnd(1.8e9)))
    glances = []
    for _ in range(rounds):
        started = time.perf_counter()
        seen = RunFile(path).overview()
        glances.append(time.perf_counter() - started)
        assert seen is not None
        assert seen.step == points - 1
    started = time.perf_counter()
    run = _from_records(path)
    first = time.perf_counter() - started
    run_columns.keep(path, run, run_columns.state_of(path))
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        opened = RunFile(path).whole()
        times.append(time.perf_counter() - started)
        assert opened is not None
        assert opened.points == points
    yield at_most(f"a finished run of {points:,} points, opened the first time: its overview", glances, 0.5, " s")
    yield told("... all of it", [first], " s")
    yield at_most("... opened from its columns after that", times, 0.5, " s")


def _from_records(path: Path) -> TrainingRun:
    reader, run, is_behind = RunFile(path), TrainingRun(""), True
    while is_behind:
        records, _, is_behind = reader.read(_PIECE)
        run.add_all(records)
    return run


def _import_ms(modules: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {_IMPORT.format(modules)}"],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # an installed program is compiled
    )  # fmt: skip
    return float(done.stdout) * 1000
