"""All that is SQLite's own: the file, the connection, the clock, and what its errors mean to a person."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import ColumnElement, Connection, Engine, NullPool, create_engine, event, or_
from sqlalchemy.dialects import sqlite as dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.sql import ClauseElement

from evolver_tui.core.errors import StoreError

CLOCK: Final = "SELECT (julianday('now') - 2440587.5) * 86400.0"
"""Seconds since 1970, to a tenth of a millisecond; `unixepoch('subsec')` needs a younger SQLite."""

insert = dialect.insert
"""An INSERT that knows ON CONFLICT."""

DRIVER_ERRORS: Final = (DBAPIError, sqlite3.Error)
"""What a statement raises, with and without SQLAlchemy around it."""

_ASK_AGAIN_SECONDS: Final = 0.002
_MOVE_AWAY: Final = "Move it away and start again, or name another with --database."


def database_path(url: str | Path) -> Path:
    """The file that a URL like `sqlite:////path/evolver.db` (or a plain path object) names.

    Raises:
        StoreError: it is no URL, not SQLite's, or names no file.
    """
    if isinstance(url, Path):
        return url
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("The database URL cannot be read.", "Write it as sqlite:////path/evolver.db.") from None
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(f"{parsed.get_backend_name()} databases are not supported.", "Use sqlite:////path/evolver.db.")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError("The database has to be a file.", "Write it as sqlite:////path/evolver.db.")
    return Path(parsed.database)


def create_file(path: Path) -> None:
    """Make the file, for its owner alone, before SQLite would: -wal and -shm take over its mode.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    try:
        for folder in (*reversed(path.parent.parents), path.parent):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass  # another process was faster
    except OSError as error:
        raise StoreError(
            f"The database {path} cannot be made: {error.strerror}.", "Name another place with --database."
        ) from None


def make_engine(path: Path, busy_seconds: float, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> Engine:
    """Connections to the file, which all begin their transactions with `begin`.

    One that will write has to say so at its beginning: a reader that turns writer is refused at once, whatever the
    timeout, when another has written meanwhile.
    """

    own_waiting = busy_seconds if begin == "BEGIN" else 0.0

    def connect() -> sqlite3.Connection:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=own_waiting, isolation_level=None)
        try:
            _patiently(connection, "PRAGMA journal_mode = WAL", busy_seconds)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: _patiently(driver(connection), begin, busy_seconds))
    return engine


def _patiently(connection: sqlite3.Connection, statement: str, seconds: float) -> None:
    """Run a statement that needs a lock.

    SQLite's own waiting does not cover the switch to the write-ahead log, and in `BEGIN` it asks ever more seldom, so
    that a process that writes without a pause would keep all others out.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN_SECONDS)
        else:
            return


def compiled(statement: ClauseElement) -> str:
    """A statement as the text that `driver` takes with tuples."""
    return str(statement.compile(dialect=dialect.dialect()))


def driver(connection: Connection) -> sqlite3.Connection:
    """SQLite's own connection, for the hot paths: a tenth of the time of a statement object. Raises DRIVER_ERRORS."""
    own = connection.connection.driver_connection
    assert isinstance(own, sqlite3.Connection)
    return own


def contains(columns: Sequence[ColumnElement[str]], text: str) -> ColumnElement[bool]:
    """Whether one of the columns holds `text`, whatever the case.

    SQLite's LIKE folds ASCII only, so other text is tried as written, in small and in capital letters.
    """
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper()}
    return or_(*(column.contains(spelling, autoescape=True) for column in columns for spelling in sorted(spellings)))


def explain(error: BaseException, path: Path) -> StoreError:
    """What went wrong with the file, in a sentence, and what a person can do about it."""
    if isinstance(error, StoreError):
        return StoreError(error.message, error.way_out)
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return StoreError(f"The database {path} could not be used: {type(error).__name__}.")
    message, way_out = _SENTENCES.get(_primary_code(cause), ("could not be used ({cause})", "Nothing was changed."))
    return StoreError(f"The database {path} {message.format(cause=cause)}.", way_out)


def _primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) or sqlite3.SQLITE_ERROR
    return code & 0xFF


_SENTENCES: Final = {
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Free some space; the program goes on by itself."),
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close that program or wait, then try again."),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "Close that program or wait, then try again."),
    sqlite3.SQLITE_READONLY: ("cannot be written", "Make the file and its folder writable, or use --database."),
    sqlite3.SQLITE_PERM: ("cannot be read", "Make the file and its folder yours, or use --database."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Make the file and its folder yours, or use --database."),
    sqlite3.SQLITE_IOERR: ("cannot be read or written ({cause})", "Check the disk and its free space."),
    sqlite3.SQLITE_CORRUPT: ("is damaged", _MOVE_AWAY),
    sqlite3.SQLITE_NOTADB: ("is not a database", _MOVE_AWAY),
}
