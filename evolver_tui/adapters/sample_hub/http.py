"""The sample hub's side of HTTP: requests and replies, up to the one that opens a WebSocket."""

from __future__ import annotations

import asyncio
import http.client
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets import http11
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.server import ServerProtocol

_BODY_LIMIT = 64 * 1024


class ProtocolError(Exception):
    """The client broke a protocol. `code` is the WebSocket close code or the HTTP status that says so."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, without its body. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request.

    Raises:
        ProtocolError: it is not HTTP, or too large.
        EOFError: the client went away.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise ProtocolError(431, "too much header") from None
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise ProtocolError(400, "not HTTP/1")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        raise ProtocolError(411, "a body needs a Content-Length")
    if int(length) > _BODY_LIMIT:
        raise ProtocolError(413, "too large a body")
    await reader.readexactly(int(length))
    try:
        target = urlsplit(words[1])
    except ValueError:
        raise ProtocolError(400, "not a request target") from None
    return Request(words[0], unquote(target.path), dict(parse_qsl(target.query)), headers)


def response(status: int, body: bytes = b"", content_type: str = "text/plain") -> bytes:
    """An HTTP response after which the connection closes."""
    head = (
        f"HTTP/1.1 {status} {http.client.responses[status]}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body


def upgrade_response(request: Request) -> bytes:
    """The response that turns the connection into a WebSocket; one of another status says why that cannot be.

    Raises:
        ProtocolError: a header holds control characters.
    """
    try:
        handshake = http11.Request(request.path, Headers(request.headers))
    except InvalidHeader:
        raise ProtocolError(400, "not HTTP/1") from None
    return ServerProtocol().accept(handshake).serialize()
