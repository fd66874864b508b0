"""An event of a text/event-stream, as browsers' EventSource reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

RETRY_SOON: Final = b"retry: 1000\n\n"
"""A browser that reads this comes back a second after the connection broke."""


def event_bytes(name: str, data: bytes, event_id: str = "") -> bytes:
    """One event.

    Args:
        data: one line, such as JSON in ASCII.
        event_id: what a reader that comes back sends as `Last-Event-ID`; empty leaves that as it is.
    """
    end = f"\nid: {event_id}\n\n" if event_id else "\n\n"
    return b"".join((f"event: {name}\ndata: ".encode(), data, end.encode()))


def json_event(name: str, value: Mapping[str, Any], event_id: str = "") -> bytes:
    """An event whose data is a JSON object."""
    return event_bytes(name, json.dumps(value, separators=(",", ":")).encode(), event_id)
