"""What watching a training costs: from an update to the line that `progress watch` writes, and opening a long run."""

from __future__ import annotations

import asyncio
import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from evolver_tui.adapters.training_files.places import FilePlace
from evolver_tui.adapters.training_files.source import FileSource
from evolver_tui.core.training.record import Point, RunHeader, to_line
from tests.benchmarks.figures import Row, at_most, percentile, told
from tests.benchmarks.workplace import temporary_folder
from tests.support.processes import environment

_PATIENCE_SECONDS = 60.0
_BETWEEN_UPDATES_SECONDS = 0.12
"""More than the server holds back at ten a second."""


def training_client(is_quick: bool) -> Iterator[Row]:
    """The rows."""
    with temporary_folder() as folder:
        ways = _ways_of_updates(Path(folder), 50 if is_quick else 300)
        yield at_most(
            "an update to the line that `progress watch` writes: p99", [percentile(ways, 99) * 1e3], 150.0, " ms"
        )
        yield told("... p50", [percentile(ways, 50) * 1e3], " ms")
        points = 100_000 if is_quick else 1_000_000
        for name, write, floor in (("CSV", _write_csv, _read_csv), ("JSON lines", _write_lines, _read_lines)):
            file = Path(folder) / f"run.{'csv' if name == 'CSV' else 'jsonl'}"
            write(file, points)
            seconds, stall = asyncio.run(_open(file, points))
            yield told(f"opening {points:,} points of {name}, against reading them with the standard library",
                       [seconds / floor(file)], "x")  # fmt: skip
            yield told("... seconds", [seconds], " s")
            yield at_most("... the longest that the loop was held up meanwhile", [stall * 1e3], 150.0, " ms")


def _ways_of_updates(folder: Path, count: int) -> list[float]:
    """Seconds of each update, through a server of its own process to a watcher of another."""
    command = (sys.executable, "-m", "evolver_tui", "progress")
    home = ("--home", str(folder / "home"))
    with subprocess.Popen(
        [*command, "serve", *home, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment(folder),
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["progress_url"].partition("#")[0].partition("?")[0].rstrip("/")
            with httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS) as client:
                _post(client, 0, to_line(RunHeader("bench", started_at=time.time(), total_steps=count)))
                _post(client, 1, to_line(Point(0, time.time(), {"loss": 1.0})))
                with subprocess.Popen(
                    [*command, "watch", *home, url, "bench", "--json", "--every", "0"], stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, text=True, env=environment(folder),
                ) as watcher:  # fmt: skip
                    try:
                        return _follow(client, watcher, count)
                    finally:
                        watcher.terminate()
        finally:
            server.terminate()


def _follow(client: httpx.Client, watcher: subprocess.Popen[str], count: int) -> list[float]:
    assert watcher.stdout is not None
    watcher.stdout.readline()
    time.sleep(2.0)  # the connection stands
    ways = []
    for step in range(1, count + 1):
        line = to_line(Point(step, time.time(), {"loss": 1.0}))
        began = time.perf_counter()
        _post(client, step + 1, line)
        while json.loads(watcher.stdout.readline())["step"] < step:
            pass
        ways.append(time.perf_counter() - began)
        time.sleep(_BETWEEN_UPDATES_SECONDS)
    return ways


def _post(client: httpx.Client, first: int, body: bytes) -> None:
    client.post(f"/api/training/records/bench?from={first}", content=body).raise_for_status()


async def _open(file: Path, points: int) -> tuple[float, float]:
    """Seconds until all of a run is there, and for how long the loop was held up at most."""
    source = FileSource(str(file), FilePlace(file), lambda process: False)
    began = before = time.perf_counter()
    stall = 0.0
    await source.open()
    try:
        while not source.runs or next(iter(source.runs.values())).points < points:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            before, stall = now, max(stall, now - before - 0.005)
        return time.perf_counter() - began, stall
    finally:
        await source.close()


def _write_csv(file: Path, points: int) -> None:
    with file.open("w") as out:
        out.write("step,loss\n")
        out.writelines(f"{step},{2 - step / points:.6f}\n" for step in range(points))


def _write_lines(file: Path, points: int) -> None:
    with file.open("w") as out:
        out.writelines(f'{{"step": {step}, "loss": {2 - step / points:.6f}}}\n' for step in range(points))


def _read_csv(file: Path) -> float:
    def read() -> None:
        with file.open(newline="") as text:
            rows = csv.reader(text)
            next(rows)
            [(int(step), float(loss)) for step, loss in rows]

    return _seconds_of(read)


def _read_lines(file: Path) -> float:
    def read() -> None:
        with file.open("rb") as lines:
            [json.loads(line) for line in lines]

    return _seconds_of(read)


def _seconds_of(read: Callable[[], None]) -> float:
    began = time.perf_counter()
    read()
    return time.perf_counter() - began
