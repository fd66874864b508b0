"""An HTTP server in the loop of whoever starts it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from evolver_tui.adapters.web.access import Access
from evolver_tui.core.errors import UsageError
from evolver_tui.settings.library_logs import keep_off_terminal

_SECONDS_FOR_A_HEAD = 10.0
_MOST_HEAD_BYTES = 16 * 1024
_SECONDS_TO_END = 1


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """What a server takes."""

    port: int
    """0 for any that is free."""
    port_setting: str
    """Where it can be chosen, as a sentence's end."""
    connections: int
    """At once, those included that ask and go."""
    takes_sockets: bool = False
    """Whether there are WebSockets."""
    longest_message: int = 64 * 1024
    """Bytes that one message of a WebSocket may have."""


class WebServer:
    """Serves an application over HTTP. `start` it in the loop that it shall live in."""

    def __init__(self, app: ASGIApp, access: Access, terms: ServerTerms) -> None:
        self.access = access
        self.port = terms.port
        """Another one where 0 was given, once started."""
        self._terms = terms
        keep_off_terminal("uvicorn")
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="websockets-sansio" if terms.takes_sockets else "none",
                ws_max_size=terms.longest_message,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=terms.connections,
                h11_max_incomplete_event_size=_MOST_HEAD_BYTES,
                timeout_graceful_shutdown=_SECONDS_TO_END,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is found, once started."""
        host = self.access.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises UsageError where that cannot be done."""
        listener = await asyncio.to_thread(_listen, self.access, self._terms)
        self.port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        await self._server.is_up.wait()

    def take_no_more(self) -> None:
        """Close the door: whoever comes is refused by the system, and comes back or goes elsewhere."""
        self._server.should_exit = True

    async def close(self) -> None:
        """End what is still served."""
        self.take_no_more()
        if self._serving is not None:
            await self._serving


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """Lets a route break its connection, and waits for a request no longer than it should."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
        self._waiting = self.loop.call_later(_SECONDS_FOR_A_HEAD, self._end_if_silent)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None:
            self._stop_waiting()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_waiting()  # from here on the connection is another protocol's
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _end_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.abort()


def _listen(access: Access, terms: ServerTerms) -> socket.socket:
    host, port = access.host, terms.port
    try:
        found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2_048)
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such host"
        raise UsageError(
            f"The {access.words.server} cannot listen at {host[:80]!a}, port {port}: {reason}.",
            f"Choose another by --host and --port, or {terms.port_setting}.",
        ) from None
    return listener
