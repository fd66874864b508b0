"""All that is SQLite's own: the file, the connection, the clock, and what its errors mean to a person."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, func, select
from sqlalchemy.dialects import sqlite as dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from evolver_tui.adapters.database.dialect import Watch, driver, for_rows
from evolver_tui.adapters.database.file_condition import look_at_file
from evolver_tui.adapters.database.file_faults import explain, is_a_folder, primary_code
from evolver_tui.adapters.database.log_copier import LogCopier
from evolver_tui.adapters.database.migrations import belongs_to_another
from evolver_tui.adapters.database.models import jobs
from evolver_tui.adapters.database.queue_peek import APPLICATION_ID
from evolver_tui.adapters.database.same_file import FileConnection, SameFile, Written, written
from evolver_tui.core.errors import StoreError

CLOCK: Final = "SELECT (julianday('now') - 2440587.5) * 86400.0"
"""Seconds since 1970, to a tenth of a millisecond; `unixepoch('subsec')` needs a younger SQLite."""

insert = dialect.insert
"""An INSERT that knows ON CONFLICT."""

DRIVER_ERRORS: Final = (DBAPIError, sqlite3.Error)
"""What a statement raises, with and without SQLAlchemy around it."""

_ASK_AGAIN_SECONDS: Final = 0.002
_ROWS_A_STATEMENT: Final = 50
"""Their values are fewer than the 999 that an old SQLite takes."""
_WATCH_SECONDS: Final = 0.25


def create_file(path: Path) -> None:
    """Make the file, for its owner alone, before SQLite would: -wal and -shm take over its mode.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    if path.is_dir():
        raise is_a_folder(path)
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
            f"The database {path} cannot be made: {error.strerror}.",
            "Start again, with another place after --database.",
        ) from None


