"""How a listener's deliveries go, told of the first time that one fails, the tenth, the hundredth."""

from __future__ import annotations

import threading
from collections.abc import Callable

from evolver_tui.core.failure_run import SOME_TIMES, FailureRun
from evolver_tui.core.signal import Observation
from evolver_tui.core.signal_catalogue.listener_signals import LISTENER_STOPPED, LISTENER_UNDELIVERED


class Deliveries:
    """Counts them, and tells of them. Safe in any thread.

    Args:
        name: of the listener.
        tell: emits a signal.
    """

    def __init__(self, name: str, tell: Callable[[Observation], None]) -> None:
        self._name = name
        self._tell = tell
        self._lock = threading.Lock()
        self._run = FailureRun()
        self._lost = 0

    def succeeded(self) -> None:
        """One came."""
        with self._lock:
            self._run.succeeded()

    def failed(self, reason: str, *, is_lost: bool = True) -> None:
        """One did not come.

        Args:
            reason: why, safe to draw and without secrets.
            is_lost: whether nobody has it.
        """
        with self._lock:
            count = self._run.failed()
            self._lost = (0 if count == 1 else self._lost) + is_lost
            lost = self._lost
        if count in SOME_TIMES or (is_lost and lost == 1):
            told = LISTENER_UNDELIVERED({"listener": self._name, "reason": reason, "signals": count, "lost": lost})
            self._tell(told)

    def stop(self, reason: str) -> None:
        """There will be no others in this session."""
        self._tell(LISTENER_STOPPED({"listener": self._name, "reason": reason}))
