"""One connection of a chat at the gateway: the events that wait to be sent, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from evolver_tui.core.workflow.event_stream import RETRY_SOON, event_bytes, json_event
from evolver_tui.core.workflow.session_log import StreamEvent, restart_of
from evolver_tui.core.workflow.stream_position import Positions, Progress, write_position
from evolver_tui.engine.workflow.registry import Connection

CLOSING: Final = "closing"
"""The event before a connection is ended; its reader may come back with the id of the last event it had."""
MOST_WAITING_BYTES: Final = 256 * 1024
"""Beyond what was waiting when the connection began."""


class ChatReader:
    """What one connection is told.

    Args:
        ahead: how far the reader has come with messages of which the gateway has heard less.
        on_cut: called once when the connection is ended because its reader is too slow, or the gateway ends.
    """

    def __init__(
        self, connection: Connection, ahead: dict[str, Progress], on_cut: Callable[[], None] = lambda: None
    ) -> None:
        self.connection = connection
        self.is_ended = False
        """Whether nothing more is sent than what waits."""
        self.is_cut = False
        """Whether it was the gateway that ended it."""
        self._ahead = ahead
        self._on_cut = on_cut
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._most = MOST_WAITING_BYTES
        self._wake: asyncio.Future[None] | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether what it is told differs from what others are told."""
        return bool(self._ahead)

    def begin(self, missed: Iterable[StreamEvent], positions: Positions, head: Positions) -> None:
        """Have it told that it is connected, and what it missed, however much that is.

        Args:
            positions: how far the reader has come.
            head: how far the session has.
        """
        told = dict(positions)
        connected = {"connection_id": self.connection.connection_id, "session_id": self.connection.session_id}
        self._put(json_event("connected", connected, write_position(told)) + RETRY_SOON)
        for event in missed:
            told[event.mark] = event.progress
            self._put(event_bytes(event.name, event.data, write_position(told)))
            if event.progress > head.get(event.mark, event.progress):
                self._ahead[event.mark] = event.progress
        self._most += self._size

    def tell(self, event: StreamEvent, text: bytes, positions: Positions) -> None:
        """Have it told an event.

        Args:
            text: the event as all are told it who have come as far as the session.
            positions: how far these have come then.
        """
        if self.is_ended:
            return
        if not self._ahead:
            self.push(text)
            return
        had = self._ahead.get(event.mark)
        if had is not None and event.progress <= had:
            return
        self._ahead.pop(event.mark, None)
        told = {**self._ahead, **positions, **self._ahead}  # the latest stand last, since a long position is cut
        if had is not None and had.attempt < event.progress.attempt and event.progress.events:
            restart = restart_of(event)
            self.push(event_bytes(restart.name, restart.data, write_position(told | {event.mark: restart.progress})))
        self.push(event_bytes(event.name, event.data, write_position(told)))

    def push(self, text: bytes) -> None:
        """Have some text sent; a reader for whom too much waits already is cut off."""
        if self.is_ended:
            return
        self._put(text)
        if self._size > self._most:
            self.cut("too_slow", "Too much was waiting for this connection. It may come back and go on.")

    def cut(self, code: str, reason: str) -> None:
        """End the connection with a reason. What waits for it is dropped: it can be had by coming back."""
        if self.is_ended:
            return
        self.is_cut = True
        self._waiting.clear()
        self._size = 0
        self._put(json_event(CLOSING, {"code": code, "reason": reason}))
        self.end()
        self._on_cut()

    def end(self) -> None:
        """Send what waits, and no more."""
        self.is_ended = True
        self._wake_up()

    async def next(self) -> bytes:
        """The next text to send, as much as there is; empty at the end."""
        while not self._waiting:
            if self.is_ended:
                return b""
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        text = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return text

    def _put(self, text: bytes) -> None:
        self._waiting.append(text)
        self._size += len(text)
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
