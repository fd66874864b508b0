"""Whether a SQLite file is still the one that was opened: backup programs replace, restore and delete it meanwhile.

SQLite itself goes on with the file that it has open, whatever its name leads to by now, and takes the log beside it by
name. So every transaction looks first; two calls of `stat` take some microseconds.

No file is opened for that: closing it would take away SQLite's own locks on it, which belong to the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from evolver_tui.core.errors import StoreBroken, StoreError

_GONE_SECONDS: Final = 5.0
"""After which a file that is not there does not come back: a folder may be moved, or a disk be away, for a moment."""
START_AGAIN: Final = "Nothing more is written. Start again to work with the file that is there then."

_INDEX: Final = struct.Struct("=16xI12x8s56xI28xI")
"""Of the index of a write-ahead log (-shm): how many frames the log has, its salts, how many of its frames were copied
into the file, and how many are to be. See "WAL-mode File Format" at sqlite.org."""
_USUAL_PAGE: Final = 4_096
"""Bytes."""

_LIBRARY: Final = ctypes.CDLL(None)
_LIBRARY.mmap.restype = ctypes.c_void_p
_MAP_FAILED: Final = ctypes.c_void_p(-1).value

Identity = tuple[int, int]
"""A file's device and number."""
Written = tuple[int, int]
"""A file's size and the time of its last change, in nanoseconds."""
Checkpoints = tuple[bytes, int]
"""A write-ahead log's salts, and how many of its frames are in the file: another value after every checkpoint."""


def identity_of(path: Path) -> Identity | None:
    """Which file a name leads to; None where there is none."""
    found = _stat(path)
    return None if found is None else (found.st_dev, found.st_ino)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def written(path: Path) -> Written | None:
    """When a file was written to last; None where there is none."""
    found = _stat(path)
    return None if found is None else (found.st_size, found.st_mtime_ns)


