"""What is said where there is nothing to see: why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.text_page import TextPage

if TYPE_CHECKING:
    from evolver_tui.engine.workflow.monitor import WorkflowMonitor

_DEMO = "evolver-tui workflow demo"
_ASKING = '{"session_id": "test", "user_id": "ada", "message": "Hello, how are you?"}'

OPENING = TextPage((("Connecting…", "dim"),))
IN_A_DEMO = TextPage(
    (
        ("A look around reaches nothing real: the demo watches no NATS.", "strong"),
        ("", "text"),
        ("It watches one that you name on its line:", "text"),
        ("  NATS_URL=nats://localhost:4222 evolver-tui --demo", "key"),
        ("", "text"),
        ("Or start the console without --demo.", "text"),
    )
)


def problem_page(problem: str, key: str) -> TextPage:
    """Why chats cannot be watched.

    Args:
        problem: a sentence with its way out.
        key: what tries it again, as a person reads it.
    """
    return TextPage(
        (
            ("Chats cannot be watched.", "strong"),
            ("", "text"),
            (safe_text(problem, 2_000), "error"),
            ("", "text"),
            (f"Mend it, then press {key} to try again.", "text"),
        )
    )


def away_page(monitor: WorkflowMonitor, reason: str) -> TextPage:
    """NATS is not there."""
    return TextPage(
        (
            (f"NATS is not there: {safe_text(monitor.place, 200)}", "strong"),
            (safe_text(reason, 1_000), "warn"),
            ("", "text"),
            ("It is tried again without end. Where it is elsewhere, say so:", "text"),
            ("  NATS_URL=nats://host:4222 evolver-tui", "key"),
            ("  or nats_url in [workflow] of the config (evolver-tui config path)", "dim"),
            ("", "text"),
            ("Or start the whole chain on this machine, in another terminal:", "text"),
            (f"  {_DEMO}", "key"),
        )
    )


def quiet_page(monitor: WorkflowMonitor) -> TextPage:
    """NATS is there, and nothing was asked so far."""
    url = f"{safe_text(monitor.gateway, 200)}/api/chat"
    asked = (
        ("Ask something by a gateway (evolver-tui workflow gateway):", "text"),
        (f"  curl -X POST {url} -H 'Content-Type: application/json' -d '{_ASKING}'", "key"),
        ("", "text"),
    )
    return TextPage(
        (
            (f"Connected to {safe_text(monitor.place, 200)}, and quiet.", "strong"),
            ("", "text"),
            ("What is asked and answered shows up here by itself, whichever machine answers.", "text"),
            ("", "text"),
            *(asked if monitor.gateway else ()),
            ("Or start the whole chain on this machine, in another terminal:", "text"),
            (f"  {_DEMO}", "key"),
        )
    )
