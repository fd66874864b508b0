"""A SignalR hub that streams tasks, so that the console can be tried and tested without a server.

It speaks the JSON hub protocol over WebSockets, to any SignalR client. Its methods: `Echo(value)`, `Add(a, b)`,
`Fail(text)`, `Counter(count, delayMs)` as a stream, `CompleteTask(id)`, and `Abort()`, which cuts the caller's
connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import json
import re
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from evolver_tui.adapters.sample_hub.connection import Connection, record
from evolver_tui.adapters.sample_hub.feed import FeedSettings, SentTask, TaskFeed
from evolver_tui.adapters.sample_hub.http import ProtocolError, Request, read_request, response, upgrade_response
from evolver_tui.adapters.sample_hub.tasks import load_tasks
from evolver_tui.core.errors import EvolverError, UsageError
from evolver_tui.core.safe_text import safe_text

__all__ = ["FeedSettings", "SampleHub", "SampleHubSettings", "load_tasks", "run_sample_hub"]

_OPENING_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
_MOST_PENDING = 1000


@dataclass(frozen=True, slots=True)
class SampleHubSettings:
    """Where the hub listens and what it does. Times are seconds.

    Raises:
        UsageError: a value cannot be.
    """

    feed: FeedSettings = field(default_factory=FeedSettings)
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free one."""
    path: str = "/taskhub"
    method: str = "TaskHub"
    """The client method that it calls with `{"tasks": [...]}`."""
    replay: bool = True
    """Whether a connection first gets what was sent before and is not finished."""
    token: str = field(default="", repr=False)
    """Asked of every client; empty asks for none."""
    keep_alive: float = 15.0
    client_timeout: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"{self.port} is not a port.", "Give a number from 1 to 65535, or 0 for any free one.")
        if not self.path.startswith("/"):
            raise UsageError(f"The hub's path {self.path!r} must begin with a slash.", "Give one such as /taskhub.")
        if not _is_host(self.host):
            raise UsageError(
                f"{self.host[:80]!a} is not a host to listen at.",
                "Give a name or an address, e.g. 127.0.0.1 or ::1.",
            )


def _is_host(text: str) -> bool:
    """Whether a URL can name this host: an IP address without a zone, or a name in ASCII."""
    try:
        return not getattr(ipaddress.ip_address(text), "scope_id", None)
    except ValueError:
        return bool(re.fullmatch(r"[\w-]{1,63}(\.[\w-]{1,63})*", text, re.ASCII))


