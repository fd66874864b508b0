"""A server's process that a test starts for itself on a free port: ended, killed, started again, held and let go."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

PATIENCE_SECONDS: Final = 60.0
"""Only a hang takes so long."""
_MORE_PLACES: Final = ("/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin")


def find_program(name: str) -> str:
    """The path of a server's program; skips the test where it is not installed."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_MORE_PLACES)))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class ServerProcess:
    """A server of its own on 127.0.0.1, at one port for its whole life, with a folder that goes when it is closed."""

    program: str

    def __init__(self) -> None:
        self._program = find_program(self.program)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.program}-"))
        # Held as long as the server lives, so that nobody else is given the port while it is down for a moment.
        self._held_port = socket.socket()
        self._held_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held_port.bind(("127.0.0.1", 0))
        self.port: int = self._held_port.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def arguments(self) -> Sequence[str]:
        """What the program is started with."""
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "output.txt").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        self._process = self._launch()
        while not self._is_answering():
            if not self.is_running or time.monotonic() > deadline:
                pytest.fail(f"{self.program} did not start:\n{self.log[-2_000:]}")
            time.sleep(0.02)

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [self._program, *self.arguments()]
        if shutil.which("setpriv"):  # not to outlive a test run that is killed
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _is_answering(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return self.is_running
        return False

    def stop(self) -> None:
        """End it in order; whoever is connected is hung up on."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Hold it: it answers nothing, and its connections stay open."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def close(self) -> None:
        """End it at once and leave nothing behind."""
        self.kill()
        self._held_port.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was not started"
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None
