"""A file of signals for other programs: one object a line in the canonical shape, as long as the disk takes it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from evolver_tui.adapters.listeners.outgoing import Outgoing
from evolver_tui.core.signal import Signal


class SignalFile:
    """Appends each signal; to be called in one thread. A file that grows too large becomes `NAME.1`.

    Whole lines only, for the file's owner alone, without known secrets. Each call raises OSError where the line could
    not be written; the next one tries anew. A file that was moved or removed meanwhile is made again.
    """

    def __init__(self, path: Path, secrets: Callable[[], Sequence[str]], *, max_bytes: int, keep: int) -> None:
        """Args:
        secrets: what must not stand there; asked with the first signal.
        max_bytes: how large the file may grow.
        keep: how many older files stay beside it.
        """
        self._path = path
        self._outgoing = Outgoing(secrets)
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor: int | None = None

    def __call__(self, signal: Signal) -> None:
        """Write one signal. Raises OSError."""
        line = f"{self._outgoing(signal)}\n".encode("ascii")
        try:
            self._write(line)
        except OSError:
            self._let_go()
            raise

    def close(self, seconds: float = 0.0) -> None:
        """Let go of the file; a later signal opens it again."""
        self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _write(self, line: bytes) -> None:
        descriptor, size = self._opened()
        if size and size + len(line) > self._max_bytes:
            self._let_go()
            self._make_room()
            descriptor, size = self._opened()
        written = os.write(descriptor, line)
        if written < len(line):  # the disk is full: half a line helps nobody
            os.ftruncate(descriptor, size)
            raise OSError(28, os.strerror(28), str(self._path))

    def _opened(self) -> tuple[int, int]:
        """The file and its size."""
        if self._descriptor is not None:
            held = os.fstat(self._descriptor)
            try:
                there = os.stat(self._path)
            except FileNotFoundError:
                there = None
            if there is not None and os.path.samestat(held, there):
                return self._descriptor, held.st_size
            self._let_go()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor, os.fstat(self._descriptor).st_size

    def _make_room(self) -> None:
        """The file becomes the first of the older ones; the last of those goes."""
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._keep + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)
        if not self._keep:
            os.unlink(self._path)
