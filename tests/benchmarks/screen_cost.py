"""What the feed and the preview cost, by how much there is to show."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.keys import SILENT
from tests.benchmarks.probe import RATES, read_report
from tests.benchmarks.terminal import PATIENCE_SECONDS, cpu_seconds
from tests.benchmarks.token_server import TokenServer
from tests.benchmarks.workplace import CONSOLE, SESSION, Home, sample_hub, temporary_folder

SLOW, FAST = RATES
TOKEN_RATES = (50, 1_000)


def feed(is_quick: bool) -> Iterator[Row]:
    """The console while a thread of its process emits signals, without what emitting costs by itself."""
    seconds = 1.0 if is_quick else 5.0
    with temporary_folder() as folder, sample_hub(rate=SILENT, count=0) as hub_url:
        home = Home(folder / "home")
        report = folder / "feed.json"
        probe = ("-m", "tests.benchmarks.probe", "feed", str(report), str(seconds))
        with home.terminal(*probe, "--hub", hub_url):
            shares: dict[str, list[tuple[float, float]]] = read_report(report, PATIENCE_SECONDS + 8 * seconds)
    costs = {rate: [100 * (whole - alone) for whole, alone in shares[str(rate)]] for rate in RATES}
    yield at_most("feed: CPU at 10,000 signals/s / at 10/s", _ratios(costs[FAST], costs[SLOW]), 1.3)
    for rate in RATES:
        yield told(f"... at {rate:,}/s, of a core", costs[rate], " %")
    yield told("... emitting alone at 10,000/s, taken off", [100 * alone for _, alone in shares[str(FAST)]], " %")


def preview(is_quick: bool) -> Iterator[Row]:
    """The console while a provider streams a node into the card, without what the same session costs by itself."""
    seconds = 4.0 if is_quick else 8.0
    shares: dict[tuple[Sequence[str], int], list[float]] = {}
    with sample_hub(rate=SILENT, count=0) as hub_url:
        for _ in range(1 if is_quick else 2):
            for rate in TOKEN_RATES:
                for command in ((*CONSOLE, "--hub", hub_url), (*SESSION, "")):
                    shares.setdefault((command[:2], rate), []).append(_share(command, rate, seconds))
    desk = {}
    for rate in TOKEN_RATES:
        pairs = zip(shares[CONSOLE, rate], shares[SESSION, rate], strict=True)
        desk[rate] = [100 * (with_desk - without) for with_desk, without in pairs]
    slow, fast = TOKEN_RATES
    yield at_most("preview: CPU at 1,000 tokens/s / at 50/s", _ratios(desk[fast], desk[slow]), 1.3)
    for rate in TOKEN_RATES:
        yield told(f"... at {rate:,}/s, of a core", desk[rate], " %")
    for rate in TOKEN_RATES:
        yield told(f"... the session alone at {rate:,}/s, taken off", [100 * s for s in shares[SESSION, rate]], " %")


def _share(command: Sequence[str], rate: int, seconds: float) -> float:
    """CPU seconds a second of a process that has one task written at this rate."""
    with temporary_folder() as folder, TokenServer(rate) as server:
        home = Home(folder / "home")
        home.write_with(server.url)
        home.fill(1)
        if command[:2] == CONSOLE:
            with home.terminal(*command) as terminal:
                terminal.see(b"total_9")
                return _used(terminal.pid, seconds)
        with home.process(*command) as process:
            server.wait_until_asked()
            return _used(process.pid, seconds)


def _used(pid: int, seconds: float) -> float:
    time.sleep(1)
    before, started = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - started)


def _ratios(values: Sequence[float], floors: Sequence[float]) -> list[float]:
    return [value / floor for value, floor in zip(values, floors, strict=True)]
