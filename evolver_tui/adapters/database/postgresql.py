"""All that is PostgreSQL's own: the connection, the clock, the notifications, and what its errors mean to a person."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from evolver_tui.adapters.database.dialect import Watch, driver, for_rows
from evolver_tui.adapters.database.file_condition import queue_words
from evolver_tui.adapters.database.migrations import written_by_newer
from evolver_tui.adapters.database.queue_peek import LAYOUT, queue_counts
from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreBroken, StoreBusy, StoreError
from evolver_tui.settings.secrets import scrub_addresses

logging.getLogger("psycopg").addHandler(logging.NullHandler())
"""What it warns of is raised as well; without a handler it would come out on stderr, among the events."""

CHANNEL: Final = "evolver_tui"
"""What processes on one database notify each other on."""

_CLOCK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
_NUMBERS: Final = "SELECT nextval('job_seq_seq') FROM generate_series(1, %s)"
_MIGRATING: Final = 0x65766F6C
"""The advisory lock under which the layout is made."""

_LEAST_STOPPED_MS: Final = 1_000
"""A process on a busy machine may be held up for so long between two statements, and is not stopped."""

_SETTINGS: Final = """
    SET lock_timeout = {busy_ms};
    -- A process that was stopped in the middle of a transaction must not keep its rows from the others for ever.
    SET idle_in_transaction_session_timeout = {stopped_ms};
    SELECT set_config('transaction_timeout', '60s', false)
    WHERE current_setting('transaction_timeout', true) IS NOT NULL; -- from PostgreSQL 17 on
    -- Nor one whose host lost its power or its network.
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 2;
    SET client_min_messages = warning;
    -- Each query is written for one index. The statistics of a queue that grew a minute ago would say otherwise, and
    -- have a claim read and sort every waiting job.
    SET enable_bitmapscan = off;
    SET enable_seqscan = off
"""
_REACHING: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
    "application_name": "evolver-tui",
}
_CONDITION: Final = """
    SELECT current_setting('server_version'), current_setting('transaction_read_only')::bool,
        to_regclass('migration') IS NOT NULL,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
        (SELECT coalesce(bool_and(has_table_privilege(c.oid, p.name)), false)
         FROM unnest(ARRAY['job', 'journal', 'question', 'session', 'signal', 'tally']) t(name)
         JOIN pg_class c ON c.oid = to_regclass(t.name)
         CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) p(name))