class SampleHub:
    """The hub. `start` it in the loop it shall live in; `close` tells clients that they may come back."""

    def __init__(self, settings: SampleHubSettings | None = None) -> None:
        self._settings = settings or SampleHubSettings()
        self._feed = TaskFeed(self._settings.feed)
        self._pending: dict[str, bool] = {}
        """Negotiated ids; True once a socket has come for it."""
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where clients find it, once started."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self._port}{self._settings.path}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    @property
    def unfinished(self) -> int:
        """How many tasks a client that comes back would get again."""
        return self._feed.unfinished

    async def start(self) -> None:
        """Listen.

        Raises:
            EvolverError: the port is in use or the host is not this machine's.
        """
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            reason = "in use" if "in use" in str(error) else f"not to be had ({error.strerror})"
            raise EvolverError(f"Port {port} of {host} is {reason}.", "Choose another port, or 0 for any.") from None
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Send every client a Close that lets it come back, and stop; takes a second at most."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.send_close(allow_reconnect=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def send(self, method: str, *arguments: object) -> None:
        """Call a method of every client."""
        call = record({"type": 1, "target": method, "arguments": list(arguments)})
        for connection in self._connections:
            connection.write_record(call)

    def drop_connections(self) -> None:
        """Cut every connection without a word, as a network does."""
        for connection in self._connections:
            connection.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                request = await read_request(reader)
                answer = self._answer(request)
                writer.write(answer)
                await writer.drain()
            if answer.startswith(b"HTTP/1.1 101"):
                await self._serve(reader, writer)
        except ProtocolError as error:
            writer.write(response(error.code, error.reason.encode()))
        except (EOFError, OSError, TimeoutError):
            pass  # the client went away
        except asyncio.CancelledError:
            writer.transport.abort()  # and no further: asyncio's stream server would report a cancelled handler
        finally:
            self._tasks.discard(task)
            writer.close()

    def _answer(self, request: Request) -> bytes:
        path = self._settings.path.rstrip("/")
        if request.path.rstrip("/") not in (path, f"{path}/negotiate"):
            return response(404, b"The hub is at another path.")
        if not self._is_welcome(request):
            return response(401)
        if not self._is_own_origin(request):
            return response(403, b"Other sites' pages are not served.")
        if request.path.rstrip("/") == path:
            return self._upgrade(request)
        return self._negotiate(request) if request.method == "POST" else response(405)

    def _is_welcome(self, request: Request) -> bool:
        token = self._settings.token
        header = request.headers.get("authorization", "")
        given = header[7:] if header.startswith("Bearer ") else request.query.get("access_token", "")
        return not token or hmac.compare_digest(given.encode(), token.encode())

    def _is_own_origin(self, request: Request) -> bool:
        """Browsers name the page that asks; only a page from this machine may."""
        origin = request.headers.get("origin")
        return origin is None or urlsplit(origin).hostname in ("localhost", "127.0.0.1", "::1", self._settings.host)

    def _negotiate(self, request: Request) -> bytes:
        transports = [{"transport": "WebSockets", "transferFormats": ["Text"]}]
        reply: dict[str, object] = {"connectionId": secrets.token_urlsafe(16), "availableTransports": transports}
        key = str(reply["connectionId"])
        if request.query.get("negotiateVersion", "0") != "0":
            key = secrets.token_urlsafe(16)
            reply |= {"negotiateVersion": 1, "connectionToken": key}
        else:
            reply["negotiateVersion"] = 0
        if len(self._pending) >= _MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[key] = False
        return response(200, json.dumps(reply).encode(), "application/json")

    def _upgrade(self, request: Request) -> bytes:
        if request.method != "GET" or not request.is_upgrade:
            return response(400, b"Only WebSockets are offered here.")
        key = request.query.get("id")
        if key is not None:
            if key not in self._pending:
                return response(404, b"No connection with that id.")
            if self._pending[key]:
                return response(409, b"That connection has its socket.")
        answer = upgrade_response(request)
        if key is not None:
            self._pending[key] = True
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._settings.keep_alive, self._settings.client_timeout, self._feed)
        streaming: asyncio.Task[None] | None = None
        try:
            if await connection.shake_hands():
                self._connections.add(connection)
                streaming = asyncio.create_task(self._stream(connection))
                await connection.serve()
        finally:
            self._connections.discard(connection)
            if streaming is not None:
                streaming.cancel()
            connection.cancel_streams()

    async def _stream(self, connection: Connection) -> None:
        live_from = self._feed.end
        position = 0 if self._settings.replay else live_from
        opening = f'{{"type":1,"target":{json.dumps(self._settings.method)},"arguments":[{{"tasks":['
        try:
            while True:
                position, tasks = self._feed.read(position, live_from)
                if tasks:
                    connection.write_records(_messages(opening, tasks, self._settings.feed.batch))
                    await connection.drain()
                    await asyncio.sleep(0)
                elif not await self._feed.produce(position):
                    return
        except OSError:
            pass  # the reading side ends the connection


def _messages(opening: str, tasks: Sequence[SentTask], batch: int) -> list[bytes]:
    if batch == 1:
        return [f"{opening}{task.text}]}}]}}\x1e".encode() for task in tasks]
    batches = (tasks[start : start + batch] for start in range(0, len(tasks), batch))
    return [f"{opening}{','.join(task.text for task in some)}]}}]}}\x1e".encode() for some in batches]


def run_sample_hub(settings: SampleHubSettings, tasks_file: Path | None = None) -> int:
    """`evolver-tui hub`: run until SIGTERM (exit code 0) or SIGINT (130). A tasks file takes the place of the tasks.

    The first line on stdout is `{"hub_url": "..."}`. What hinders it is one sentence on stderr: exit code 1, or 2 for
    a tasks file that cannot be used.
    """
    try:
        if tasks_file is not None:
            settings = replace(settings, feed=replace(settings.feed, tasks=load_tasks(tasks_file)))
        return asyncio.run(_run_until_signal(settings))
    except EvolverError as error:
        print(f"evolver-tui: {safe_text(error)}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


async def _run_until_signal(settings: SampleHubSettings) -> int:
    loop = asyncio.get_running_loop()
    exit_code: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not exit_code.done():
            exit_code.set_result(code)

    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    loop.add_signal_handler(signal.SIGINT, stop, 130)
    async with SampleHub(settings) as hub:
        with contextlib.suppress(OSError):  # nobody reads it: who chose the port knows the address
            print(json.dumps({"hub_url": hub.url}), flush=True)
        return await exit_code
