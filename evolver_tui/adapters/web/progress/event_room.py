"""`GET /api/training/events/<session id>`: a session's updates as server-sent events.

Written for ASGI itself: a connection that waits costs one coroutine that sends and one that hears of its end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from evolver_tui.adapters.web.event_body import stream_events
from evolver_tui.adapters.web.progress.access import EVENTS_PATH
from evolver_tui.adapters.web.replies import refusal_reply
from evolver_tui.core.errors import StoreError
from evolver_tui.core.training.session_id import WHAT_IT_MAY_BE, is_session_id
from evolver_tui.engine.training.progress_hub import ProgressHub
from evolver_tui.engine.training.progress_session import PROGRESS_UPDATE, Update

MOST_READERS: Final = 1_000
_MOST_WAITING: Final = 512
"""Events that wait for one reader before its connection is ended."""
_PING_SECONDS: Final = 15.0
_PING: Final = b": ping\n\n"
_COME_BACK: Final = b"retry: 1000\n\n"


class EventRoom:
    """Those who watch by server-sent events.

    Args:
        dropped: hears why a connection was ended.
    """

    def __init__(self, hub: ProgressHub, dropped: Callable[[str], None]) -> None:
        self._hub = hub
        self._dropped = dropped
        self._rooms: dict[str, set[_Reader]] = {}
        self._readers = 0

    def tell(self, update: Update) -> int:
        """Tell everybody who reads of its session."""
        room = self._rooms.get(update.session_id)
        if not room:
            return 0
        text = _event(update)
        for reader in list(room):
            if not reader.push(text):
                self._leave(update.session_id, reader)
                self._dropped(f"{_MOST_WAITING} events waited for it")
        return len(room)

    def close(self) -> None:
        """End all connections."""
        for room in self._rooms.values():
            for reader in room:
                reader.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        session_id = scope["path"][len(EVENTS_PATH) :]
        query = parse_qs(scope["query_string"].decode("latin-1"))
        refusal = self._refusal(scope["method"], session_id)
        if refusal is not None:
            await refusal_reply(*refusal)(scope, receive, send)
            return
        had = Headers(scope=scope).get("last-event-id") or query.get("last_event_id", [""])[0]
        reader = _Reader(scope["state"].get("transport"))
        self._readers += 1
        try:
            await self._begin(session_id, reader, had)
            await stream_events(reader, receive, send)
        except StoreError as error:
            await refusal_reply(503, "unavailable", str(error))(scope, receive, send)
        finally:
            self._readers -= 1
            self._leave(session_id, reader)

    def _refusal(self, method: str, session_id: str) -> tuple[int, str, str] | None:
        if method != "GET":
            return 405, "wrong_method", "Events are read by GET."
        if not is_session_id(session_id):
            return 400, "bad_session", f"A session's id has {WHAT_IT_MAY_BE}."
        if self._readers >= MOST_READERS:
            return 503, "full", "This server has as many readers of events as it takes."
        return None

    async def _begin(self, session_id: str, reader: _Reader, had: str) -> None:
        """What a reader missed, or how the session stands; from here on it is told all that follows."""
        is_back = had.isascii() and had.isdecimal() and len(had) < 16
        history = await self._hub.history(session_id) if is_back else None
        session = self._hub.session(session_id)
        self._rooms.setdefault(session_id, set()).add(reader)
        if session is None:
            return
        status, *latest = session.current()
        reader.push(_event(status))
        if history is None:
            for update in latest:
                reader.push(_event(update))
            return
        for each in history.read(after=int(had)):
            data = f'{{"metrics":{each.metrics_json},"status":"{session.status}"}}'
            reader.catch_up(_event(Update(session_id, PROGRESS_UPDATE, data, each.number)))

    def _leave(self, session_id: str, reader: _Reader) -> None:
        room = self._rooms.get(session_id, set())
        room.discard(reader)
        if not room:
            self._rooms.pop(session_id, None)


class _Reader:
    """What waits for one connection."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self._waiting: deque[bytes] = deque([_COME_BACK])
        self._news = asyncio.Event()
        self._is_over = False

    def push(self, text: bytes) -> bool:
        """Have it told; whether there was room. Where there is none, the connection is over."""
        if len(self._waiting) >= _MOST_WAITING:
            self.end()
            if self._transport is not None:
                self._transport.abort()
            return False
        self.catch_up(text)
        return True

    def catch_up(self, text: bytes) -> None:
        """The same for what it missed, which has bounds of its own."""
        self._waiting.append(text)
        self._news.set()

    def end(self) -> None:
        """Tell nothing more."""
        self._is_over = True
        self._waiting.clear()
        self._news.set()

    async def next(self) -> bytes:
        """What is to be told next; nothing at the end."""
        while not self._waiting:
            if self._is_over:
                return b""
            self._news.clear()
            try:
                async with asyncio.timeout(_PING_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                return _PING
        text = b"".join(self._waiting)
        self._waiting.clear()
        return text


def _event(update: Update) -> bytes:
    number = f"id: {update.number}\n" if update.number else ""
    return f"event: {update.event}\ndata: {update.data}\n{number}\n".encode()
