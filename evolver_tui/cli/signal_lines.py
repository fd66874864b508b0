"""Signals on standard error, a line each, for commands that run without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evolver_tui.cli.output import json_text, tell

if TYPE_CHECKING:
    from evolver_tui.core.signal import Signal

_TOLD: Final = (
    "backend",
    "host",
    "error",
    "reason",
    "message",
    "question",
    "outcome",
    "node",
    "how",
    "notice",
    "worker",
    "shared",
    "retry_in",
    "tier",
    "way_out",
    "seconds",
    "session",
    "message_id",
    "answered_by",
    "finish_reason",
    "tokens",
    "service",
    "code",
    "tool",
    "url",
    "pod",
)
"""What of a signal's payload stands behind its name."""


def tell_in_words(signal: Signal) -> None:
    """One line for people."""
    from datetime import datetime

    from evolver_tui.core.safe_text import safe_text

    told = " ".join(f"{name}={value}" for name, value in signal.payload.items() if name in _TOLD and value)
    when = datetime.fromtimestamp(signal.timestamp).strftime("%H:%M:%S")
    words = (when, signal.name, signal.context.get("task_id", ""), told)
    tell(" ".join(filter(None, (safe_text(word, 500) for word in words))))


def tell_as_json(signal: Signal) -> None:
    """One object for programs."""
    from evolver_tui.core.signal import SignalEmittedEvent

    tell(json_text(SignalEmittedEvent.from_signal(signal).to_dict()))
