"""At most one thing every few seconds, and what comes between is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from evolver_tui.core.signal import Signal


class Alarm(Protocol):
    """What calls later."""

    def cancel(self) -> None:
        """Do not call."""


def in_seconds(seconds: float, act: Callable[[], None]) -> Alarm:
    """Call something later, in a thread of its own that nobody waits for."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


class Pace:
    """Shows a signal at once, and of those that follow too soon the last one with the number of the others.

    Args:
        show: shows a signal, and how many are not shown; never two at once.
        seconds: from one to the next.
        now: seconds, from any start.
        later: calls something after some seconds.
        failed: told of what `show` raised later, where nobody else hears of it.
    """

    def __init__(
        self,
        show: Callable[[Signal, int], None],
        seconds: float,
        now: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], Alarm] = in_seconds,
        failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._show = show
        self._seconds = seconds
        self._now = now
        self._later = later
        self._failed = failed
        self._lock = threading.Lock()
        self._showing = threading.Lock()
        self._next = float("-inf")
        self._held: Signal | None = None
        self._count = 0
        """What was held back, the last one included."""
        self._alarm: Alarm | None = None

    def hear(self, signal: Signal) -> None:
        """Show a signal, or hold it back."""
        with self._lock:
            now = self._now()
            if now < self._next or self._alarm is not None:
                self._held, self._count = signal, self._count + 1
                if self._alarm is None:
                    self._alarm = self._later(self._next - now, self.flush)
                return
            self._next = now + self._seconds
        with self._showing:
            self._show(signal, 0)

    def flush(self) -> None:
        """Show what was held back."""
        with self._lock:
            if self._alarm is not None:
                self._alarm.cancel()
            held, count = self._held, self._count
            self._held, self._count, self._alarm = None, 0, None
            self._next = self._now() + self._seconds
        if held is not None:
            try:
                with self._showing:
                    self._show(held, count - 1)
            except Exception as error:  # noqa: BLE001 - there is no caller in a thread of its own
                self._failed(error)
