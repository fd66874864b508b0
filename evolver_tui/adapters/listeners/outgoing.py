"""Signals as they leave the process: in the canonical shape, without known secrets, safe to draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from evolver_tui.core.safe_text import safe_json
from evolver_tui.core.signal import Signal, SignalEmittedEvent
from evolver_tui.settings.secrets import Scrubber


class Outgoing:
    """Writes signals as JSON, one line of ASCII each. To be called in one thread.

    Args:
        secrets: what must not stand there; asked with the first signal.
    """

    def __init__(self, secrets: Callable[[], Sequence[str]]) -> None:
        self._find_secrets = secrets
        self._scrub: Scrubber | None = None

    def __call__(self, signal: Signal) -> str:
        """The line, without its end."""
        if self._scrub is None:
            self._scrub = Scrubber(self._find_secrets())
        event = self._scrub(SignalEmittedEvent.from_signal(signal).to_dict())
        return safe_json(json.dumps(event, default=repr))
