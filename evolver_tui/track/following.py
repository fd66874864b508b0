"""Whether somebody follows a run file while it is written: a lock of the reader's says so, and ends with the reader.

It belongs to an open file description (Linux), so it holds nobody up, lies in no file, and outlives no process.
"""

from __future__ import annotations

import math
import os
import struct
import time
from typing import IO

_FLOCK = "hhqqi4x"
"""`struct flock`: kind, whence, start, length (0: to the end) and process."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""A pipe is not waited for."""


class Follower:
    """Says of one file that it is followed."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self.followed_at = -math.inf
        """When it was said last, by the monotonic clock."""

    def follow(self, path: str | os.PathLike[str]) -> None:
        """Say it of the file that lies there now, until `let_go`. One that cannot be opened is left to who reads it."""
        self.followed_at = time.monotonic()
        if self._file is not None and _is_at(self._file, path):
            return
        self.let_go()
        try:
            self._file = open(os.open(path, _FLAGS), "rb", buffering=0)  # noqa: SIM115 - until `let_go`
        except OSError:
            return
        follow(self._file.fileno())

    def let_go(self) -> None:
        """Say it no longer."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _is_at(file: IO[bytes], path: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def follow(descriptor: int) -> None:
    """Say that this open file is followed, until it is closed. Nothing comes of it where a system has no such locks."""
    try:
        import fcntl

        lock = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except (ImportError, AttributeError, OSError):
        pass


def is_followed(descriptor: int) -> bool:
    """Whether somebody follows this file, by another open file. True where that cannot be known."""
    try:
        import fcntl

        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, lock)
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
    except (ImportError, AttributeError, OSError, ValueError):
        return True
