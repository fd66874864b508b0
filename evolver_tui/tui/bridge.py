"""From any thread to the screen: signals are counted and kept here, and the desk takes them a few times a second."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.signal_catalogue.hub_signals import HUB_MESSAGE_RECEIVED
from evolver_tui.core.signal_catalogue.task_signals import TASK_COMPLETED

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

CAPACITY = 5_000
"""Signals kept between two takings; more than that are counted and dropped, oldest first."""

_CAPACITIES_HELD = 4
"""So many more are held until then, to be counted: of a busy moment the panes show the end."""
_NOT_ABOUT_JOBS = ("llm.", "hub.")


class Taken(NamedTuple):
    """What came since the last taking."""

    signals: Sequence[Signal]
    """The latest of them, oldest first."""
    names: Mapping[str, int]
    """The name of each signal that came to how often it came."""
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
    """A bounded buffer between the signal bus and the screen.

    `listen` costs a tenth of a microsecond. What came is looked at when it is taken, by its names: of thousands of
    signals in a moment there are few. A name is kept beside its signal, since to look into a signal that came a while
    ago takes longer than all the rest.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._most = _CAPACITIES_HELD * capacity
        self._lock = threading.Lock()
        self._held: deque[Signal] = deque()
        self._names: list[str] = []
        self._dropped = 0
        self._jobs_changed = False

    def listen(self, signal: Signal) -> None:
        """Keep one signal. Callable in any thread."""
        self._names.append(signal.name)
        held = self._held
        held.append(signal)
        if len(held) > self._most:
            with self._lock:
                if len(held) > self._most:
                    held.popleft()
                    self._dropped += 1

    def jobs_changed(self, has_work: bool) -> None:
        """Another process changed jobs; that comes without signals. Callable in any thread."""
        self._jobs_changed = True

    def take(self) -> Taken | None:
        """Everything since the last call, or None when nothing came."""
        if not self._held and not self._jobs_changed:
            return None
        with self._lock:  # held against who drops, and not against who adds: each of these steps is one for Python
            held = [self._held.popleft() for _ in range(len(self._held))]
            dropped, self._dropped = self._dropped, 0
            came = len(self._names)
            names = Counter(self._names[:came])
            del self._names[:came]
        touches_jobs, self._jobs_changed = self._jobs_changed or dropped > 0, False
        tasks_in = sum(map(_tasks_of, held)) if HUB_MESSAGE_RECEIVED.name in names else 0
        signals = held if len(held) <= self._capacity else held[-self._capacity :]
        return Taken(
            signals=signals,
            names=names,
            received=len(held) + dropped,
            dropped=len(held) + dropped - len(signals),
            tasks_in=tasks_in,
            tasks_out=names[TASK_COMPLETED.name],
            touches_jobs=touches_jobs or not all(name.startswith(_NOT_ABOUT_JOBS) for name in names),
        )


def _tasks_of(signal: Signal) -> int:
    """How many tasks a hub message carried; 0 for any other signal."""
    if signal.name != HUB_MESSAGE_RECEIVED.name:
        return 0
    tasks = signal.payload.get("tasks")
    return tasks if isinstance(tasks, int) else 1


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
