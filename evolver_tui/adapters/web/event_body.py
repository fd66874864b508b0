"""An event stream as the body of a reply, until its reader or its client is at the end."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from starlette.types import Receive, Send

_HEAD: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class EventReader(Protocol):
    """What reads events for one client."""

    async def next(self) -> bytes:
        """The next events, encoded; empty at the end."""

    def end(self) -> None:
        """Read no more: the client is gone."""


async def stream_events(reader: EventReader, receive: Receive, send: Send) -> None:
    """Send what is read."""
    gone = asyncio.create_task(_gone(receive))
    gone.add_done_callback(lambda _: reader.end())
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
        while text := await reader.next():
            await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _gone(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