class SQLite:
    """One SQLite file as the database.

    Args:
        busy_seconds: how long to wait while another process writes.
    """

    errors: tuple[type[Exception], ...] = DRIVER_ERRORS
    skip_locked = ""
    like = "LIKE"
    has_many_writers = False

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self.place = str(path)
        self._busy_seconds = busy_seconds
        self._file = SameFile(path)

    def prepare(self, migrate: Callable[[Connection, float], None]) -> None:
        """Make the file where there is none, and migrate under the write lock."""
        try:
            create_file(self.path)
            self._file.remember()
            # Whose file it is shows within the transaction: before, not even its journal's kind is changed.
            with make_engine(self._file, self._busy_seconds, "BEGIN IMMEDIATE", switches=False).begin() as connection:
                named = self._application_id(connection)
                if named not in (0, APPLICATION_ID):
                    raise belongs_to_another(self.place)
                migrate(connection, self.now(connection))
                if not named:
                    driver(connection).execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except DRIVER_ERRORS as error:
            raise self.explain(error) from None

    def _application_id(self, connection: Connection) -> int:
        (found,) = driver(connection).execute("PRAGMA application_id").fetchone()
        return int(found)

    def condition(self) -> str:
        """See `look_at_file`."""
        return look_at_file(self.path, self._busy_seconds)

    def writing(self) -> Engine:
        """Connections that take the write lock as they begin."""
        return make_engine(self._file, self._busy_seconds, "BEGIN IMMEDIATE")

    def reading(self) -> Engine:
        """Connections that never wait for the writer."""
        return make_engine(self._file, self._busy_seconds, "BEGIN")

    def text(self, statement: str) -> str:
        """As it is."""
        return statement

    def execute_many(self, connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Some rows in one statement: after each, another thread may keep the interpreter for a millisecond."""
        alone = len(rows) % _ROWS_A_STATEMENT
        written = driver(connection).executemany(statement, rows[:alone]).rowcount if alone else 0
        for start in range(alone, len(rows), _ROWS_A_STATEMENT):
            values = tuple(chain.from_iterable(rows[start : start + _ROWS_A_STATEMENT]))
            written += driver(connection).execute(for_rows(statement, _ROWS_A_STATEMENT), values).rowcount
        return int(written)

    def now(self, connection: Connection) -> float:
        """The host's clock: SQLite has no other."""
        (now,) = driver(connection).execute(CLOCK).fetchone()
        return float(now)

    def foreign_commits(self, connection: Connection) -> int:
        """SQLite's own count of what other connections committed."""
        (version,) = driver(connection).execute("PRAGMA data_version").fetchone()
        return int(version)

    def last_signal(self, connection: Connection) -> tuple[Any, ...] | None:
        """Its number, and what tells it from another's of that number."""
        found: tuple[Any, ...] | None = driver(connection).execute(_LAST_SIGNAL).fetchone()
        return found

    def check_signal(self, connection: Connection, signal: tuple[Any, ...]) -> None:
        """A file that is restored in place keeps its identity, and its log ends earlier or differs."""
        if driver(connection).execute(_SIGNAL_AGAIN, signal[:1]).fetchone() != signal:
            raise self._file.replaced()

    def job_numbers(self, connection: Connection, count: int) -> Sequence[int]:
        """The next ones: nobody else inserts while this transaction has the write lock."""
        last = driver(connection).execute(_LAST_JOB).fetchone()[0] or 0
        return range(last + 1, last + 1 + count)

    def announce(self, connection: Connection, has_work: bool) -> None:
        """Others see that the file changed."""

    def watch(self, on_change: Callable[[bool], None], look: Callable[[], None]) -> Watch:
        """Looks at the file's identity and at the write-ahead log's size and time."""
        return FileWatch(self._file, look)

    def is_broken(self, connection: Connection) -> bool:
        """Never: a file does not hang up."""
        return False

    def is_transient(self, error: BaseException) -> bool:
        """Never: the write lock is taken at the beginning."""
        return False

    def interrupt(self, connection: Connection) -> None:
        """Break off a long scan."""
        driver(connection).interrupt()

    def explain(self, error: BaseException) -> StoreError:
        """What went wrong with the file."""
        return explain(error, self.path)


class FileWatch:
    """Looks a few times a second whether a file or its log changed. That costs microseconds, and the database nothing.

    While the file is away it asks at every look: the writer says what that means.
    """

    is_deaf = False

    def __init__(self, file: SameFile, look: Callable[[], None]) -> None:
        self._file = file
        self._look = look
        self._seen: tuple[Written | None, ...] = ()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        self._seen = self._state()
        self._timer = asyncio.get_running_loop().call_later(_WATCH_SECONDS, self._again)

    async def close(self) -> None:
        """Look no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _again(self) -> None:
        state = self._state()
        if state != self._seen or not self._file.is_there:
            self._seen = state
            self._look()
        self._timer = asyncio.get_running_loop().call_later(_WATCH_SECONDS, self._again)

    def _state(self) -> tuple[Written | None, ...]:
        return written(self._file.log), written(self._file.path)


def make_engine(
    file: SameFile, busy_seconds: float, begin: Literal["BEGIN", "BEGIN IMMEDIATE"], *, switches: bool = True
) -> Engine:
    """Connections to the file and to no other of its name, which all begin their transactions with `begin`.

    One that will write has to say so at its beginning: a reader that turns writer is refused at once, whatever the
    timeout, when another has written meanwhile.

    Args:
        switches: to the write-ahead log, where the file has none yet.
    """

    writes_log = begin == "BEGIN IMMEDIATE" and switches
    # Without the write-ahead log a commit waits for readers as well, and only SQLite's own waiting covers that.
    own_waiting = 0.0 if writes_log else busy_seconds

    def connect() -> FileConnection:
        file.check()
        uri = f"{file.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=own_waiting, isolation_level=None, factory=FileConnection)
        connection.file = file
        file.opened()
        try:
            if switches:
                _patiently(connection, "PRAGMA journal_mode = WAL", busy_seconds)
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA temp_store = MEMORY")  # a full /tmp is no full disk of the database
            file.check()
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    copier = LogCopier(file, connect)

    def begin_transaction(connection: Connection) -> None:
        own: FileConnection = driver(connection)
        _patiently(own, begin, busy_seconds)
        own.check()
        if writes_log and copier.copy_if_grown():
            own.execute("ROLLBACK")
            _patiently(own, begin, busy_seconds)
            own.check()

    event.listen(engine, "begin", begin_transaction)
    event.listen(engine, "close", lambda connection, record: copier.close())
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
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN_SECONDS)
        else:
            return


def compiled(statement: ClauseElement) -> str:
    """A statement as text, with `?` for its values: what `Transaction.execute` takes with tuples."""
    return str(statement.compile(dialect=dialect.dialect()))


_LAST_JOB: Final = compiled(select(func.max(jobs.c.seq)))
_SIGNAL: Final = "SELECT seq, session_id, name, timestamp FROM signal"
_LAST_SIGNAL: Final = f"{_SIGNAL} ORDER BY seq DESC LIMIT 1"
_SIGNAL_AGAIN: Final = f"{_SIGNAL} WHERE seq = ?"
