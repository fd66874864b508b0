"""A process in a pseudo-terminal of its own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

_PIECE: Final = 64 * 1024
_SECONDS_TO_END: Final = 10.0
"""What a console gets to end in order, once its terminal is gone."""
_BECOME: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Makes the terminal the one that controls the process, which nobody but the process itself can do."""


class Size(NamedTuple):
    """Of a terminal, in cells."""

    columns: int
    rows: int


class TerminalProcess:
    """A process, and the other end of its terminal. Its output is read by one reader."""

    def __init__(self, process: asyncio.subprocess.Process, primary: int) -> None:
        self._process = process
        self._primary = primary

    @classmethod
    async def start(cls, command: Sequence[str], environ: Mapping[str, str], size: Size) -> TerminalProcess:
        """Start a command. Raises OSError."""
        primary, secondary = os.openpty()
        try:
            os.set_blocking(primary, False)
            _set_size(primary, size)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", "-c", _BECOME, *command,
                stdin=secondary, stdout=secondary, stderr=secondary, env=environ, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(primary)
            raise
        finally:
            os.close(secondary)
        return cls(process, primary)

    async def read(self) -> bytes:
        """What it wrote; empty once nobody writes to the terminal any more."""
        while True:
            try:
                return os.read(self._primary, _PIECE)
            except BlockingIOError:
                await self._ready(to_write=False)
            except OSError:  # the last one has closed it
                return b""

    async def write(self, data: bytes) -> None:
        """Type something, as fast as the process takes it. What comes after its end is lost."""
        while data:
            try:
                data = data[os.write(self._primary, data) :]
            except BlockingIOError:
                await self._ready(to_write=True)
            except OSError:
                return

    def resize(self, size: Size) -> None:
        """Make the terminal another size."""
        with contextlib.suppress(OSError):
            _set_size(self._primary, size)

    async def close(self) -> None:
        """Close the terminal, as a window is closed, and end the process. Nobody may read or write it by then."""
        os.close(self._primary)
        await self.end()

    async def end(self) -> None:
        """Let the process end in order, as where its window is closed; end it where it does not."""
        self._signal(signal.SIGHUP)
        try:
            async with asyncio.timeout(_SECONDS_TO_END):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _ready(self, *, to_write: bool) -> None:
        """Wait until something can be read or written."""
        loop, primary, ready = asyncio.get_running_loop(), self._primary, asyncio.Event()
        watch, leave = (loop.add_writer, loop.remove_writer) if to_write else (loop.add_reader, loop.remove_reader)
        watch(primary, ready.set)
        try:
            await ready.wait()
        finally:
            leave(primary)


def _set_size(descriptor: int, size: Size) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))
