"""What it costs to tell: with nobody who listens, and with everybody who does."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.listeners.dead_letters import DeadLetters
from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.signal_file import SignalFile
from evolver_tui.adapters.listeners.webhook import Webhook
from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint
from evolver_tui.core.address import Address
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.core.signal_filter import SignalFilter
from evolver_tui.engine.listeners import ClosableListener, Listeners, NamedListener
from evolver_tui.engine.signals import QUEUE_CAPACITY, SignalBus, SignalRegistry, emit_signal
from evolver_tui.settings.listener_config import WebhookListener
from evolver_tui.tui.bridge import Bridge
from tests.benchmarks.figures import Row, at_least, at_most, told
from tests.benchmarks.workplace import temporary_folder

_PAYLOAD = {"step": 1, "loss": 0.25}
_MICROSECONDS = 1e6
_PATIENCE_SECONDS = 60.0


def signals(is_quick: bool) -> Iterator[Row]:
    """One signal to nobody; then many to feed, log and database, into the buffers and onto the disk; and to a file."""
    rounds, many = (3, 10_000) if is_quick else (9, 20_000)
    yield at_most("a signal to which nobody listens", [_alone() for _ in range(rounds)], 1.0, " us")
    with asyncio.Runner() as runner:
        rates = [runner.run(_with_all(many)) for _ in range(rounds)]
        # No more than may wait for a listener: what comes at this speed for longer is dropped for it, and told of.
        beside = [runner.run(_with_all(QUEUE_CAPACITY, has_file=True)) for _ in range(rounds)]
    yield at_least("signals to feed, log and database, taken", [rate.taken for rate in rates], 100_000, "/s")
    yield at_least("... and durable", [rate.durable for rate in rates], 20_000, "/s")
    yield at_least("signals to these and a file of signals, taken", [rate.taken for rate in beside], 100_000, "/s")
    yield at_least("... and durable, in both", [rate.durable for rate in beside], 20_000, "/s")


def dead_webhook(is_quick: bool) -> Iterator[Row]:
    """As many signals as come in ten minutes at 1,000 a second, beside a webhook that nobody answers.

    They come a thousand at a time, each time when the webhook has heard those before, as it has at that rate.
    """
    seconds, rounds = (60, 3) if is_quick else (600, 3)
    alone = [_emission(seconds, _Nothing(), is_heard=False) for _ in range(rounds)]
    idle = [_emission(seconds, _Nothing()) for _ in range(rounds)]
    beside = [_emission(seconds, None) for _ in range(rounds)]
    ratios = [dead.microseconds / nothing.microseconds for dead, nothing in zip(beside, idle, strict=True)]
    yield told("a signal to feed and log", [each.microseconds for each in alone], " us")
    yield told("... and to a listener that does nothing", [each.microseconds for each in idle], " us")
    yield at_most("... to a dead webhook / to one that does nothing", ratios, 1.5)
    yield at_most("... memory that ten minutes of it take", [each.megabytes for each in beside], 32, " MB")
    yield at_least("... signals that it hears", [each.rate for each in beside], 1_000, "/s")


class _Emission(NamedTuple):
    microseconds: float
    """Of CPU in the emitter's thread, to emit a signal."""
    megabytes: float
    """By which the process grew."""
    rate: float
    """Signals a second until all were heard."""


class _Nothing:
    """A listener that does nothing."""

    def __call__(self, signal: Signal) -> None: ...

    def close(self, seconds: float) -> None:
        """Nothing is held."""


def _emission(seconds: int, listener: ClosableListener | None, *, is_heard: bool = True) -> _Emission:
    """Args:
    listener: None stands for the webhook.
    is_heard: whether anything is registered.
    """
    now, spent, numbers = time.time(), 0.0, count()
    with temporary_folder() as folder:
        registry, kept = SignalRegistry(), deque[Signal](maxlen=1_000)
        registry.register_all(Bridge().listen, stays=True)
        bus = SignalBus("s", lambda: now, kept.extend, registry)
        config = WebhookListener(url=Address("http://127.0.0.1:9/"), secret_env="S")
        webhook = Webhook(
            "ops", lambda: Endpoint(config, {"S": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}.get),
            DeadLetters(folder / "ops.jsonl", 100_000_000), Deliveries("ops", bus.emit), lambda: ["a secret"],
            max_attempts=5, new_id=lambda: f"msg_{next(numbers)}", now=lambda: now, wait=lambda seconds: False,
        )  # fmt: skip
        ear = listener or webhook
        listeners = Listeners(registry, [NamedListener("ops", ear, SignalFilter.of("custom.*"))])
        if is_heard:
            listeners.open()
        before, began = _megabytes(), time.perf_counter()
        for _ in range(seconds):
            now += 1
            started = time.thread_time()
            for _ in range(1_000):
                bus.emit(Observation("custom.progress", _PAYLOAD))
            spent += time.thread_time() - started
            registry.finish(ear, _PATIENCE_SECONDS)
        took, grown = time.perf_counter() - began, _megabytes() - before
        asyncio.run(listeners.close())
        if registry.get_dropped_count(ear):
            raise RuntimeError("The webhook did not hear every signal.")
    return _Emission(spent / seconds / 1_000 * _MICROSECONDS, grown, seconds * 1_000 / took)


def _megabytes() -> float:
    """What this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class _Rates(NamedTuple):
    """Signals a second until all are taken, and until all are on the disk."""

    taken: float
    durable: float


def _alone() -> float:
    count = 100_000
    started = time.perf_counter()
    for _ in range(count):
        emit_signal("custom.progress", _PAYLOAD)
    return (time.perf_counter() - started) / count * _MICROSECONDS


async def _with_all(many: int, *, has_file: bool = False) -> _Rates:
    with temporary_folder() as folder:
        store, path = Database(folder / "evolver.db"), folder / "signals.jsonl"
        await store.open()
        await store.start_session("s", Address(), "host")
        registry = SignalRegistry()
        registry.register_all(Bridge().listen, stays=True)
        file = SignalFile(path, lambda: ["a secret of the config"], max_bytes=10**9, keep=1)
        if has_file:
            registry.register_all(file, apart=True)
        bus = SignalBus("s", time.time, lambda some: store.log(some, "s"), registry)
        started = time.perf_counter()
        for _ in range(many):
            bus.emit(Observation("custom.progress", _PAYLOAD))
        taken = time.perf_counter()
        await store.flush_log()
        registry.finish(file, _PATIENCE_SECONDS)
        durable = time.perf_counter()
        await store.close()
        registry.clear()
        lines = len(path.read_bytes().splitlines()) if has_file else many
        if lines != many:
            raise RuntimeError(f"{many - lines:,} signals did not come into the file.")
    return _Rates(many / (taken - started), many / (durable - started))
