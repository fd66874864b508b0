"""A file of signals for other programs: one object a line in the canonical shape, as long as the disk takes it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from evolver_tui.core.safe_text import safe_json
from evolver_tui.core.signal import Signal, SignalEmittedEvent
from evolver_tui.core.signal_filter import SignalFilter
from evolver_tui.settings.secrets import scrub_value


class SignalFile:
    """Appends each signal that is wanted; to be called in one thread. A file that grows too large becomes `NAME.1`.

    Whole lines only, for the file's owner alone, without known secrets. Each call raises OSError where the line could
    not be written; the next one tries anew. A file that was moved or removed meanwhile is made again.
    """

    def __init__(
        self, path: Path, wanted: SignalFilter, secrets: Callable[[], Sequence[str]], *, max_bytes: int, keep: int
    ) -> None:
        """Args:
        wanted: which signals.
        secrets: what must not stand there; asked with the first signal.
        max_bytes: how large the file may grow.
        keep: how many older files stay beside it.
        """
        self._path = path
        self._wanted = wanted
        self._find_secrets = secrets
        self._secrets: Sequence[str] | None = None
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor: int | None = None

    def __call__(self, signal: Signal) -> None:
        """Write one signal. Raises OSError."""
        if not self._wanted.matches(signal, _words):
            return
        if self._secrets is None:
            self._secrets = self._find_secrets()
        event = scrub_value(SignalEmittedEvent.from_signal(signal).to_dict(), self._secrets)
        line = f"{safe_json(json.dumps(event, default=repr))}\n".encode("ascii")
        try:
            self._write(line)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; a later signal opens it again."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _write(self, line: bytes) -> None:
        descriptor, size = self._opened()
        if size and size + len(line) > self._max_bytes:
            self.close()
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
            self.close()
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


def _words(signal: Signal) -> str:
    return json.dumps(dict(signal.payload), default=repr, ensure_ascii=False)
