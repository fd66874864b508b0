"""Plays a recorded session: at its own pace or another, by single signals, or to the next one that needs a person."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.task_signals import JOB_PAUSED
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.replay.recording import Recording
from evolver_tui.engine.replay.session_state import SessionState

AT_ONCE: Final = 500
"""Signals that are taken in before keys are heard again."""
SHOWN: Final = 5_000
"""Signals that are told anew after going back."""
SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, math.inf)
"""What faster and slower go through."""


class Player:
    """Where a replay is, and how it goes on.

    Args:
        deliver: told of the signals that were taken in, in order.
        on_back: called before those are delivered anew that lead to an earlier moment.
    """

    def __init__(
        self,
        recording: Recording,
        clock: Clock,
        *,
        speed: float = 1.0,
        deliver: Callable[[Sequence[Signal]], None] = lambda signals: None,
        on_back: Callable[[], None] = lambda: None,
    ) -> None:
        self.recording = recording
        self.deliver = deliver
        self.on_back = on_back
        self._clock = clock
        self.state = SessionState(recording.jobs, recording.started_at)
        self.position = 0
        """How many signals were taken in."""
        self._speed = speed
        self._is_paused = False
        self._moved = asyncio.Event()
        self._moving = asyncio.Lock()
        self._ahead: deque[Signal | None] = deque()
        self._shown_at, self._real_at = recording.started_at, clock.now()

    # --- where it is

    @property
    def now(self) -> float:
        """The moment that is shown, in seconds since 1970; it stands still in a pause and at the end."""
        if self._is_paused or self.is_over or math.isinf(self._speed):
            return max(self._shown_at, self.state.now)
        passed = max(0.0, self._clock.now() - self._real_at) * self._speed
        following = self._peek()
        latest = following.timestamp if following is not None else math.inf
        return max(self.state.now, min(self._shown_at + passed, max(latest, self._shown_at)))

    @property
    def is_over(self) -> bool:
        """Whether every signal was taken in."""
        return self.position >= len(self.recording)

    @property
    def is_paused(self) -> bool:
        """Whether a person holds it."""
        return self._is_paused

    @property
    def speed(self) -> float:
        """How many seconds of the session pass in a second; infinite for as fast as can be."""
        return self._speed

    # --- how it goes on

    def pause(self, paused: bool) -> None:
        """Hold it, or let it go on."""
        self._hold_clock()
        self._is_paused = paused
        self._moved.set()

    def change_speed(self, steps: int) -> None:
        """Faster, or slower below 0."""
        self._hold_clock()
        nearest = sum(speed < self._speed for speed in SPEEDS)
        self._speed = SPEEDS[max(0, min(nearest + steps, len(SPEEDS) - 1))]
        self._moved.set()

    async def step(self) -> None:
        """Hold it, and take one signal in."""
        self.pause(True)
        async with self._moving:
            self._take(1)

    async def step_back(self) -> None:
        """Hold it, and show how it stood one signal before."""
        await self.go_to(self.position - 1)

    async def go_to(self, position: int) -> None:
        """Hold it, and show how it stood after some number of signals."""
        self.pause(True)
        async with self._moving:
            position = max(0, min(position, len(self.recording)))
            if position < self.position:
                self.state = SessionState(self.recording.jobs, self.recording.started_at)
                self.position = 0
                self._ahead.clear()
                self._shown_at = self.recording.started_at
                self.on_back()
            while self.position < position:
                beyond = max(0, position - SHOWN - self.position)
                self._take(min(AT_ONCE, beyond or position - self.position), is_told=not beyond)
                await asyncio.sleep(0)
            self._hold_clock()

    async def next_need(self) -> int | None:
        """Hold it where the next job waits for a person; returns which, or None at the end."""
        self.pause(True)
        async with self._moving:
            while not self.is_over:
                for _ in range(AT_ONCE):
                    signal = self._take(1)
                    job = signal.context.get("job") if signal is not None and signal.name == JOB_PAUSED.name else None
                    if isinstance(job, int):
                        return job
                await asyncio.sleep(0)
        return None

    async def run(self) -> None:
        """Play until it is cancelled; what is over waits for somebody who goes back."""
        while True:
            self._moved.clear()
            wait = self._seconds_to_next()
            if wait > 0:
                await self._wait(wait)
                continue
            async with self._moving:
                self._take(self._due())
            await asyncio.sleep(0)

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until somebody does something."""
        waiting: set[asyncio.Future[object]] = {asyncio.ensure_future(self._moved.wait())}
        if math.isfinite(seconds):
            waiting.add(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    # --- taking signals in

    def _seconds_to_next(self) -> float:
        if self._is_paused or self.is_over:
            return math.inf
        following = self._peek()
        return self._seconds_to(following) if following is not None else 0.0

    def _seconds_to(self, signal: Signal) -> float:
        if math.isinf(self._speed):
            return 0.0
        passed = (self._clock.now() - self._real_at) * self._speed
        return (signal.timestamp - self._shown_at - passed) / self._speed

    def _due(self) -> int:
        """How many of those ahead have their time behind them."""
        later = (n for n, signal in enumerate(self._ahead) if signal is not None and self._seconds_to(signal) > 0)
        return next(later, len(self._ahead))

    def _peek(self) -> Signal | None:
        if not self._ahead:
            self._ahead.extend(self.recording.signals(self.position, AT_ONCE))
        return self._ahead[0] if self._ahead else None

    def _take(self, count: int, *, is_told: bool = True) -> Signal | None:
        """Take signals in; returns the last of them, None where that cannot be read."""
        taken, last = [], None
        for _ in range(count):
            last = self._peek()
            if not self._ahead:
                break
            self._ahead.popleft()
            self.position += 1
            if last is not None:
                self.state.apply(last)
                taken.append(last)
        if taken and is_told:
            self.deliver(taken)
        return last

    def _hold_clock(self) -> None:
        """Measure from here: what is shown now is shown at this moment."""
        self._shown_at, self._real_at = self.now, self._clock.now()
