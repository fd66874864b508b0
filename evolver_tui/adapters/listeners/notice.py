"""Notices of the terminal, by whoever shows the session, and of the desktop, by `notify-send`."""

from __future__ import annotations

import html
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.pace import Pace
from evolver_tui.adapters.listeners.wording import and_more, words_of
from evolver_tui.core.signal import Signal
from evolver_tui.settings.secrets import scrub, scrub_patterns

PROGRAM: Final = "notify-send"
_SECONDS: Final = 5.0
_URGENCY: Final = {"error": "critical", "warning": "normal"}


class Notices:
    """Shows signals as notices, a line each and never many at once.

    Args:
        how: as in the config.
        show: shows a line on the terminal, for every way but "desktop".
        deliveries: what is told of those that do not work.
        secrets: what must not stand there; asked with the first signal.
        pace: makes what holds back too many.
    """

    def __init__(
        self,
        how: str,
        show: Callable[[str, str], None],
        deliveries: Deliveries,
        secrets: Callable[[], Sequence[str]],
        pace: Callable[[Callable[[Signal, int], None]], Pace],
    ) -> None:
        self._how = how
        self._show_on_terminal = show
        self._deliveries = deliveries
        self._find_secrets = secrets
        self._secrets: Sequence[str] | None = None
        self._is_over = False
        self._pace = pace(self._show)

    def __call__(self, signal: Signal) -> None:
        """Show a signal, now or with others soon."""
        if not self._is_over:
            self._pace.hear(signal)

    def close(self, seconds: float) -> None:
        """Show what was held back."""
        self._pace.flush()
        self._is_over = True

    def _show(self, signal: Signal, more: int) -> None:
        if self._is_over:
            return
        if self._secrets is None:
            self._secrets = self._find_secrets()
        text = and_more(scrub_patterns(scrub(words_of(signal), self._secrets)), more)
        if self._how == "desktop":
            self._show_on_desktop(text, _URGENCY.get(signal.level, "low"))
        else:
            self._show_on_terminal(self._how, text)

    def _show_on_desktop(self, text: str, urgency: str) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            self._is_over = True
            self._deliveries.stop(f"There is no {PROGRAM} here. Install libnotify, or write how = 'osc9'.")
            return
        # It reads the text as markup.
        command = [program, "--app-name=evolver-tui", f"--urgency={urgency}", "--", "evolver", html.escape(text)]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            self._deliveries.failed(f"{PROGRAM} cannot be started, or does not end")
            return
        if done.returncode:
            self._deliveries.failed(f"{PROGRAM} failed; is there a desktop?")
        else:
            self._deliveries.succeeded()
