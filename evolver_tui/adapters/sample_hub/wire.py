"""The sample hub's side of HTTP and WebSocket: requests, replies, frames."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import struct
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

MESSAGE_LIMIT = 1024 * 1024
"""Bytes; no client has reason to send the sample hub more at once."""

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

_ACCEPT_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BODY_LIMIT = 64 * 1024


class WireError(Exception):
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
        WireError: it is not HTTP, or too large.
        EOFError: the client went away.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise WireError(431, "too much header") from None
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise WireError(400, "not HTTP/1")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        raise WireError(411, "a body needs a Content-Length")
    if int(length) > _BODY_LIMIT:
        raise WireError(413, "too large a body")
    await reader.readexactly(int(length))
    try:
        target = urlsplit(words[1])
    except ValueError:
        raise WireError(400, "not a request target") from None
    return Request(words[0], unquote(target.path), dict(parse_qsl(target.query)), headers)


def response(status: int, body: bytes = b"", content_type: str = "text/plain") -> bytes:
    """An HTTP response after which the connection closes."""
    head = (
        f"HTTP/1.1 {status} {http.client.responses[status]}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body


def upgrade_response(request: Request) -> bytes:
    """The response that turns the connection into a WebSocket.

    Raises:
        WireError: the request does not ask for one in the way that it must.
    """
    key = request.headers.get("sec-websocket-key", "")
    if request.headers.get("sec-websocket-version") != "13" or not key:
        raise WireError(426, "WebSocket version 13 is spoken here")
    digest = hashlib.sha1((key + _ACCEPT_KEY).encode("latin-1"), usedforsecurity=False).digest()
    accept = base64.b64encode(digest).decode("ascii")
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    return head.encode("latin-1")


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole frame from the server, unmasked."""
    length = len(payload)
    if length < 126:
        return struct.pack(">BB", 0x80 | opcode, length) + payload
    if length < 65536:
        return struct.pack(">BBH", 0x80 | opcode, 126, length) + payload
    return struct.pack(">BBQ", 0x80 | opcode, 127, length) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame."""
    return frame(struct.pack(">H", code) + reason.encode("utf-8")[:120], CLOSE)


async def read_frame(reader: asyncio.StreamReader) -> tuple[bool, int, bytes]:
    """The next frame from a client: whether it ends its message, its opcode, its unmasked payload.

    Raises:
        WireError: unmasked, too large, or otherwise against RFC 6455.
        EOFError: the client went away.
    """
    first, second = await reader.readexactly(2)
    opcode, length = first & 0x0F, second & 0x7F
    if first & 0x70:
        raise WireError(1002, "no extension was agreed on")
    if not second & 0x80:
        raise WireError(1002, "a client's frames must be masked")
    if opcode >= CLOSE and (length > 125 or not first & 0x80):
        raise WireError(1002, "a control frame must be short and whole")
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2))
    elif length == 127:
        length = int.from_bytes(await reader.readexactly(8))
    if length > MESSAGE_LIMIT:
        raise WireError(1009, "too large a message")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(length)
    key = (mask * (length // 4 + 1))[:length]
    return bool(first & 0x80), opcode, (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)