"""
_FEW_ROWS: Final = 20
_POLL_SECONDS: Final = 2.0
_FIRST_WAIT_SECONDS: Final = 0.25
_LONGEST_WAIT_SECONDS: Final = 2.0


class PostgreSQL:
    """A PostgreSQL database that several hosts share.

    Args:
        url: any form that SQLAlchemy reads; the driver is psycopg whatever it names.
        busy_seconds: how long to wait for rows that another process writes. One that stops in the middle of a
            transaction loses it after twice that time.
    """

    errors: tuple[type[Exception], ...] = (DBAPIError, psycopg.Error)
    skip_locked = " FOR UPDATE SKIP LOCKED"
    like = "ILIKE"
    has_many_writers = True

    def __init__(self, url: URL, busy_seconds: float) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self._address = Address(self._url.render_as_string(hide_password=False))
        _, given = self._url.get_dialect()().create_connect_args(self._url)
        # Whatever the database or the environment says: SQL_ASCII would give bytes in place of text.
        self._arguments: Mapping[str, Any] = {**_REACHING, **given, "client_encoding": "UTF8"}
        busy_ms = max(int(busy_seconds * 1000), 1)  # 0 would wait for ever
        stopped_ms = max(2 * busy_ms, _LEAST_STOPPED_MS)
        self._settings = _SETTINGS.format(busy_ms=busy_ms, stopped_ms=stopped_ms).encode()
        local = _SETTINGS.replace("SET ", "SET LOCAL ").replace("'60s', false", "'60s', true")
        self._local_settings = local.format(busy_ms=busy_ms, stopped_ms=stopped_ms).encode()
        self.is_pooled = False
        """Whether PgBouncer hands its connections around, so that nothing may outlast a transaction."""
        host = f"{url.host or 'this host'}{f':{url.port}' if url.port else ''}"
        self.place = f"{url.database or 'of its user'} on {host}"
        self._id = secrets.token_hex(4)

    def prepare(self, migrate: Callable[[Connection, float], None]) -> None:
        """Migrate under a lock that every process of this program takes for that."""
        try:
            with self.writing().begin() as connection:
                self._refuse_encoding(connection)
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
                migrate(connection, self.now(connection))
        except self.errors as error:
            raise self.explain(error) from None

    def _refuse_encoding(self, connection: Connection) -> None:
        """What tasks are called may hold any character: refused later, it would hold up all that came with it."""
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding not in _ENCODINGS:
            message = f"The database {self.place} is kept in {encoding}, which lacks most characters."
            raise StoreBroken(message, _MOVE_TO_UTF8)

    def condition(self) -> str:
        """What the server says of itself, of the tables and of what this user may do with them."""
        try:
            with self.reading().begin() as connection:
                self._refuse_encoding(connection)
                return self._content(connection)
        except self.errors as error:
            raise self.explain(error) from None

    def _content(self, connection: Connection) -> str:
        ask = driver(connection).execute
        version, is_read_only, has_layout, may_lay_out, may_write = ask(_CONDITION).fetchone()
        if is_read_only:
            raise self._refused("25006")
        if not (may_write if has_layout else may_lay_out):
            raise self._refused("42501")
        usable = f"{self.place} (PostgreSQL {version}) can be written."
        if not has_layout:
            return f"{usable} It has no tables yet; the console makes them."
        layout = ask("SELECT max(number) FROM migration").fetchone()[0] or 0
        if layout > LAYOUT:
            raise written_by_newer(self.place, layout)
        if layout < LAYOUT:
            return f"{usable} It is of an older layout ({layout}); the next start brings it up to date."
        tally = ask("SELECT state, outcome, sum(jobs)::int8 FROM tally GROUP BY state, outcome")
        return f"{usable} {queue_words(queue_counts(tally), layout)}"

    def _refused(self, state: str) -> StoreError:
        words, way_out = _SENTENCES[state]
        return StoreBroken(f"The database {self.place} {words}.", way_out, brief=f"database {words}")

    def writing(self) -> Engine:
        """Connections that see what others committed, statement by statement."""
        return self._engine("READ COMMITTED")

    def reading(self) -> Engine:
        """Connections whose transactions see one moment."""
        return self._engine("REPEATABLE READ")

    def _engine(self, isolation: str) -> Engine:
        def connect() -> psycopg.Connection[Any]:
            connection = psycopg.connect(**self._arguments, autocommit=True)
            self.is_pooled = is_pooled(connection)
            if self.is_pooled:
                connection.prepare_threshold = None
            else:
                connection.execute(self._settings)
            connection.autocommit = False
            return connection

        engine = create_engine(self._url, creator=connect, poolclass=NullPool, isolation_level=isolation)

        def set_for_transaction(connection: Connection) -> None:
            if self.is_pooled:
                driver(connection).execute(self._local_settings)

        event.listen(engine, "begin", set_for_transaction)
        return engine

    def text(self, statement: str) -> str:
        """With psycopg's mark for a value."""
        return _with_percent(statement)

    def execute_many(self, connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """A few rows in one statement, many in a stream of statements, which takes a third of the time.

        The server does not take a process that stops within a stream for one that is idle in its transaction.
        """
        cursor = driver(connection).cursor()
        if len(rows) > _FEW_ROWS:
            cursor.executemany(self.text(statement), rows)
        else:
            cursor.execute(self.text(for_rows(statement, len(rows))), list(chain.from_iterable(rows)))
        return int(cursor.rowcount)

    def now(self, connection: Connection) -> float:
        """The server's clock: it rules the leases of every host."""
        return float(driver(connection).execute(_CLOCK).fetchone()[0])

    def foreign_commits(self, connection: Connection) -> int:
        """Always 0: the server notifies."""
        return 0

    def last_signal(self, connection: Connection) -> None:
        """None: what a server has open cannot be exchanged under it."""

    def check_signal(self, connection: Connection, signal: tuple[Any, ...]) -> None:
        """Nothing."""

    def job_numbers(self, connection: Connection, count: int) -> Sequence[int]:
        """From the column's own sequence; numbers of what is not inserted stay unused."""
        return sorted(int(number) for (number,) in driver(connection).execute(_NUMBERS, (count,)))

    def announce(self, connection: Connection, has_work: bool) -> None:
        """Notify the others with the commit."""
        news = f"{self._id} {'work' if has_work else 'change'}"
        driver(connection).execute("SELECT pg_notify(%s, %s)", (CHANNEL, news))

    def watch(self, on_change: Callable[[bool], None], look: Callable[[], None]) -> Watch:
        """Listens on a connection of its own; behind a pool, where nobody can, looks every few seconds."""
        if self.is_pooled:
            return PollingWatch(on_change)
        return NotificationWatch(self._arguments, self._id, on_change)

    def is_broken(self, connection: Connection) -> bool:
        """Whether the server has hung up."""
        return connection.invalidated or bool(driver(connection).closed)

    def is_transient(self, error: BaseException) -> bool:
        """Two stood in each other's way and this one was chosen to give in, or this process was stopped for long."""
        return _state(error) in ("40001", "40P01", "25P03", "25P04")

    def interrupt(self, connection: Connection) -> None:
        """Ask the server to break off the query."""
        with contextlib.suppress(psycopg.Error, OSError):
            driver(connection).cancel_safe(timeout=2.0)

    def explain(self, error: BaseException) -> StoreError:
        """What the server, or the way to it, had against a statement."""
        if isinstance(error, StoreError):
            kind = next((kind for kind in (StoreBroken, StoreBusy) if isinstance(error, kind)), StoreError)
            return kind(error.message, error.way_out, brief=error.brief)
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg.Error):
            return StoreError(f"The database {self.place} could not be used: {type(error).__name__}.")
        state = cause.sqlstate or _state_of_refusal(cause)
        otherwise = _AWAY if isinstance(cause, psycopg.OperationalError) else _UNUSABLE
        if _STATEMENT_POOLING in str(cause):
            return StoreBroken(f"The database {self.place} is behind a pool of statements.", _POOL_TRANSACTIONS)
        message, way_out = _SENTENCES.get(state) or _CLASSES.get(state[:2]) or otherwise
        kind = StoreBroken if state in _FOR_GOOD else StoreBusy if state == _LOCKED else StoreError
        words = message.format(cause=self._words(cause))
        return kind(f"The database {self.place} {words}.", way_out, brief=f"database {words}")

    def _words(self, error: psycopg.Error) -> str:
        """The server's or the driver's own words, without what they quote of the connection."""
        line, *_ = (error.diag.message_primary or str(error)).strip().splitlines() or [type(error).__name__]
        words = line.rpartition("failed: ")[2].removeprefix("FATAL:").strip().rstrip(".")
        return scrub_addresses(words, self._address)


