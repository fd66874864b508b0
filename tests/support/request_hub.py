"""A hub without WebSockets, scripted: each kind of request is answered by a test's own function."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from tests.support.http_server import QuietServer
from tests.support.hubs import NEGOTIATED

HANDSHAKE = "{}\x1e"


def task_record(task_id: str) -> str:
    """A call of TaskHub with one task."""
    return json.dumps({"type": 1, "target": "TaskHub", "arguments": [{"tasks": [{"id": task_id}]}]}) + "\x1e"


@dataclass
class Reply:
    """What one request is answered with."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """By their names in lower case."""
    body: str


class RequestHub:
    """Negotiates, and answers the rest with `on_send`, `on_poll`, `on_leave`; `stream` writes an event stream.

    What is put into `polls` answers one poll each; a poll waits for it.

    Args:
        offers: the transports of the negotiation.
        stream: writes to the client of an event stream by the function that it is given, which takes bytes.
        upgrade: answers a request for a WebSocket.
    """

    def __init__(
        self,
        *offers: str,
        stream: Callable[[Callable[[bytes], object]], object] | None = None,
        upgrade: Callable[[], Reply] = lambda: Reply(400),
        negotiate: Callable[[Asked], Reply | None] = lambda asked: None,
        send: Callable[[Asked], Reply] = lambda asked: Reply(),
        first_poll: Callable[[Asked], Reply] = lambda asked: Reply(),
    ) -> None:
        self._offers: Sequence[str] = offers
        self._stream, self._upgrade, self._send = stream, upgrade, send
        self._negotiate, self._first_poll = negotiate, first_poll
        self.polls: queue.Queue[Reply] = queue.Queue()
        self.asked: list[Asked] = []
        self.left = threading.Event()
        """Set when the client had its connection deleted."""
        self.said_goodbye = threading.Event()
        self._changed = threading.Condition()
        self._polled = False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            do_GET = do_POST = do_DELETE = lambda handler: self._answer(handler)  # noqa: N815 - its names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/taskhub"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.socket.close()

    def of(self, method: str) -> list[Asked]:
        """The requests with this method, but for negotiations."""
        return [one for one in self.asked if one.method == method and "/negotiate" not in one.path]

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait until what was asked and answered makes the condition true; False when that takes too long."""
        with self._changed:
            return self._changed.wait_for(condition, 30)

    def _answer(self, handler: Any) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0))).decode()
        asked = Asked(handler.command, handler.path, headers, body)
        self.asked.append(asked)
        if headers.get("accept") == "text/event-stream" and self._stream is not None:
            self._write_stream(handler, self._stream)
            return
        reply = self._reply(asked)
        handler.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)
        with self._changed:
            self._changed.notify_all()

    def _reply(self, asked: Asked) -> Reply:
        if "/negotiate" in asked.path:
            return self._negotiate(asked) or self.negotiated()
        if asked.method == "DELETE":
            self.left.set()
            return Reply(202)
        if asked.method == "POST":
            if '"type":7' in asked.body:
                self.said_goodbye.set()
            return self._send(asked)
        if "upgrade" in asked.headers:
            return self._upgrade()
        if not self._polled:
            self._polled = True
            return self._first_poll(asked)
        try:
            return self.polls.get(timeout=30)
        except queue.Empty:  # whoever asked is gone, and its test is over
            return Reply(204)

    def negotiated(self, **headers: str) -> Reply:
        """The usual answer to a negotiation, with more headers."""
        offers = [{"transport": offer, "transferFormats": ["Text"]} for offer in self._offers]
        return Reply(body=json.dumps({**NEGOTIATED, "availableTransports": offers}).encode(), headers=headers)

    def _write_stream(self, handler: Any, stream: Callable[[Callable[[bytes], object]], object]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        try:
            stream(handler.wfile.write)
        except OSError:
            pass
