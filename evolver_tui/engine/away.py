"""Something that several parts need and that does not work, the database above all: tried again by all at once.

A part whose try failed says so and waits. When the wait is over all that wait try; where one fails again, the next wait
is longer. A person, or whoever sees that it works, may end a wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from evolver_tui.core.errors import DATABASE, EvolverError
from evolver_tui.core.outage import Outage
from evolver_tui.core.signal_catalogue.session_signals import WORKER_PAUSED, WORKER_RESUMED
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.signals import SignalBus

LONGEST_WAIT_SECONDS: Final = 10.0
"""Between two tries: a lease of thirty seconds is still ours when the database was away for one of these."""
_ENDING_WAIT_SECONDS: Final = 1.0


class Away:
    """Whether it works, who waits for it, and when it is tried again."""

    def __init__(self, clock: Clock, bus: SignalBus | None, longest_wait: float = LONGEST_WAIT_SECONDS) -> None:
        """`bus` hears of it; None where another process tells."""
        self._clock = clock
        self._bus = bus
        self._longest_wait = longest_wait
        self.outage: Outage | None = None
        """None while it works, as far as somebody tried."""
        self._waiting: set[object] = set()
        self._may_try = asyncio.Event()
        self._may_try.set()
        self._timer: asyncio.Task[None] | None = None
        self._is_ending = False
        self._listeners: list[Callable[[], None]] = []

    def watch(self, listener: Callable[[], None]) -> None:
        """Call `listener` when `outage` is another, which it is when a wait is over."""
        self._listeners.append(listener)

    def must_wait(self, part: object) -> bool:
        """Whether a part that failed is to wait; others may try, since it may be that part's own doing."""
        return part in self._waiting and not self._may_try.is_set()

    async def wait(self) -> None:
        """Wait until it may be tried."""
        await self._may_try.wait()

    def failed(self, part: object, error: EvolverError) -> None:
        """A try of this part failed. It waits from now on, until it says `settled`."""
        self._waiting.add(part)
        if not self._may_try.is_set():
            return  # it was under way when another one failed
        outage = Outage.after(self.outage, error, self._clock.now(), self._longest_wait, error.shared or DATABASE)
        wait = _ENDING_WAIT_SECONDS if self._is_ending else outage.wait
        self._may_try.clear()
        self._timer = asyncio.create_task(self._wait(wait))
        self._become(outage)
        if self._bus is not None:
            self._bus.emit(WORKER_PAUSED(outage.told()))

    def settled(self, part: object) -> None:
        """A part got through, or does not want to any longer. When none waits, it works."""
        if self.outage is None or part not in self._waiting:
            return
        self._waiting.remove(part)
        if self._waiting:
            self.try_now()  # something has changed since the last failure
            return
        over = self.outage
        self._end_wait()
        self._become(None)
        if self._bus is not None:
            seconds = round(max(0.0, self._clock.now() - over.since), 3)
            self._bus.emit(WORKER_RESUMED({"shared": over.shared, "seconds": seconds}))

    def try_now(self) -> None:
        """Wait no longer."""
        if self.outage is not None and not self._may_try.is_set():
            self._end_wait()
            self._become(replace(self.outage, is_trying=True))

    def end_soon(self) -> None:
        """From now on try often: whoever ends does not wait for long."""
        self._is_ending = True
        self.try_now()

    def close(self) -> None:
        """Wait for nothing any longer."""
        self._end_wait()

    async def _wait(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._timer = None
        self.try_now()

    def _end_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._may_try.set()

    def _become(self, outage: Outage | None) -> None:
        self.outage = outage
        for listener in self._listeners:
            listener()
