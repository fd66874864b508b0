"""A process in a pseudo terminal of 120 by 40, watched by a thread that does as little as possible."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

COLUMNS, ROWS = 120, 40
PATIENCE_SECONDS = 60.0
"""Only a hang takes so long."""

FRAME_END = rb"\x1b\[\?2026l"
"""As a pattern: what the console writes after a frame, for a terminal that knows synchronized output."""

_ASKS_FOR_FRAMES = b"\x1b[?2026$p"
_KNOWS_FRAMES = b"\x1b[?2026;2$y"
_KEPT = 1 << 20
_SCHEDULED = 0b010
"""Linux's clock of the nanoseconds that a process ran; above these three bits stands whose, inverted."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Something that appeared in the terminal."""

    at: int
    """`time.monotonic_ns()` when its last byte was read."""
    resident: int
    """The process's resident memory right after, in KiB."""
    match: re.Match[bytes]


class Terminal:
    """Runs a command in a terminal and tells when what it writes matches a pattern."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self._primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._changed = threading.Condition()
        self._written = b""
        self._pattern: re.Pattern[bytes] | None = None
        self._sight: Sight | None = None
        self._ended = False
        self.started = time.monotonic_ns()
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            command, env={**environ, **terminal}, cwd=folder, preexec_fn=lambda: os.login_tty(secondary)
        )
        os.close(secondary)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        os.close(self._primary)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._primary, 65536)
            except OSError:  # what Linux says when the process has gone
                chunk = b""
            at = time.monotonic_ns()
            if _ASKS_FOR_FRAMES in chunk:
                os.write(self._primary, _KNOWS_FRAMES)
            with self._changed:
                self._written = (self._written + chunk)[-_KEPT:]
                self._ended = not chunk
                self._look(at)
                if not chunk:
                    self._changed.notify_all()
                    return

    def _look(self, at: int) -> None:
        if self._pattern is not None and self._sight is None:
            match = self._pattern.search(self._written)
            if match is not None:
                self._sight = Sight(at, 0 if self._ended else resident_kib(self.pid), match)
                self._changed.notify_all()

    def watch(self, pattern: bytes) -> None:
        """Forget what was written before and look for `pattern` from here on."""
        with self._changed:
            self._written, self._pattern, self._sight = b"", re.compile(pattern, re.DOTALL), None

    def wait(self) -> Sight:
        """Wait until the pattern appears.

        Raises:
            RuntimeError: it does not.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._sight or self._ended, PATIENCE_SECONDS)
            if self._sight is None:
                pattern = self._pattern.pattern if self._pattern else b""
                raise RuntimeError(f"{pattern!r} did not appear. Last written: {self._written[-2000:]!r}")
            return self._sight

    def see(self, pattern: bytes) -> Sight:
        """Wait until `pattern` appears in what is written from here on, or was since the start where nothing was
        looked for yet."""
        with self._changed:
            self._pattern, self._sight = re.compile(pattern, re.DOTALL), None
            self._look(time.monotonic_ns())
        return self.wait()

    def press(self, key: bytes, pattern: bytes) -> tuple[float, Sight]:
        """Send a key and wait for `pattern` after it; returns how many milliseconds that took, and what was seen."""
        self.watch(pattern)
        sent = time.monotonic_ns()
        os.write(self._primary, key)
        sight = self.wait()
        return (sight.at - sent) / 1e6, sight

    def write(self, keys: bytes) -> None:
        """Send keys."""
        os.write(self._primary, keys)


def resident_kib(pid: int) -> int:
    """A process's resident memory."""
    return _memory(Path(f"/proc/{pid}/status"), "VmRSS:")


def proportional_kib(pid: int) -> int:
    """A process's resident memory, with what it shares counted in parts."""
    return _memory(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _memory(path: Path, name: str) -> int:
    (line,) = [line for line in path.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, in all its threads."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)
