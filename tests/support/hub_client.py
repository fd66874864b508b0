"""A SignalR client of bare bytes, to try the sample hub with what no good client sends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

from evolver_tui.core.link_state import SAMPLE_TASKS

PATIENCE = 10.0
"""Seconds after which a test that waits has failed."""

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}


class Client:
    """A SignalR client of bare bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._records: list[dict[str, Any]] = []
        self.task_ids: list[str] = []
        """The ids of the tasks that `record` passed over."""

    def send_frame(self, payload: bytes, first: int = 0x81, mask: bytes | None = b"\x01\x02\x03\x04") -> None:
        """Send one frame; `first` is its first byte."""
        is_masked = 0 if mask is None else 0x80
        self.declare(len(payload), first, is_masked)
        key = (mask or b"\0") * (len(payload) + 1)
        self._writer.write((mask or b"") + bytes(map(int.__xor__, payload, key)))

    def declare(self, length: int, first: int = 0x81, is_masked: int = 0x80) -> None:
        """Send a frame's head alone."""
        short = struct.pack(">BB", first, is_masked | length) if length < 126 else b""
        self._writer.write(short or struct.pack(">BBQ", first, is_masked | 127, length))

    def send(self, *messages: object) -> None:
        """Send hub messages, all in one frame."""
        self.send_frame("".join(json.dumps(message) + "\x1e" for message in messages).encode())

    async def frame(self) -> tuple[int, bytes]:
        """The next frame's opcode and payload."""
        async with asyncio.timeout(PATIENCE):
            first, length = await self._reader.readexactly(2)
            assert not length & 0x80
            if length >= 126:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
            return first & 0x0F, await self._reader.readexactly(length)

    async def record(self, *kinds: int | None) -> dict[str, Any]:
        """The next hub message of one of these types (None: without one), whatever comes before."""
        while True:
            while self._records:
                message = self._records.pop(0)
                if message.get("type") in kinds:
                    return message
                if message.get("target") == "TaskHub":
                    self.task_ids += [task.get("id") for task in message["arguments"][0]["tasks"]]
            opcode, payload = await self.frame()
            if opcode == 1:
                self._records += [json.loads(record) for record in payload.split(b"\x1e")[:-1]]

    async def tasks(self, count: int) -> list[str]:
        """The ids of the next tasks, of whole messages."""
        ids: list[str] = []
        while len(ids) < count:
            message = await self.record(1)
            ids += [task.get("id") for task in message["arguments"][0]["tasks"]]
        return ids

    async def close_code(self) -> int:
        """The code of the close frame that comes; what comes before is passed over."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                return int.from_bytes(payload[:2])

    async def shake_hands(self) -> None:
        """Agree on JSON."""
        self.send({"protocol": "json", "version": 1})
        assert await self.record(None) in ({}, {SAMPLE_TASKS: True})


async def request(url: str, method: str = "POST", path: str = "", **headers: str) -> tuple[int, str]:
    """Status and body of the answer to one request."""
    _, _, place, hub_path = url.split("/")
    host, port = place.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} /{hub_path}{path} HTTP/1.1", f"Host: {place}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head, _, body = (await asyncio.wait_for(reader.read(), PATIENCE)).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


@contextlib.asynccontextmanager
async def client(url: str, query: str = "") -> AsyncIterator[Client]:
    """A client whose WebSocket is open."""
    _, _, place, path = url.split("/")
    host, port = place.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"GET /{path}{query} HTTP/1.1", f"Host: {place}", *(f"{name}: {value}" for name, value in UPGRADE.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert b" 101 " in head
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
