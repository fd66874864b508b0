"""`evolver-tui serve` in a process, and a client of it that draws what its terminal would show."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pyte
from websockets.asyncio.client import ClientConnection, connect

from tests.support.processes import environment

PATIENCE_SECONDS = 60.0
"""Only a hang takes so long."""
_POINTER_SHAPE = re.compile(rb"\x1b\]22;[a-z-]*\x07")


class ServedConsole:
    """A running server."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address
        """With the token."""
        self.url, _, token = address.partition("/#token=")
        self.token = unquote(token)

    async def ask(self, path: str, method: str = "POST", token: str | None = None, **headers: str) -> httpx.Response:
        """One request; with the right token where none is named."""
        named = {"Authorization": f"Bearer {self.token if token is None else token}", **headers}
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            return await client.request(method, path, headers=named)

    async def ticket(self) -> str:
        """What opens one terminal."""
        return str((await self.ask("/api/ticket")).json()["ticket"])

    def terminal_url(self, ticket: str, size: str = "?width=120&height=40") -> str:
        """Where a page's terminal connects."""
        return f"{self.url.replace('http', 'ws', 1)}/ws/{ticket}{size}"

    @asynccontextmanager
    async def terminal(self) -> AsyncIterator[TerminalPage]:
        """A page's terminal, at 120 by 40."""
        url = self.terminal_url(await self.ticket())
        async with connect(url, proxy=None, max_size=None, origin=self.url) as socket:  # type: ignore[arg-type]
            yield TerminalPage(socket)

    async def end(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()


class TerminalPage:
    """A page's end of a terminal."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.screen = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self.screen)
        self.texts: list[Any] = []
        """What came beside the terminal's bytes."""

    @property
    def text(self) -> str:
        """What stands there."""
        return "\n".join(self.screen.display)

    async def send(self, *message: object) -> None:
        """One message of the page."""
        await self.socket.send(json.dumps(message))

    async def until(self, is_true: Callable[[str], bool]) -> str:
        """Read on until this is true of the screen. Raises ConnectionClosed where it ends before."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_true(self.text):
                data = await self.socket.recv()
                if isinstance(data, bytes):
                    self._stream.feed(_POINTER_SHAPE.sub(b"", data))
                else:
                    self.texts.append(json.loads(data))
        return self.text


@asynccontextmanager
async def served_console(home: Path, *arguments: str, **environ: str) -> AsyncIterator[ServedConsole]:
    """A server of consoles of this home."""
    command = (sys.executable, "-m", "evolver_tui", "serve", "--home", str(home), "--port", "0", *arguments)
    with (home / "serve.txt").open("wb") as told:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=told, env=environment(home, **environ)
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            address = json.loads(await process.stdout.readline())["console_url"]
        yield ServedConsole(process, address)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
