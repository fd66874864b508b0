"""Whether a SQLite file could be used, found out without a write: no file is made, no log copied, no lock taken."""

from __future__ import annotations

import os
import sqlite3
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from evolver_tui.adapters.database.file_faults import explain, is_a_folder, refused
from evolver_tui.adapters.database.queue_peek import APPLICATION_ID, LAYOUT, queue_counts
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.core.job import QueueCounts
from evolver_tui.settings.paths import examine_folder

_LOCK: Final = struct.Struct("@hhqqi4x" if sys.platform == "linux" else "@qqihh")
"""`struct flock` of fcntl, with 64 bit offsets: type, whence, start, length, process, or as macOS orders them."""
_WRITE_LOCK: Final = 120
"""The byte of the log's index (-shm) that whoever writes has locked. See "WAL-mode File Format" at sqlite.org."""
_LOOK_SECONDS: Final = 0.02
_MOST_CHECKED_BYTES: Final = 16 * 1024 * 1024
"""A larger file is not read through for damage."""


def is_absent(path: Path) -> bool:
    """Whether there is no file, or one that nothing was ever written to. A link to nothing is told when opened."""
    try:
        return not os.path.lexists(path) or (path.is_file() and not path.stat().st_size)
    except OSError:
        return False  # whoever opens it says why


def look_at_file(path: Path, busy_seconds: float = 2.0) -> str:
    """What a file is like that can be used, or made, as a sentence.

    Args:
        busy_seconds: a lock that is held for so long at a stretch counts as one that is not let go of.

    Raises:
        StoreError: it cannot be used; says why, in the words of whoever would have opened it.
    """
    if path.is_dir():
        raise is_a_folder(path)
    if is_absent(path):
        return _absent(path)
    _refuse_access(path)
    _refuse_lock(path, busy_seconds)
    if _exists(path, "-wal") and not _exists(path, "-shm"):
        return f"{path} can be written. Its log is read at the next start."
    try:
        with _reading(path, busy_seconds) as connection:
            return f"{path} can be written. {_content(connection, path)}"
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from None


def queue_words(counts: QueueCounts, layout: int) -> str:
    """What a database of ours holds, as sentences."""
    jobs = "1 job" if counts.total == 1 else f"{counts.total:,} jobs"
    return f"It holds {jobs}, {counts.needs_you:,} of which need you (layout {layout})."


def _absent(path: Path) -> str:
    try:
        examine_folder(path.parent)
    except UsageError as error:
        raise StoreError(
            f"The database {path} cannot be made. {error.message}", "Start again, with another place after --database."
        ) from None
    return f"There is none yet. The console makes {path}."


def _refuse_access(path: Path) -> None:
    """The file, what lies beside it and its folder have to be writable: a log of another user's stops every write."""
    beside = [file for end in ("", "-wal", "-shm") if (file := path.with_name(path.name + end)).exists()]
    if not beside:
        raise refused(path, sqlite3.SQLITE_CANTOPEN)
    if not os.access(path, os.R_OK):
        raise refused(path, sqlite3.SQLITE_PERM)
    if not all(os.access(file, os.R_OK | os.W_OK) for file in beside) or not os.access(path.parent, os.W_OK | os.X_OK):
        raise refused(path, sqlite3.SQLITE_READONLY)


def _refuse_lock(path: Path, busy_seconds: float) -> None:
    """Whether somebody writes and does not come to an end, e.g. a process that was stopped. Only asks for the lock."""
    if not _exists(path, "-shm"):
        return
    deadline = time.monotonic() + busy_seconds
    with open(path.with_name(f"{path.name}-shm"), "rb") as index:
        while (holder := _holder(index.fileno())) is not None:
            if time.monotonic() > deadline:
                error = refused(path, sqlite3.SQLITE_BUSY)
                who = f" Process {holder} holds it." if holder > 0 else ""
                raise type(error)(error.message, f"{error.way_out}{who}")
            time.sleep(_LOOK_SECONDS)


def _holder(descriptor: int) -> int | None:
    """The process that writes; 0 for one that cannot be seen from here, None while nobody does."""
    import fcntl

    is_linux = sys.platform == "linux"
    wanted = (fcntl.F_WRLCK, os.SEEK_SET, _WRITE_LOCK, 1, 0) if is_linux else (_WRITE_LOCK, 1, 0, fcntl.F_WRLCK, 0)
    try:
        found = _LOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, _LOCK.pack(*wanted)))
    except (OSError, struct.error):
        return None  # a system that lays it out in another way
    kind, process = (found[0], found[4]) if is_linux else (found[3], found[2])
    return None if kind == fcntl.F_UNLCK else max(process, 0)


@contextmanager
def _reading(path: Path, seconds: float) -> Iterator[sqlite3.Connection]:
    """The file with its log, if it has one, and no change to either: see "Read-Only WAL-Mode Databases" there."""
    how = "mode=ro&readonly_shm=1" if _exists(path, "-wal") else "immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=seconds, isolation_level=None)) as connection:
        yield connection


def _content(connection: sqlite3.Connection, path: Path) -> str:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if owner not in (0, APPLICATION_ID) or (tables and not {"migration", "job", "tally"} <= tables):
        from evolver_tui.adapters.database.migrations import belongs_to_another

        raise belongs_to_another(str(path))
    if not tables:
        return "It is empty."
    layout = connection.execute("SELECT max(number) FROM migration").fetchone()[0] or 0
    if layout > LAYOUT:
        from evolver_tui.adapters.database.migrations import written_by_newer

        raise written_by_newer(str(path), layout)
    if path.stat().st_size <= _MOST_CHECKED_BYTES and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise refused(path, sqlite3.SQLITE_CORRUPT)
    if layout < LAYOUT:
        return f"It is of an older layout ({layout}); the next start brings it up to date."
    return queue_words(queue_counts(connection.execute("SELECT state, outcome, jobs FROM tally")), layout)


def _exists(path: Path, end: str) -> bool:
    """Whether a file beside it holds something."""
    try:
        return path.with_name(path.name + end).stat().st_size > 0
    except OSError:
        return False