class LogIndex:
    """The index of a write-ahead log, seen in memory by the file number under which SQLite has it open here.

    A look costs no system call: after each, a busy process would wait for the interpreter.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._address: int | None = None
        self._lock = threading.Lock()
        """Held while the page is read: unmapped in that moment, it would end the process."""

    def checkpoints(self) -> Checkpoints | None:
        """How far the log was copied into the file; None while it is being copied, or nobody knows."""
        found = self._read()
        if found is None:
            return None
        _, salts, copied, to_copy = found
        return (salts, copied) if copied == to_copy else None

    def frames_to_copy(self) -> int | None:
        """How many frames of the log are not in the file; None where nobody knows."""
        found = self._read()
        return None if found is None else found[0] - found[2]

    def _read(self) -> tuple[int, bytes, int, int] | None:
        with self._lock:
            if self._address is None:
                self._address = self._mapped()
            if self._address is None:
                return None
            frames, salts, copied, to_copy = _INDEX.unpack(ctypes.string_at(self._address, _INDEX.size))
        return frames, salts, copied, to_copy

    def close(self) -> None:
        """Look no longer, and let go of the page: a disk can only be unmounted when nothing of it is mapped."""
        with self._lock:
            if self._address is not None:
                _LIBRARY.munmap(ctypes.c_void_p(self._address), ctypes.c_size_t(_INDEX.size))
                self._address = None

    def _mapped(self) -> int | None:
        identity = identity_of(self._path)
        for number in map(int, os.listdir("/dev/fd")) if identity is not None else ():
            with contextlib.suppress(OSError):
                found = os.fstat(number)
                if (found.st_dev, found.st_ino) == identity and found.st_size >= _INDEX.size:
                    size, offset = ctypes.c_size_t(_INDEX.size), ctypes.c_long(0)
                    address = _LIBRARY.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, number, offset)
                    return address if address != _MAP_FAILED else None
        return None


class SameFile:
    """The file that was opened under a name, and that nobody but SQLite writes to.

    A checkpoint changes the file and the log's index; a backup that is copied over the file changes the file alone.

    Args:
        monotonic: seconds that only grow.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.log = Path(f"{path}-wal")
        self.is_overwritten = False
        """Whether something was copied over the file: what SQLite still had to put into it must not come there."""
        self._index = LogIndex(Path(f"{path}-shm"))
        self._lock = threading.Lock()
        self._connections = 0
        self._written: Written | None = None
        """Size and time of the last change that is known to be SQLite's."""
        self._checkpoints: Checkpoints | None = None
        self._log_identity: Identity | None = None
        self._monotonic = monotonic
        self._identity: Identity | None = None
        self._gone_since: float | None = None

    def remember(self) -> None:
        """From now on the file is the one that lies there now."""
        self._identity = identity_of(self.path)
        self._gone_since = None

    def opened(self) -> None:
        """A connection was opened. Before the first one of this process, the last one of another may have left."""
        with self._lock:
            if not self._connections:
                self._written = self._checkpoints = self._log_identity = None
            self._connections += 1

    def closed(self) -> None:
        """A connection was closed."""
        with self._lock:
            self._connections -= 1
            if not self._connections:
                self._index.close()

    @property
    def is_there(self) -> bool:
        """Whether the name leads to it now."""
        return identity_of(self.path) == self._identity

    def check(self) -> None:
        """Make sure that the name leads to the file that was opened.

        Raises:
            StoreBroken: it leads to another, or has led to none for seconds, or something was copied over it.
            StoreError: it leads to none.
        """
        checkpoints = self._index.checkpoints() if self._connections else None  # before the file: see below
        found = _stat(self.path)
        if found is None:
            raise self._gone()
        self._gone_since = None
        if (found.st_dev, found.st_ino) != self._identity:
            raise self._replaced()
        if self.is_overwritten or (found.st_size, found.st_mtime_ns) != self._written:
            self._judge()
        elif checkpoints is not None:
            self._checkpoints = checkpoints

    def check_log(self) -> None:
        """Make sure that the log beside the file is the one that was opened with it. Raises StoreBroken."""
        with self._lock:
            beside = identity_of(self.log)
            self._log_identity = self._log_identity or beside  # it is made when it is needed first
            if beside != self._log_identity:
                raise self.replaced()

    @property
    def pages_to_copy(self) -> int:
        """About how many pages of the log are not in the file; where nobody knows, as many as the log has room for."""
        frames = self._index.frames_to_copy()
        if frames is not None:
            return frames
        log = written(self.log)
        return log[0] // _USUAL_PAGE if log else 0

    @property
    def may_close(self) -> bool:
        """Whether the last connection may copy the log into the file, and delete it by its name."""
        return not self.is_overwritten and identity_of(self.log) in (None, self._log_identity or identity_of(self.log))

    def _judge(self) -> None:
        """Where the file was written to since it was looked at last, it was by a checkpoint, or by a stranger.

        Raises:
            StoreBroken: by a stranger, now or before.
        """
        with self._lock:
            if not self._connections:
                return  # whoever left last has put the log into the file
            before, now, after = self._index.checkpoints(), written(self.path), self._index.checkpoints()
            if self.is_overwritten or (
                None not in (self._written, before, now)
                and now != self._written
                and before == after == self._checkpoints
            ):
                self.is_overwritten = True
                raise self._replaced()
            if before == after and before is not None:  # else the next one sees what came of it
                self._written, self._checkpoints = now, before

    def _replaced(self) -> StoreBroken:
        self._put_log_aside()
        return self.replaced()

    def _put_log_aside(self) -> None:
        """The next one to open what lies there now would take into it what the log holds."""
        if self._log_identity is not None and identity_of(self.log) == self._log_identity:
            with contextlib.suppress(OSError):
                os.rename(self.log, f"{self.log}.replaced")
                os.unlink(f"{self.path}-shm")

    def _gone(self) -> StoreError:
        now = self._monotonic()
        if self._gone_since is None:
            self._gone_since = now
        is_back_soon = now - self._gone_since < _GONE_SECONDS
        gone = f"The database {self.path} was moved or deleted while it was open."
        if is_back_soon:
            return StoreError(gone, "Put it back; nothing is written until then.")
        return StoreBroken(gone, "Nothing more is written. Put it back, then start again.")

    def replaced(self) -> StoreBroken:
        """The words for a file that is another, or holds something else."""
        return StoreBroken(f"The database {self.path} was replaced or restored while it was open.", START_AGAIN)


class FileConnection(sqlite3.Connection):
    """A connection to such a file, which does no harm to another on its way out."""

    file: SameFile

    def check(self) -> None:
        """Make sure that file and log are the ones that are open here. Raises as `SameFile.check`."""
        self.file.check()
        self.file.check_log()

    def close(self) -> None:
        """Close, unless that would harm what lies there now: then this one stays open."""
        if self.file.may_close:
            super().close()
            self.file.closed()
        else:  # not even the end of the interpreter may close it
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
