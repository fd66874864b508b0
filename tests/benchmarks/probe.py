"""The product with a stopwatch inside: `python -m tests.benchmarks.probe WHAT REPORT NUMBER ARGUMENT...`.

`latency-console`, `latency-session`: from Intake.message, called in the link's receive thread, to the signal that
follows the commit, for NUMBER tasks. `feed`: what the open console's process uses while a thread emits signals, NUMBER
seconds a rate. The report is a JSON file.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from evolver_tui import wiring
from evolver_tui.cli.main import main as evolver_tui_main
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.engine.intake import Intake
from evolver_tui.engine.session import Session
from evolver_tui.engine.signals import SignalBus, SignalRegistry, get_signal_registry
from tests.benchmarks.headless import run as run_headless

RATES: Final = (10, 10_000)
_STEP: Final = 0.005
_SETTLE_SECONDS: Final = 1.0
_FACTS: Final = ("task.queued", "task.skipped")


def _write(report: Path, value: object) -> None:
    part = report.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.rename(report)


def watch_intake(report: Path, expected: int) -> None:
    """Time each task on its way; once so many came, write their milliseconds in order."""
    arrived: dict[str, int] = {}
    taken: list[float] = []
    original = Intake.message

    def message(intake: Intake, arguments: Sequence[Any]) -> None:
        now = time.monotonic_ns()
        for task in arguments[0]["tasks"]:
            arrived[task["id"]] = now
        original(intake, arguments)

    def hear(signal: Signal) -> None:
        if signal.name in _FACTS:
            taken.append((time.monotonic_ns() - arrived[signal.context["task_id"]]) / 1e6)
            if len(taken) == expected:
                _write(report, taken)

    Intake.message = message  # type: ignore[assignment, method-assign]
    get_signal_registry().register_all(hear)


def watch_feed(report: Path, seconds: float) -> None:
    """Emit signals in a thread once the session is there; write, for each rate, the shares of a core.

    Two shares a rate: of the whole process, and of the same emission in a registry to which nobody listens.
    """
    make_session = wiring.make_session

    def make(*arguments: Any, **options: Any) -> Session:
        session = make_session(*arguments, **options)
        threading.Thread(target=_emit_at_rates, args=(session.bus, report, seconds), daemon=True).start()
        return session

    wiring.make_session = make


def _emit_at_rates(bus: SignalBus, report: Path, seconds: float) -> None:
    alone = SignalBus("alone", time.time, lambda signals: None, SignalRegistry())
    time.sleep(2)  # until the console is open
    shares: dict[int, list[tuple[float, float]]] = {rate: [] for rate in RATES}
    for _ in range(3):
        for rate, found in shares.items():
            _emit(bus, rate, _SETTLE_SECONDS, time.process_time)
            whole = _emit(bus, rate, seconds, time.process_time)
            found.append((whole, _emit(alone, rate, min(seconds, 1.0), time.thread_time)))
    _write(report, shares)


def _emit(bus: SignalBus, rate: float, seconds: float, used: Callable[[], float]) -> float:
    """Emit at a rate, as facts that are in the log already; returns CPU seconds a second by `used`."""
    before, started = used(), time.monotonic()
    sent = 0
    while (passed := time.monotonic() - started) < seconds:
        due = int(passed * rate)
        due_ones = (Observation("llm.progress", {"step": number, "loss": 0.25}) for number in range(sent, due))
        bus.relay([bus.stamp(each) for each in due_ones])
        sent = due
        time.sleep(max(_STEP, 1 / rate / 4))
    return (used() - before) / (time.monotonic() - started)


def main() -> None:
    """Do what the arguments say."""
    what, report, number, *arguments = sys.argv[1:]
    if what == "feed":
        watch_feed(Path(report), float(number))
    else:
        watch_intake(Path(report), int(number))
    if what == "latency-session":
        asyncio.run(run_headless(arguments[0]))
    else:
        sys.exit(evolver_tui_main(arguments))


def read_report(report: Path, patience_seconds: float) -> Any:
    """Wait for a report and read it.

    Raises:
        RuntimeError: it does not come.
    """
    give_up = time.monotonic() + patience_seconds
    while not report.exists():
        if time.monotonic() > give_up:
            raise RuntimeError(f"There is no {os.fspath(report)}.")
        time.sleep(0.05)
    return json.loads(report.read_text())


if __name__ == "__main__":
    main()
