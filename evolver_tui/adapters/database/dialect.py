"""What the adapter needs to know about the database behind it, and what the two that it knows answer differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from evolver_tui.adapters.database.queries import Ask
from evolver_tui.core.errors import StoreError


class Watch(Protocol):
    """Listens to what other processes change in the database."""

    is_deaf: bool
    """Whether it hears nothing at present. It tells of a change when that begins, and when it ends."""

    def start(self) -> None:
        """Begin to listen, in the running event loop."""

    async def close(self) -> None:
        """Listen no longer."""


class Dialect(Protocol):
    """One database: how to reach it, and what its errors mean to a person."""

    place: str
    """What sentences call it; never with a password."""
    errors: tuple[type[Exception], ...]
    """What a statement raises."""
    skip_locked: str
    """What follows a query that locks its rows and passes over those that others hold; empty for one writer."""
    like: str
    """The operator of a pattern that letters match in any case."""
    has_many_writers: bool
    """Whether several writers may be in a transaction at once."""

    def prepare(self, migrate: Callable[[Connection, float], None]) -> None:
        """Make the database usable and call `migrate` in a transaction that no other process shares.

        Raises:
            StoreError: it cannot be reached, made or written.
        """

    def condition(self) -> str:
        """What a database is like that can be used, or made, in sentences. Changes and makes nothing. Blocks.

        Raises:
            StoreError: it cannot be used; says why.
        """

    def writing(self) -> Engine:
        """Connections for the writer."""

    def reading(self) -> Engine:
        """Connections whose transactions see one moment of the database."""

    def text(self, statement: str) -> str:
        """A statement with `?` for its values as the driver takes it."""

    def execute_many(self, connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run an INSERT with `?` for its values for each row; returns how many rows were written."""

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the database's clock."""

    def foreign_commits(self, connection: Connection) -> int:
        """A number above 0 that grows whenever another connection commits; 0 where others tell of it themselves."""

    def last_signal(self, connection: Connection) -> tuple[Any, ...] | None:
        """What the log ends with, for `check_signal`; None where nobody can exchange what was opened."""

    def check_signal(self, connection: Connection, signal: tuple[Any, ...]) -> None:
        """Make sure that a signal is still in the log.

        Raises:
            StoreBroken: the content was replaced by another, for instance by a backup.
        """

    def job_numbers(self, connection: Connection, count: int) -> Sequence[int]:
        """Numbers for that many jobs, which nobody else is given, in ascending order."""

    def announce(self, connection: Connection, has_work: bool) -> None:
        """Tell other processes, with the commit, that jobs changed, and whether one waits for a worker."""

    def watch(self, on_change: Callable[[bool], None], look: Callable[[], None]) -> Watch:
        """What notices the changes of others.

        Args:
            on_change: called in the loop's thread; True when a job may wait for a worker.
            look: asks the writer to compare `foreign_commits`.
        """

    def is_broken(self, connection: Connection) -> bool:
        """Whether the connection has come to its end, so that another may still work."""

    def is_transient(self, error: BaseException) -> bool:
        """Whether the whole transaction was undone for a reason that another try does not meet."""

    def interrupt(self, connection: Connection) -> None:
        """Break off what the connection is doing. Callable in another thread."""

    def explain(self, error: BaseException) -> StoreError:
        """What went wrong, in a sentence, and what a person can do about it."""


def driver(connection: Connection) -> Any:
    """The database driver's own connection, for the hot paths: a tenth of the time of a statement object."""
    return connection.connection.driver_connection


def rows_of(
    connection: Connection, dialect: Dialect, statement: str, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """What a compiled statement gives back."""
    found: list[tuple[Any, ...]] = driver(connection).execute(dialect.text(statement), values).fetchall()
    return found


def asking(connection: Connection, dialect: Dialect) -> Ask:
    """A connection as queries take it."""
    return Ask(lambda statement, values: rows_of(connection, dialect, statement, values), dialect.like)


@lru_cache(maxsize=256)
def for_rows(statement: str, rows: int) -> str:
    """An INSERT of one row as an INSERT of several."""
    before, values, row_and_rest = statement.partition("VALUES ")
    row, _, rest = row_and_rest.partition(")")
    return f"{before}{values}{', '.join([row + ')'] * rows)}{rest}"
