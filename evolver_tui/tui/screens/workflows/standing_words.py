"""How a message stands, as a sign and as words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.workflow.standing import ChatStanding
from evolver_tui.tui.drawing.formatting import duration
from evolver_tui.tui.drawing.styles import Fragment

if TYPE_CHECKING:
    from evolver_tui.core.workflow.standing import ChatMessage
    from evolver_tui.tui.drawing.symbols import Symbols


def standing_sign(message: ChatMessage, now: float, symbols: Symbols) -> Fragment:
    """One cell that says it without colour, and its style."""
    if message.is_cancelling:
        return symbols.cancelled, "warn"
    return {
        ChatStanding.WAITING: (symbols.off, "run"),
        ChatStanding.STREAMING: (symbols.running, "run"),
        ChatStanding.ASKING: (symbols.asks, "needs"),
        ChatStanding.SILENT: (symbols.failed, "warn"),
        ChatStanding.COMPLETE: (symbols.approved, "ok"),
        ChatStanding.FAILED: (symbols.rejected, "error"),
        ChatStanding.CANCELLED: (symbols.cancelled, "dim"),
    }[message.standing(now)]


def latency(seconds: float) -> str:
    """How long it took until something came: `<1ms`, `8ms`, `0.4s`, `12s`."""
    if seconds >= 0.1:
        return duration(seconds)
    return f"{seconds * 1000:.0f}ms" if seconds >= 0.001 else "<1ms"


def standing_words(message: ChatMessage, now: float) -> str:
    """The same in words."""
    if message.is_cancelling:
        return "is being cancelled"
    return {
        ChatStanding.WAITING: "waits for its first chunk",
        ChatStanding.STREAMING: "is streaming",
        ChatStanding.ASKING: "waits for a person",
        ChatStanding.SILENT: "has been silent for long",
        ChatStanding.COMPLETE: "is complete",
        ChatStanding.FAILED: "has failed",
        ChatStanding.CANCELLED: "was cancelled",
    }[message.standing(now)]