class NotificationWatch:
    """Hears what other processes announce. Where the connection breaks it is made again, and a change is assumed."""

    def __init__(self, arguments: Mapping[str, Any], own_id: str, on_change: Callable[[bool], None]) -> None:
        self._arguments = arguments
        self._own_id = own_id
        self._on_change = on_change
        self._task: asyncio.Task[None] | None = None
        self.is_deaf = True

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    wait, self.is_deaf = _FIRST_WAIT_SECONDS, False
                    self._on_change(True)
                    async for notice in connection.notifies():
                        sender, _, news = notice.payload.partition(" ")
                        if sender != self._own_id:
                            self._on_change(news == "work")
            if not self.is_deaf:
                self.is_deaf = True
                self._on_change(True)  # who waits for news has to look for it until they come again
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


class PollingWatch:
    """Assumes every few seconds that others changed something."""

    is_deaf = True

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to assume it."""
        self._timer = asyncio.get_running_loop().call_later(_POLL_SECONDS, self._again)

    async def close(self) -> None:
        """Assume it no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _again(self) -> None:
        self.start()
        self._on_change(True)


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether a pool stands between: it tells a number of its own in place of the server process's."""
    found = connection.execute("SELECT pg_backend_pid()").fetchone()
    return found is not None and found[0] != connection.info.backend_pid


