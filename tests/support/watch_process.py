"""`evolver-tui progress watch` as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

PATIENCE_SECONDS = 60.0
"""For what takes much less, on a machine that does much else."""


class WatchProcess:
    """Reads what it writes line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self, beginning: str = "") -> str:
        """The next line of standard output that begins so."""
        return await self._line(self.process.stdout, beginning)

    async def complaint(self, holding: str = "") -> str:
        """The next line of standard error that holds this."""
        assert self.process.stderr is not None
        return await self._line(self.process.stderr, "", holding)

    async def _line(self, stream: asyncio.StreamReader | None, beginning: str, holding: str = "") -> str:
        assert stream is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                line = (await stream.readline()).decode()
                if not line:
                    raise AssertionError(f"it ended before it wrote {beginning or holding!r}")
                if line.startswith(beginning) and holding in line:
                    return line.rstrip("\n")

    async def end(self) -> tuple[int, str, str]:
        """Its exit code, and what it wrote until its end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, (out or b"").decode(), (errors or b"").decode()

    def interrupt(self) -> None:
        """Ctrl+C."""
        self.process.send_signal(signal.SIGINT)


@contextlib.asynccontextmanager
async def watching(home: Path, *arguments: str, **environ: str) -> AsyncIterator[WatchProcess]:
    """Watch with these arguments; what still runs at the end of the block is ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evolver_tui", "progress", "watch", "--home", str(home), *arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "NO_COLOR": "1", **environ},
    )  # fmt: skip
    try:
        yield WatchProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
