"""Whether a SQLite file is still the one that was opened: backup programs replace, restore and delete it meanwhile.

SQLite itself goes on with the file that it has open, whatever its name leads to by now, and takes the log beside it by
name. So every transaction looks first; two calls of `stat` take some microseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from evolver_tui.core.errors import StoreBroken, StoreError

_GONE_SECONDS: Final = 5.0
"""After which a file that is not there does not come back: a folder may be moved, or a disk be away, for a moment."""
START_AGAIN: Final = "Nothing more is written. Start again to work with the file that is there then."

Identity = tuple[int, int]
"""A file's device and number."""


def identity_of(path: Path) -> Identity | None:
    """Which file a name leads to; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SameFile:
    """The file that was opened under a name.

    Args:
        monotonic: seconds that only grow.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.log = path.with_name(path.name + "-wal")
        self._monotonic = monotonic
        self._identity: Identity | None = None
        self._gone_since: float | None = None

    def remember(self) -> None:
        """From now on the file is the one that lies there now."""
        self._identity = identity_of(self.path)
        self._gone_since = None

    @property
    def is_there(self) -> bool:
        """Whether the name leads to it now."""
        return identity_of(self.path) == self._identity

    def check(self) -> None:
        """Make sure that the name leads to the file that was opened.

        Raises:
            StoreBroken: it leads to another, or has led to none for seconds.
            StoreError: it leads to none.
        """
        identity = identity_of(self.path)
        if identity is None:
            self._say_gone()
        elif identity != self._identity:
            raise self.replaced()
        self._gone_since = None

    def _say_gone(self) -> None:
        now = self._monotonic()
        if self._gone_since is None:
            self._gone_since = now
        is_back_soon = now - self._gone_since < _GONE_SECONDS
        gone = f"The database {self.path} was moved or deleted while it was open."
        if is_back_soon:
            raise StoreError(gone, "Put it back; nothing is written until then.")
        raise StoreBroken(gone, "Nothing more is written. Put it back, then start again.")

    def replaced(self) -> StoreBroken:
        """The words for a file that is another, or holds something else."""
        return StoreBroken(f"The database {self.path} was replaced or restored while it was open.", START_AGAIN)


class FileConnection(sqlite3.Connection):
    """A connection that knows its write-ahead log, and never takes away another's on its way out."""

    file: SameFile
    log: Identity | None = None

    def check(self) -> None:
        """Make sure that file and log are the ones that this connection has open. Raises as `SameFile.check`."""
        try:
            self.file.check()
        except StoreBroken:
            self._put_log_aside()
            raise
        beside = identity_of(self.file.log)
        self.log = self.log or beside  # it is made when it is needed first
        if beside != self.log:
            raise self.file.replaced()

    def _put_log_aside(self) -> None:
        """Where another file took the place, the next to open it would take what the old one's log holds into it."""
        if self.log is not None and identity_of(self.file.log) == self.log:
            with contextlib.suppress(OSError):
                os.rename(self.file.log, f"{self.file.log}.replaced")
                os.unlink(f"{self.file.path}-shm")

    def close(self) -> None:
        """Close; the last one to do so deletes the log by its name. Where that is another's, this one stays open."""
        beside = identity_of(self.file.log)
        if beside is None or self.log is None or beside == self.log:
            super().close()
        else:  # not even the end of the interpreter may close it
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
