"""A started worker process, as its supervisor sees it: what it says, what it holds, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from evolver_tui.adapters.worker_process.channel import LONGEST_LINE, to_line
from evolver_tui.core.outage import Outage

_BEGIN: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from evolver_tui.cli.worker_process import main; main(int(sys.argv[2]))"
)
"""Modules are found there exactly where they are found here, whatever the working folder holds."""

_LAST_WORDS_BYTES: Final = 16_000
_SECONDS_FOR_THE_REST: Final = 0.5
"""How long what a process said before its end may still be on its way."""

Held = tuple[int, int]
"""A job and the fence of its claim."""


class Child:
    """One process in a session of its own: a Ctrl+C in the terminal is not meant for it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._output = asyncio.create_task(self._listen())
        self._end = asyncio.create_task(self._end_of_messages())
        self._last_words = b""
        self.owner = ""
        """The name under which it claims jobs; empty until it is ready."""
        self.held: frozenset[Held] = frozenset()
        self.outages: tuple[Outage, ...] = ()
        """What its jobs share and does not work."""
        self.was_killed_for = ""
        """Why its supervisor killed it."""

    @classmethod
    async def start(cls, environ: Mapping[str, str]) -> Child:
        """Start one. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-X", "faulthandler", "-c", _BEGIN, json.dumps(sys.path), str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),), start_new_session=True, env=environ,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, *await asyncio.open_connection(sock=ours, limit=LONGEST_LINE))

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def send(self, do: str, **arguments: Any) -> None:
        """Tell it to do something; one that is gone hears nothing."""
        if not self._writer.is_closing():
            self._writer.write(to_line({"do": do, **arguments}))

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What it says, until it ends."""
        with contextlib.suppress(OSError, ValueError):
            while line := await self._reader.readline():
                yield json.loads(line)

    def kill(self, reason: str) -> None:
        """End it now, with all that it started."""
        if self._process.returncode is None:
            self.was_killed_for = self.was_killed_for or reason
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def freeze(self, frozen: bool) -> None:
        """Stop it, with all that it started, or let it go on."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    async def ended(self) -> str:
        """Wait for its end; returns how it ended, as the end of a sentence that begins with its name."""
        code = await self._process.wait()
        self._writer.close()
        with contextlib.suppress(TimeoutError):  # what it started may hold the pipe open
            await asyncio.wait_for(self._output, 1.0)
        if self.was_killed_for:
            return f"was ended because {self.was_killed_for}"
        if code < 0:
            return f"was ended by signal {-code} ({_name_of(-code)})"
        return f"ended with exit code {code}"

    @property
    def last_words(self) -> Sequence[str]:
        """The last lines that were printed in it; of a crash in C, where Python was at that moment."""
        lines = self._last_words.decode(errors="replace").splitlines()
        return [line for line in lines if line and not line.startswith("Extension modules:")][-80:]

    async def _end_of_messages(self) -> None:
        """What it started may live on, with the other end of the channel in its hands."""
        await self._process.wait()
        await asyncio.sleep(_SECONDS_FOR_THE_REST)
        self._reader.feed_eof()

    async def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while piece := await stream.read(65_536):
            self._last_words = (self._last_words + piece)[-_LAST_WORDS_BYTES:]


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
