"""From a hub's bytes to durable rows, with the console open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.figures import Row, at_least, at_most, percentile, told
from tests.benchmarks.floor import commit_milliseconds, floor_rate
from tests.benchmarks.probe import read_report
from tests.benchmarks.terminal import PATIENCE_SECONDS, cpu_seconds
from tests.benchmarks.workplace import CONSOLE, SESSION, Home, sample_hub, silent_provider, temporary_folder

OFFERED_A_SECOND = 5_000
_LOOK_EVERY = 0.002


def throughput(is_quick: bool) -> Iterator[Row]:
    """A hub that sends as fast as it can, one task in a message."""
    count = 30_000 if is_quick else 100_000
    floors: list[float] = []
    consoles: list[Flow] = []
    sessions: list[Flow] = []
    with temporary_folder() as folder, silent_provider() as provider:
        for number in range(1 if is_quick else 3):
            with sample_hub(rate=0, count=count) as hub_url:
                floors.append(floor_rate(hub_url, count, folder / f"floor-{number}.db"))
            home = _home(folder / f"console-{number}", provider)
            with sample_hub(rate=0, count=count) as hub_url, home.terminal(*CONSOLE, "--hub", hub_url) as console:
                consoles.append(_flow(home, console.pid, count))
            home = _home(folder / f"session-{number}", provider)
            with sample_hub(rate=0, count=count) as hub_url, home.process(*SESSION, hub_url) as session:
                sessions.append(_flow(home, session.pid, count))
    yield told("floor: bare WebSocket, JSON, then sqlite3", floors, " tasks/s")
    rates, bare = [flow.rate for flow in consoles], [flow.rate for flow in sessions]
    yield at_least("hub to durable row, console open", rates, 20_000, " tasks/s")
    yield at_least("... / the same session without a console", _ratios(rates, bare), 0.5)
    yield told("... / floor", _ratios(rates, floors), "x")
    yield told("... CPU a task", [flow.cpu for flow in consoles], " us")
    yield told("the same session without a console", bare, " tasks/s")
    yield told("... CPU a task", [flow.cpu for flow in sessions], " us")


def _ratios(values: list[float], floors: list[float]) -> list[float]:
    return [value / floor for value, floor in zip(values, floors, strict=True)]


def _home(folder: Path, provider_url: str) -> Home:
    home = Home(folder)
    home.write_with(provider_url)
    home.fill(1)  # the first job, which the worker is busy with all the time
    return home


class Flow(NamedTuple):
    """From the first commit that is seen to the last."""

    rate: float
    """Rows a second."""
    cpu: float
    """Microseconds of the process a row, in all its threads: it says more than the rate on a busy machine."""


def _flow(home: Home, pid: int, count: int) -> Flow:
    jobs = home.jobs()
    try:
        first = seen = 1
        started = used = 0.0
        give_up = time.monotonic() + PATIENCE_SECONDS
        while seen < count + 1:
            time.sleep(_LOOK_EVERY)
            (seen,) = jobs.execute("SELECT max(seq) FROM job").fetchone()
            now = time.monotonic()
            if seen > 1 and first == 1:
                first, started, used = seen, now, cpu_seconds(pid)
            if now > give_up:
                raise RuntimeError(f"Only {seen - 1} of {count} tasks came.")
        rows = seen - first
        return Flow(rows / (now - started), (cpu_seconds(pid) - used) / rows * 1e6)
    finally:
        jobs.close()


def latency(is_quick: bool) -> Iterator[Row]:
    """A hub that sends at a steady rate: from the receive thread's call to the word that follows the commit."""
    floors: list[float] = []
    desks: list[float] = []
    sessions: list[float] = []
    with temporary_folder() as folder, silent_provider() as provider:
        for number in range(1 if is_quick else 3):
            floors.append(percentile(commit_milliseconds(folder / f"floor-{number}.db", 2 if is_quick else 4), 99))
            for what, p99s in (("latency-console", desks), ("latency-session", sessions)):
                home = _home(folder / f"{number}-{what}", provider)
                p99s.append(_p99(home, what, OFFERED_A_SECOND * (4 if is_quick else 8)))
    yield told("floor: a bare sqlite3 commit of 25 rows, p99", floors, " ms")
    yield at_most("received to durable, p99 at 5,000 tasks/s, console open", desks, 20, " ms")
    yield told("... without a console", sessions, " ms")


def _p99(home: Home, what: str, count: int) -> float:
    report = home.folder / "latency.json"
    probe = ("-m", "tests.benchmarks.probe", what, str(report), str(count))
    with sample_hub(rate=OFFERED_A_SECOND, count=count) as hub_url:
        if what == "latency-console":
            with home.terminal(*probe, "--hub", hub_url):
                taken = read_report(report, PATIENCE_SECONDS)
        else:
            with home.process(*probe, hub_url):
                taken = read_report(report, PATIENCE_SECONDS)
    return percentile(taken[OFFERED_A_SECOND:], 99)  # the first second is for warming up
