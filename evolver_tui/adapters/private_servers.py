"""Servers of one's own on this machine, for a look at chats where nobody runs NATS and Redis."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from evolver_tui.core.errors import EvolverError

_MORE_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
"""Where systems put servers beside what a person's shell finds."""
_START_SECONDS: Final = 20.0
_END_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.05


def find_server(program: str) -> str | None:
    """The path of a server's program; None where it is not installed."""
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_MORE_PLACES)))


def free_port() -> int:
    """A port of this host at which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def not_to_outlive_us(*command: str) -> Sequence[str]:
    """A command whose process is told to end when this one is gone, where the system has a way to see to that."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", *command) if setpriv else command


class PrivateServer:
    """A server at a port of 127.0.0.1. What it keeps and writes lies in `folder`."""

    def __init__(self, program: str, arguments: Sequence[str], port: int, folder: Path) -> None:
        self.name = Path(program).name
        self.port = port
        self._command = (program, *arguments)
        self._output = folder / f"{self.name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it takes connections. Raises EvolverError."""
        with self._output.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *not_to_outlive_us(*self._command), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self._output.parent, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._is_answering():
                    if self._process.returncode is not None:
                        raise EvolverError(f"{self.name} ended at its start.", self._last_words())
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise EvolverError(f"{self.name} did not start.", self._last_words()) from None

    async def ended(self) -> None:
        """Wait until it has ended."""
        assert self._process is not None, "it was not started"
        await self._process.wait()

    async def end(self) -> None:
        """End it, by force where it takes long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _is_answering(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def _last_words(self) -> str:
        lines = self._output.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def private_nats(program: str, folder: Path) -> PrivateServer:
    """A nats-server with JetStream."""
    port, config = free_port(), folder / "nats.conf"
    streams = json.dumps(str(folder / "streams"))
    config.write_text(f"host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: {streams} }}\n", "utf-8")
    return PrivateServer(program, ("-c", str(config)), port, folder)


def private_redis(program: str, folder: Path) -> PrivateServer:
    """A redis-server that keeps nothing on the disk."""
    port = free_port()
    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder))
    return PrivateServer(program, options, port, folder)
