"""A real HTTP server on a real socket that plays a model provider byte by byte, as a script says.

    async with ProviderServer([openai_answer("Hello")], [status(429, {"retry-after": "2"})]) as server:
        ...  # ask at server.url; server.requests has what arrived

Each request gets the next turn. A turn is a list of steps: bytes are sent as they are, the other steps are below. When
a turn is over the connection is closed, unless its last step is KEEP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Drip:
    """Send so many bytes at a time."""

    data: bytes
    size: int = 1


@dataclass(frozen=True)
class Forever:
    """Send this again and again, so many seconds apart, until the client leaves."""

    data: bytes
    every: float = 0.0


HANG: Literal["hang"] = "hang"
"""Send nothing until the client leaves."""
RESET: Literal["reset"] = "reset"
"""Cut the connection with a TCP reset."""
KEEP: Literal["keep"] = "keep"
"""Keep the connection for the next request."""

Step = bytes | Drip | Forever | Literal["hang", "reset", "keep"]


@dataclass(frozen=True)
class Request:
    """What arrived. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class ProviderServer:
    """The server; `connections` counts how often somebody connected.

    `hanging` is set once a hang began, `left` once a client left it.
    """

    def __init__(self, *turns: Sequence[Step]) -> None:
        self._turns = list(turns)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.requests: list[Request] = []
        self.connections = 0
        self.hanging = asyncio.Event()
        self.left = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    def then(self, *turns: Sequence[Step]) -> None:
        """Add turns to the script."""
        self._turns += turns

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._serve_one(reader, writer):
                    pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its turn; whether the connection stays."""
        first = await reader.readexactly(1)
        if first == b"\x16":
            # A TLS greeting: say in plain HTTP that none is spoken here, as web servers do.
            writer.write(status(400))
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Request(method, target, headers, body))
        turn = self._turns.pop(0) if self._turns else [status(500, {}, b"The script has no turn for this request.")]
        for step in turn:
            if step == KEEP:
                return True
            await self._play(step, reader, writer)
        return False

    async def _play(self, step: Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case Drip(data, size):
                for start in range(0, len(data), size):
                    writer.write(data[start : start + size])
                    # The transport sends at once; giving way lets the reader see each piece alone.
                    await asyncio.sleep(0)
            case Forever(data, every):
                while not writer.is_closing() and not reader.at_eof():
                    writer.write(data)
                    await writer.drain()
                    await asyncio.sleep(every)
            case "hang":
                self.hanging.set()
                with suppress(ConnectionError):
                    await reader.read(1)
                self.left.set()
            case "reset":
                writer.transport.abort()


# --- bytes ---------------------------------------------------------------------------------------------------------

SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n"


def status(code: int, headers: Mapping[str, str] | None = None, body: object = b"") -> bytes:
    """A whole response after which the connection is closed; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {code} Said", f"content-length: {len(content)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def chunked(content: bytes, size: int = 64) -> bytes:
    """`content` in HTTP's chunks, with the end mark."""
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def event(data: object, name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def openai_chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    """One chunk of a chat completion."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": None}
    return event({**common, "choices": [choice], **fields})


def openai_events(
    *pieces: str, finish: str | None = "stop", usage: tuple[int, int] | None = (11, 7), done: bool = True
) -> bytes:
    """A stream of chat completion chunks, as OpenAI sends it with include_usage."""
    parts = [openai_chunk({"role": "assistant", "content": ""})]
    parts += [openai_chunk({"content": piece}) for piece in pieces]
    if finish:
        parts.append(openai_chunk(finish=finish))
    if usage:
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        parts.append(openai_chunk(choices=[], usage=counts))
    if done:
        parts.append(b"data: [DONE]\n\n")
    return b"".join(parts)


def openai_answer(*pieces: str) -> bytes:
    """A whole streamed response."""
    return SSE_HEAD + openai_events(*pieces)


def anthropic_events(*pieces: str, reason: str = "end_turn", usage: tuple[int, int] = (11, 7)) -> bytes:
    """A stream of message events."""
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m",
        "stop_reason": None,
    }
    first = {**message, "usage": {"input_tokens": usage[0], "output_tokens": 1}}
    parts = [
        event({"type": "message_start", "message": first}, "message_start"),
        event(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            "content_block_start",
        ),
        event({"type": "ping"}, "ping"),
    ]
    for piece in pieces:
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        parts.append(event(delta, "content_block_delta"))
    end = {"stop_reason": reason, "stop_sequence": None}
    parts += [
        event({"type": "content_block_stop", "index": 0}, "content_block_stop"),
        event({"type": "message_delta", "delta": end, "usage": {"output_tokens": usage[1]}}, "message_delta"),
        event({"type": "message_stop"}, "message_stop"),
    ]
    return b"".join(parts)