@lru_cache(maxsize=64)
def _with_percent(statement: str) -> str:
    return statement.replace("?", "%s")


def _state(error: BaseException) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None


def _state_of_refusal(error: psycopg.Error) -> str:
    """The code of a connection that was not made: the driver hands its words on alone. Empty where it is not known."""
    words = str(error)
    return next((state for phrase, state in _REFUSALS.items() if phrase in words), "")


_REFUSALS: Final = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "pg_hba.conf": "28000",
    'FATAL:  role "': "28000",
    'FATAL:  database "': "3D000",
    "too many c": "53300",
    "connection slots are reserved": "53300",
    "starting up": "57P03",
    "recovery mode": "57P03",
    "shutting down": "57P03",
}
"""What a server says in English, and the code that it says it with."""
_GOES_ON: Final = "A running console goes on by itself; nothing that was acknowledged is lost."
_AWAY: Final = ("cannot be reached ({cause})", f"Check the server and the URL. {_GOES_ON}")
_UNUSABLE: Final = ("could not be used ({cause})", "Nothing was changed.")
_LAYOUT: Final = "Restore them from a backup, or check the user's search_path; then start again."
_ENCODINGS: Final = ("UTF8", "SQL_ASCII")
_MOVE_TO_UTF8: Final = (
    "It needs UTF8 or SQL_ASCII; nothing was changed. Move what it holds with pg_dump into one that was made with"
    " createdb -E UTF8 -T template0."
)
_STATEMENT_POOLING: Final = "statement pooling mode"
_POOL_TRANSACTIONS: Final = "Set pool_mode = transaction (or session) for it in PgBouncer; nothing was changed."
_PRIMARY: Final = "Name the primary server in the URL, or set default_transaction_read_only = off for this user."
_LOCKED: Final = "55P03"
_SENTENCES: Final = {
    "28P01": ("refused the password", "Set PGPASSWORD, or a line in ~/.pgpass."),
    "28000": ("refused this user", "Check the user in the URL and the server's pg_hba.conf."),
    "3D000": ("does not exist", "Check its name. Create it with createdb where it never was."),
    "42P01": ("has lost its tables ({cause})", _LAYOUT),
    "42703": ("has lost its tables ({cause})", _LAYOUT),
    "3F000": ("has lost its tables ({cause})", _LAYOUT),
    "57014": (
        "broke off what took longer than statement_timeout allows",
        f"Raise statement_timeout for this user, or look why the server is slow. {_GOES_ON}",
    ),
    "42501": ("does not allow this user to do that", "Grant the rights on the database's tables, or use another user."),
    "25006": ("cannot be written: the server is read-only", _PRIMARY),
    "53100": ("cannot grow: the server's disk is full", f"Free some space there. {_GOES_ON}"),
    "53300": ("takes no further connection", "Raise max_connections on the server, or end some programs."),
    "25P04": ("broke off what took too long", _GOES_ON),
    _LOCKED: ("is locked by another program", "Close that program or wait, then try again."),
    "57P01": ("ended the connection: the server is shutting down", _GOES_ON),
    "57P03": ("is starting up or shutting down", _GOES_ON),
}
_FOR_GOOD: Final = {"28P01", "28000", "3D000", "3F000", "42501", "42703", "42P01"}
"""What another try would meet again."""
_CLASSES: Final = {
    "08": _AWAY,
    "53": ("lacks resources ({cause})", f"Look at the server. {_GOES_ON}"),
    "57": ("broke off ({cause})", _GOES_ON),
    "22": ("could not take a value ({cause})", "Nothing was changed."),
    "23": ("refused a row ({cause})", "Nothing was changed."),
    "54": ("could not take a value ({cause})", "Nothing was changed."),
    "42": ("did not understand this program ({cause})", "Nothing was changed."),
    "XX": ("is damaged ({cause})", "Look at the server's log."),
}
