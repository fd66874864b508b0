"""Training sessions over Socket.IO. What goes to a room is encoded once, and nobody in it is waited for."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from engineio.payload import Payload
from socketio.exceptions import ConnectionRefusedError
from socketio.packet import Packet
from starlette.types import Message, Receive, Scope, Send

from evolver_tui.adapters.web.access import Access
from evolver_tui.adapters.web.bodies import SECONDS_FOR_A_BODY
from evolver_tui.adapters.web.replies import refusal_reply
from evolver_tui.core.errors import StoreError
from evolver_tui.core.training.session_id import WHAT_IT_MAY_BE, is_session_id
from evolver_tui.engine.training.progress_hub import ProgressHub
from evolver_tui.engine.training.progress_session import Update
from evolver_tui.settings.library_logs import keep_off_terminal

MOST_CONNECTIONS: Final = 2_000
_MOST_SESSIONS: Final = 1_000
"""That one connection may watch."""
_MOST_WAITING: Final = 512
"""Messages that wait for one connection before it is dropped."""
_MOST_WAITING_BYTES: Final = 8 * 1024 * 1024
"""The same in bytes, but for a message that waits alone."""
_LONGEST_MESSAGE: Final = 64 * 1024
_MOST_PACKETS: Final = 1_000
"""Of one request of a client that polls."""
_SECONDS_TO_SPEAK: Final = 10.0
"""So long a connection may say nothing at first."""
_LOOK_SECONDS: Final = 2.0
_LOG: Final = "socketio"


class SocketRoom:
    """Those who watch by Socket.IO.

    Args:
        fault: hears of a mistake of ours, which costs one message.
        dropped: hears why a connection was ended.
    """

    def __init__(
        self,
        hub: ProgressHub,
        access: Access,
        fault: Callable[[BaseException], None],
        dropped: Callable[[str], None],
    ) -> None:
        keep_off_terminal(_LOG)
        Payload.max_decode_packets = _MOST_PACKETS
        quiet = logging.getLogger(_LOG)
        self._hub = hub
        self._access = access
        self._fault = fault
        self._dropped = dropped
        self._server = socketio.AsyncServer(
            async_mode="asgi", async_handlers=False, cors_allowed_origins=[], serializer=_TextPacket, json=_Json,
            max_http_buffer_size=_LONGEST_MESSAGE, logger=quiet, engineio_logger=quiet,
        )  # fmt: skip
        self._server.eio.disconnect = self._break_off  # its own waits until all was read that waits to be
        self._app = socketio.ASGIApp(self._server)
        self._rooms: dict[str, set[_Connection]] = {}
        self._connections: dict[str, _Connection] = {}
        """By Socket.IO's id."""
        self._transports: dict[str, asyncio.Transport] = {}
        """By Engine.IO's id, of those that came to a WebSocket from polling."""
        self._came_at: dict[str, float] = {}
        """When those came, by Engine.IO's id, that have not spoken yet."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self.is_ending = False
        """Whether connections are refused from here on."""
        self._listen("connect", self._connect)
        self._listen("disconnect", self._disconnect)
        for event, handler in {
            "subscribe_session": self._subscribe,
            "unsubscribe_session": self._unsubscribe,
            "get_session_history": self._tell_history,
        }.items():
            self._listen(event, self._guarded(handler))

    def _listen(self, event: str, handler: Callable[..., Awaitable[Any]]) -> None:
        self._server.on(event, handler)

    def open(self) -> None:
        """Begin to look after connections."""
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """End all connections, each behind what it was told."""
        self.is_ending = True
        if self._looking is not None:
            self._looking.cancel()
        for connection in list(self._connections.values()):
            await connection.socket.close(wait=False)
            connection.socket.queue.put_nowait(None)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.shutdown()

    # --- requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of Engine.IO."""
        sid = parse_qs(scope["query_string"].decode("latin-1")).get("sid", [""])[0]
        if not sid and (self.is_ending or len(self._server.eio.sockets) >= MOST_CONNECTIONS):
            if scope["type"] == "http":
                await refusal_reply(503, "full", "This server takes no more connections.")(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1013})
            return
        if scope["type"] == "websocket" and sid in self._server.eio.sockets:
            self._transports[sid] = scope["state"]["transport"]
        is_posted = scope["type"] == "http" and scope["method"] == "POST"
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(SECONDS_FOR_A_BODY if is_posted else None):
                await self._app(scope, receive, send_on)
        except (TimeoutError, OSError, ValueError, IndexError, KeyError, TypeError):
            # What was sent is not Engine.IO, or did not come to its end: its library does not look for all of that.
            if started:
                _abort(scope["state"].get("transport"))
            elif scope["type"] == "http":
                await refusal_reply(400, "bad_request", "This is not Engine.IO.")(scope, receive, send)

    # --- connections

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
        if self._access.needs_token and not self._access.is_token(_token(environ, auth)):
            raise ConnectionRefusedError("A token is needed: auth {token}, or Authorization: Bearer ...")
        engine_id = self._server.manager.eio_sid_from_sid(sid, "/")
        socket = self._server.eio.sockets[engine_id]
        scope = environ["asgi.scope"]
        transport = scope["state"].get("transport") if scope["type"] == "websocket" else None
        connection = self._connections[sid] = _Connection(sid, engine_id, socket, transport)
        self._came_at.pop(engine_id, None)
        # Behind what tells it that it is connected, which goes when this returns.
        asyncio.get_running_loop().call_soon(self._send, connection, "connection_established", {"client_id": sid})

    async def _disconnect(self, sid: str, _: object = None) -> None:
        connection = self._connections.pop(sid, None)
        if connection is not None:
            self._transports.pop(connection.engine_id, None)
            connection.socket.queue.put_nowait(None)  # a request that still waits for news comes to its end
            for session_id in list(connection.sessions):
                self._leave(connection, session_id)

    def _leave(self, connection: _Connection, session_id: str) -> None:
        connection.sessions.discard(session_id)
        room = self._rooms.get(session_id, set())
        room.discard(connection)
        if not room:
            self._rooms.pop(session_id, None)

    def _end(self, connection: _Connection) -> None:
        """End a connection, whether it reads or not."""
        transport = self._transports.get(connection.engine_id) or connection.transport

        async def close() -> None:
            await connection.socket.close(wait=False, abort=True)
            _abort(transport)

        task = asyncio.create_task(close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _break_off(self, engine_id: str) -> None:
        """End a connection of Engine.IO, whatever it says and whether it reads or not."""
        socket = self._server.eio.sockets.pop(engine_id, None)
        if socket is None:
            return
        scope = self._server.environ.get(engine_id, {}).get("asgi.scope", {"type": ""})
        first = scope["state"].get("transport") if scope["type"] == "websocket" else None
        transport = self._transports.pop(engine_id, None) or first
        await socket.close(wait=False, abort=True)
        socket.queue.put_nowait(None)
        _abort(transport)

    async def _look(self) -> None:
        """End what came and never said that it speaks Socket.IO."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now, sockets = time.monotonic(), self._server.eio.sockets
            speaking = {connection.engine_id for connection in self._connections.values()}
            self._came_at = {sid: self._came_at.get(sid, now) for sid in sockets if sid not in speaking}
            for sid, came_at in list(self._came_at.items()):
                if now - came_at > _SECONDS_TO_SPEAK:
                    await self._break_off(sid)

    # --- what is asked

    def _guarded(self, handler: Callable[[_Connection, Mapping[str, Any]], Awaitable[Any]]) -> Callable[..., Any]:
        async def handle(sid: str, *given: object) -> Any:
            connection = self._connections.get(sid)
            if connection is None:
                return None
            data = given[0] if given and isinstance(given[0], Mapping) else {}
            try:
                return await handler(connection, data)
            except StoreError as error:
                self._send(connection, "error", {"message": str(error)})
            except Exception as error:  # noqa: BLE001 - a mistake of ours costs one message, and is told
                self._fault(error)
                self._send(connection, "error", {"message": "This could not be done."})
            return {"success": False}

        return handle

    def _session_id(self, connection: _Connection, data: Mapping[str, Any]) -> str | None:
        session_id = data.get("sessionId")
        if is_session_id(session_id):
            return session_id
        words = f"sessionId has to be {WHAT_IT_MAY_BE}" if session_id else "sessionId required"
        self._send(connection, "error", {"message": words})
        return None

    async def _subscribe(self, connection: _Connection, data: Mapping[str, Any]) -> object:
        session_id = self._session_id(connection, data)
        if session_id is None:
            return {"success": False}
        if session_id not in connection.sessions and len(connection.sessions) >= _MOST_SESSIONS:
            self._send(connection, "error", {"message": f"One connection watches {_MOST_SESSIONS:,} sessions at most"})
            return {"success": False}
        connection.sessions.add(session_id)
        self._rooms.setdefault(session_id, set()).add(connection)
        session = self._hub.session(session_id)
        for update in session.current() if session is not None else ():
            self._push(connection, _packet(update))
        return {"success": True, "sessionId": session_id, "known": session is not None}

    async def _unsubscribe(self, connection: _Connection, data: Mapping[str, Any]) -> object:
        session_id = self._session_id(connection, data)
        if session_id is None:
            return {"success": False}
        self._leave(connection, session_id)
        return {"success": True, "sessionId": session_id}

    async def _tell_history(self, connection: _Connection, data: Mapping[str, Any]) -> object:
        session_id = self._session_id(connection, data)
        if session_id is None:
            return {"success": False}
        history = await self._hub.history(session_id)
        moments = history.read(
            limit=_count(data.get("limit")), since=_count(data.get("since")), model=_count(data.get("model")) or 0,
            after=_count(data.get("after")),
        )  # fmt: skip
        told = ",".join(each.metrics_json for each in moments)
        text = f'{{"sessionId":"{session_id}","history":[{told}]}}'
        self._push(connection, _packet(Update(session_id, "session_history", text)))
        return {"success": True, "sessionId": session_id}

    # --- what is told

    def tell(self, update: Update) -> int:
        """Tell everybody in the room."""
        room = self._rooms.get(update.session_id)
        if not room:
            return 0
        packet = _packet(update)
        for connection in list(room):
            self._push(connection, packet)
        return len(room)

    def _send(self, connection: _Connection, event: str, value: object) -> None:
        self._push(connection, _packet(Update("", event, json.dumps(value))))

    def _push(self, connection: _Connection, packet: EnginePacket) -> None:
        if connection.is_dropped:
            return
        reason = connection.push(packet)
        if reason:
            connection.is_dropped = True
            self._dropped(reason)
            self._end(connection)


class _Connection:
    """One client."""

    def __init__(self, sid: str, engine_id: str, socket: Any, transport: asyncio.Transport | None) -> None:
        self.sid = sid
        self.engine_id = engine_id
        self.socket = socket
        """Engine.IO's, whose `queue` its writer empties."""
        self.transport = transport
        """Where it came by WebSocket at once."""
        self.sessions: set[str] = set()
        self.is_dropped = False
        self._sizes: deque[int] = deque()
        """Of what waits, with what was sent lately."""
        self._bytes = 0

    def push(self, packet: EnginePacket) -> str:
        """Have a packet sent; why that cannot be, where too much waits already."""
        queue, size = self.socket.queue, len(packet.data)
        while len(self._sizes) > queue.qsize():
            self._bytes -= self._sizes.popleft()
        if queue.qsize() >= _MOST_WAITING:
            return f"{_MOST_WAITING} messages waited for it"
        if self._sizes and self._bytes + size > _MOST_WAITING_BYTES:
            return f"{self._bytes:,} bytes waited for it"
        self._sizes.append(size)
        self._bytes += size
        queue.put_nowait(packet)
        return ""


class _TextPacket(Packet):  # type: ignore[misc]
    """No bytes are sent here, and so none are taken: they would be gathered without end."""

    def decode(self, encoded_packet: Any) -> int:
        """Read a packet. Raises ValueError."""
        if super().decode(encoded_packet):
            raise ValueError("binary packets are not taken")
        return 0


class _Json:
    """JSON as Engine.IO asks for it; what is nested too deeply is no JSON."""

    @staticmethod
    def dumps(*given: Any, **more: Any) -> str:
        """A value as text."""
        return json.dumps(*given, **more)

    @staticmethod
    def loads(*given: Any, **more: Any) -> Any:
        """The inverse. Raises ValueError."""
        try:
            return json.loads(*given, **more)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _packet(update: Update) -> EnginePacket:
    """Socket.IO's event in the packet of the protocol below it, around JSON that is text already."""
    return EnginePacket(MESSAGE, f'2["{update.event}",{update.data}]')


def _token(environ: Mapping[str, Any], auth: object) -> str:
    given = auth.get("token") if isinstance(auth, Mapping) else None
    if isinstance(given, str):
        return given.removeprefix("Bearer ")
    scheme, _, told = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return told if scheme.lower() == "bearer" else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _abort(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        transport.abort()
