"""From any thread to the screen: signals are counted and kept here, and the desk takes them a few times a second."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.signal_catalogue import HUB_MESSAGE_RECEIVED, TASK_COMPLETED

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

CAPACITY = 5_000
"""Signals kept between two takings; more than that are counted and dropped, oldest first."""

_NOT_ABOUT_JOBS = ("llm.", "hub.")


class Taken(NamedTuple):
    """What came since the last taking."""

    signals: tuple[Signal, ...]
    received: int
    """Signals heard, kept or not."""
    dropped: int
    """Signals of these that are not in `signals`."""
    tasks_in: int
    """Tasks that hub messages carried."""
    tasks_out: int
    """Tasks that were worked on to their end."""
    touches_jobs: bool
    """Whether the queue may look different now."""


class Bridge:
    """A bounded buffer between the signal bus and the screen; `listen` costs about a microsecond."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Signal] = deque(maxlen=capacity)
        self._received = self._tasks_in = self._tasks_out = 0
        self._touches_jobs = False

    def listen(self, signal: Signal) -> None:
        """Keep one signal. Callable in any thread."""
        name = signal.name
        with self._lock:
            self._kept.append(signal)
            self._received += 1
            if name == HUB_MESSAGE_RECEIVED.name:
                tasks = signal.payload.get("tasks")
                self._tasks_in += tasks if isinstance(tasks, int) else 1
            elif not name.startswith(_NOT_ABOUT_JOBS):
                self._touches_jobs = True
                self._tasks_out += name == TASK_COMPLETED.name

    def jobs_changed(self, has_work: bool) -> None:
        """Another process changed jobs; that comes without signals. Callable in any thread."""
        with self._lock:
            self._touches_jobs = True

    def take(self) -> Taken | None:
        """Everything since the last call, or None when nothing came."""
        if not self._received and not self._touches_jobs:
            return None
        with self._lock:
            signals = tuple(self._kept)
            self._kept.clear()
            received, self._received = self._received, 0
            tasks_in, self._tasks_in = self._tasks_in, 0
            tasks_out, self._tasks_out = self._tasks_out, 0
            touches_jobs, self._touches_jobs = self._touches_jobs, False
        return Taken(signals, received, received - len(signals), tasks_in, tasks_out, touches_jobs)


class Rate:
    """How many a second, over the last while, and how that went: one bucket a second."""

    def __init__(self, seconds: int = 60) -> None:
        self._buckets: deque[int] = deque([0] * seconds, maxlen=seconds)
        self._second = 0

    def add(self, count: int, now: float) -> bool:
        """Count something at a time; True when a second is over, so that what is shown may change."""
        second = int(now)
        passed = second - self._second if 0 < self._second <= second else 1  # 1 also where the clock was set back
        for _ in range(min(passed, self._buckets.maxlen or 1)):
            self._buckets.append(0)
        self._second = second
        self._buckets[-1] += count
        return passed > 0

    def per_second(self, seconds: int = 10) -> float:
        """The mean of the last whole seconds."""
        return sum(list(self._buckets)[-seconds - 1 : -1]) / seconds

    def history(self, cells: int) -> list[float]:
        """The last whole seconds in `cells` values, oldest first."""
        values = list(self._buckets)[:-1]
        width = max(1, len(values) // cells) if cells else 1
        return [sum(values[start : start + width]) / width for start in range(len(values) % width, len(values), width)][
            -cells:
        ]
