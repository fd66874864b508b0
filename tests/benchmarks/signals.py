"""What it costs to tell: with nobody who listens, and with everybody who does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.address import Address
from evolver_tui.core.signal import Observation
from evolver_tui.engine.signals import SignalBus, SignalRegistry, emit_signal
from evolver_tui.tui.bridge import Bridge
from tests.benchmarks.figures import Row, at_least, at_most
from tests.benchmarks.workplace import temporary_folder

_PAYLOAD = {"step": 1, "loss": 0.25}
_MICROSECONDS = 1e6


def signals(is_quick: bool) -> Iterator[Row]:
    """One signal to nobody; then many to feed, log and database, into the buffers and onto the disk."""
    rounds = 3 if is_quick else 9
    yield at_most("a signal to which nobody listens", [_alone() for _ in range(rounds)], 1.0, " us")
    with asyncio.Runner() as runner:
        rates = [runner.run(_with_all(10_000 if is_quick else 20_000)) for _ in range(rounds)]
    yield at_least("signals to feed, log and database, taken", [taken for taken, _ in rates], 100_000, "/s")
    yield at_least("... and durable", [durable for _, durable in rates], 20_000, "/s")


def _alone() -> float:
    count = 100_000
    started = time.perf_counter()
    for _ in range(count):
        emit_signal("custom.progress", _PAYLOAD)
    return (time.perf_counter() - started) / count * _MICROSECONDS


async def _with_all(count: int) -> tuple[float, float]:
    """Signals a second until all are taken, and until all are on the disk."""
    with temporary_folder() as folder:
        store = Database(Path(folder) / "evolver.db")
        await store.open()
        await store.start_session("s", Address(), "host")
        registry = SignalRegistry()
        registry.register_all(Bridge().listen, stays=True)
        bus = SignalBus("s", time.time, lambda told: store.log(told, "s"), registry)
        started = time.perf_counter()
        for _ in range(count):
            bus.emit(Observation("custom.progress", _PAYLOAD))
        taken = time.perf_counter()
        await store.flush_log()
        durable = time.perf_counter()
        await store.close()
    return count / (taken - started), count / (durable - started)
