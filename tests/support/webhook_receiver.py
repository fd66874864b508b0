"""A webhook's receiver for tests: a real HTTP server that checks each signature with the vendors' own library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from standardwebhooks.webhooks import Webhook

from tests.support.http_server import QuietServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_SECONDS = 20.0
"""Only a hang takes so long."""


@dataclass(frozen=True)
class Reply:
    """What the receiver answers."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    before: Callable[[Receiver], object] = lambda receiver: None
    """Called before anything is sent."""
    drips: str = ""
    """"headers" or "body": sends one byte after the other without end."""


@dataclass(frozen=True)
class Delivery:
    """What came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    event: Any
    """The body as JSON, once the signature was found right."""

    @property
    def id(self) -> str:
        """The message's."""
        return self.headers["webhook-id"]


class Receiver:
    """Receives, and answers what it was told to answer; after that 204.

    Args:
        secret: None takes what is not signed.
    """

    def __init__(self, secret: str | None = SECRET) -> None:
        self.replies: list[Reply] = []
        self.deliveries: list[Delivery] = []
        self.is_closing = threading.Event()
        self._verify = Webhook(secret).verify if secret else None
        self._news = threading.Condition()
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/in"

    def then(self, *replies: Reply) -> None:
        """Answer these next."""
        self.replies += replies

    def wait_for(self, count: int) -> list[Delivery]:
        """Wait until so many came, whatever was answered."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.deliveries) >= count, PATIENCE_SECONDS), len(self.deliveries)
            return list(self.deliveries)

    def wait_for_name(self, name: str) -> Delivery:
        """Wait for a signal of this name."""

        def found() -> list[Delivery]:
            return [each for each in self.deliveries if each.event["name"] == name]

        with self._news:
            assert self._news.wait_for(lambda: bool(found()), PATIENCE_SECONDS)
            return found()[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        import json

        lowered = {name.lower(): value for name, value in headers.items()}
        event = self._verify(body, lowered) if self._verify else json.loads(body)
        with self._news:
            self.deliveries.append(Delivery(path, lowered, body, event))
            self._news.notify_all()
            return self.replies.pop(0) if self.replies else Reply()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                reply = receiver._take(self.path, dict(self.headers), body)
                reply.before(receiver)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.drips == "headers":
                    self.flush_headers()
                    self._drip(b"x")
                    return
                if reply.drips == "body":
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    self._drip(b"1\r\nx\r\n")
                    return
                if reply.status not in (204, 304):
                    self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def _drip(self, piece: bytes) -> None:
                self.close_connection = True
                while not receiver.is_closing.wait(0.02):
                    self.wfile.write(piece)
                    self.wfile.flush()

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        return Handler
