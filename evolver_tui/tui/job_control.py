"""ctrl+z, fg and what else a shell does with a job: the terminal is given back before a stop, and taken after it.

Textual's own answers to SIGTSTP and SIGCONT run wherever Python is at that moment, and a SIGCONT without a stop starts
its threads twice, which leaves the terminal as it is and the process hanging at its end. These run in the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from evolver_tui.engine.process_end import heard_at_once
from evolver_tui.tui.key_watch import KeyApp
from evolver_tui.tui.terminal_driver import TerminalDriver

_SECONDS_TO_HEAR_MORE = 0.25
"""What is sent with a continuation, as a shell's `kill %1` sends it, may be heard after it: any thread may take it."""

NO_SHELL = "There is no shell to return to: the console was started without one. q leaves it."


def has_shell() -> bool:
    """Whether a shell may hold this job up and go on with it: it gives each job a process group of its own."""
    return os.getpgrp() != os.getsid(0)


class JobControl:
    """Stops this process and what it was started with, as a shell expects, and goes on.

    Args:
        say: tells why nothing was stopped.
        freeze: stops the processes that work for this one, or lets them go on.
        leave: called where nobody will ever give the terminal back.
    """

    def __init__(
        self, app: KeyApp[Any], say: Callable[[str], None], freeze: Callable[[bool], None], leave: Callable[[], None]
    ) -> None:
        self._app = app
        self._say = say
        self._freeze = freeze
        self._leave = leave
        self._was_continued = False
        self.is_told_to_end = False
        """Whether this process was told to end: it does, in the background as well, and stops no more."""

    def listen(self) -> None:
        """Hear what a shell says, in the running loop, in the place of the driver."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGTSTP, self.suspend)
            loop.add_signal_handler(signal.SIGCONT, self._continued)

    @property
    def _driver(self) -> TerminalDriver | None:
        driver = self._app._driver  # Textual has no other name for it
        return driver if isinstance(driver, TerminalDriver) else None

    @property
    def _is_in_front(self) -> bool:
        return self._driver is not None and self._driver.is_in_front

    def suspend(self) -> None:
        """Give the terminal back and stop, until somebody continues this process."""
        driver = self._driver
        if driver is None or self._app._exit:
            return
        if driver.is_lent:  # whoever has the terminal was told as well, and minds it
            self._stop(only_this=True)
            return
        if not has_shell():
            self._say(NO_SHELL)
            return
        self._app._suspend_signal()
        driver.suspend_application_mode()
        self._freeze(True)
        has_stopped = self._stop()
        while has_stopped and not (driver.is_in_front or self.is_told_to_end):
            has_stopped = self._stop(signal.SIGTTOU)
        self._freeze(False)
        self._app.forget_keys()
        if self.is_told_to_end and not driver.is_in_front:
            return  # what tells the app so waits in the loop, and the terminal is the shell's
        driver.resume_application_mode()
        self._app._resume_signal()
        self._app.refresh(layout=True)
        if not has_stopped:
            self._say(NO_SHELL)

    def _stop(self, number: signal.Signals = signal.SIGTSTP, *, only_this: bool = False) -> bool:
        """Stop as the kernel does by itself; False where it does not, since no shell would notice."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTSTP, signal.SIGCONT):
            loop.remove_signal_handler(each)
        self._was_continued = False
        signal.signal(signal.SIGCONT, self._note_continued)
        signal.signal(number, signal.SIG_DFL)
        heard = {each: signal.signal(each, self._note_end) for each in heard_at_once()}
        try:
            # The whole group: where a script has started the console, a shell waits for that to stop as well.
            os.kill(os.getpid() if only_this else 0, number)
            if not (only_this or self._is_in_front):
                time.sleep(_SECONDS_TO_HEAR_MORE)
        finally:
            for each, handler in heard.items():
                signal.signal(each, handler)
            self.listen()
        return self._was_continued

    def _note_continued(self, *_: object) -> None:
        self._was_continued = True

    def _note_end(self, *_: object) -> None:
        """The loop hears of it as well, once it runs."""
        self.is_told_to_end = True

    def _continued(self) -> None:
        """Somebody had stopped this process unasked, or continues one that ran."""
        if self._is_in_front:
            self._go_on()
        else:
            asyncio.get_running_loop().call_later(_SECONDS_TO_HEAR_MORE, self._go_on)

    def _go_on(self) -> None:
        driver = self._driver
        if driver is None or driver.is_lent or self._app._exit:
            return
        while not (driver.is_in_front or self.is_told_to_end):
            if not self._stop(signal.SIGTTOU):
                self._leave()
                return
        if not driver.is_in_front:
            return
        driver.reclaim()
        self._app.refresh(layout=True)
