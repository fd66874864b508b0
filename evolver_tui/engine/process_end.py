"""How this process is asked to end by signals, and how it ends where its orderly end is held up."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SECONDS_TO_END: Final = 8.0
"""How long a process that has to end at once may take for it: service managers kill after ten."""

SECONDS_TO_TELL: Final = 1.5
"""How long the last resort may take to tell of it: whoever should read that may be what holds the end up."""

AT_ONCE: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Sent by service managers, closed terminals and a person in a hurry."""


def heard_at_once() -> tuple[signal.Signals, ...]:
    """Those of `AT_ONCE` that whoever started this process wants to be heard: `nohup` has SIGHUP ignored."""
    return tuple(number for number in AT_ONCE if signal.getsignal(number) is not signal.SIG_IGN)


@contextmanager
def told_by_signals(interrupt: Callable[[], None], end: Callable[[], None], last_resort: LastResort) -> Iterator[None]:
    """Call `interrupt` at Ctrl+C, and `end` at whatever ends a process at once, in the running loop.

    The last resort is armed at the second Ctrl+C and at the others even while that loop stands. Where it is armed at
    the end, nothing that comes later is heard.
    """
    loop = asyncio.get_running_loop()
    interrupts = 0

    def heard(number: int, _: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        if number != signal.SIGINT or interrupts > 1:
            last_resort.arm()

    calls = {signal.SIGINT: interrupt} | dict.fromkeys(heard_at_once(), end)
    for number, call in calls.items():
        loop.add_signal_handler(number, call)
        signal.signal(number, heard)  # the loop hears of it as before, and a write that nobody reads is interrupted
    try:
        yield
    finally:
        if last_resort.is_armed:
            hear_no_more()
        for number in calls:
            loop.remove_signal_handler(number)


@contextmanager
def service_end(cut_off: Callable[[], object]) -> Iterator[ServiceEnd]:
    """The end of a service that is asked for by Ctrl+C or by whatever ends a process at once.

    Args:
        cut_off: ends the process where its end is held up; called in another thread.
    """
    end = ServiceEnd(LastResort(cut_off))
    with told_by_signals(end.interrupt, end.at_once, end.last_resort):
        yield end


class ServiceEnd:
    """Asked for by signals, and begun by the service itself."""

    def __init__(self, last_resort: LastResort) -> None:
        self.last_resort = last_resort
        self.is_interrupt = False
        """Whether Ctrl+C asked for it."""
        self._asked_for = asyncio.Event()

    def interrupt(self) -> None:
        """Ctrl+C asks for it."""
        self.is_interrupt = True
        self._asked_for.set()

    def at_once(self) -> None:
        """It is asked for, and may take no longer than `SECONDS_TO_END`."""
        self._asked_for.set()
        self.begin()

    def begin(self) -> None:
        """It takes place from here on, and no longer than that either."""
        self.last_resort.arm()

    async def asked_for(self) -> None:
        """Wait until it is."""
        await self._asked_for.wait()


def hear_no_more() -> None:
    """Let a process that ends in a moment, by a last resort if need be, end with its own words and exit code.

    Otherwise who presses Ctrl+C once more, or a service manager that is sure, would cut these off.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *AT_ONCE):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


class LastResort:
    """Ends the process when its orderly end takes too long: a locked database, a call that hangs, a loop that stands.

    Args:
        end: tells what there is to tell and ends the process; called in a thread of its own. Where it takes longer than
            `SECONDS_TO_TELL`, the process ends without.
    """

    def __init__(self, end: Callable[[], object], seconds: float = SECONDS_TO_END) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._tell = end
        self._armed = threading.Lock()
        """Taken once: a signal may come while another one arms it."""

    @property
    def is_armed(self) -> bool:
        """Whether this process ends soon, whatever happens."""
        return self._armed.locked()

    def arm(self) -> None:
        """Count from here. It is never called off: a process that has ended by then needs nobody to do so."""
        if self._armed.acquire(blocking=False):
            self._timer.start()

    def _end(self) -> None:
        without = threading.Timer(SECONDS_TO_TELL, os._exit, [1])
        without.daemon = True
        without.start()
        self._tell()
        without.cancel()
