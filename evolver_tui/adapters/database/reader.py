"""A reader: a thread with a connection of its own. The writer never holds it up, nor it the writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from evolver_tui.adapters.database.dialect import Dialect
from evolver_tui.core.errors import StoreBroken, StoreError

T = TypeVar("T")
_Request = tuple[Callable[[Connection], Any], "asyncio.Future[Any]"]


class Reader:
    """A reading thread of one database. Every request sees one moment of it.

    Args:
        on_broken: told, in this thread, of what ends the writing as well, since whoever asked may go on.
    """

    def __init__(self, dialect: Dialect, name: str, on_broken: Callable[[StoreBroken], None]) -> None:
        self._engine: Engine = dialect.reading()
        self._dialect = dialect
        self._on_broken = on_broken
        self._connection: Connection | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._inbox: SimpleQueue[_Request | None] = SimpleQueue()
        self._closed = False
        self._running = threading.Lock()
        self._at_work_for: asyncio.Future[Any] | None = None

    def start(self) -> None:
        """Begin to take requests."""
        self._thread.start()

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Read. A request whose caller is cancelled is left out, or broken off.

        Raises:
            StoreError: the database cannot be read.
        """
        if self._closed:
            raise StoreError("The database is closed.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put((query, future))
        try:
            return await future
        except asyncio.CancelledError:
            # In a thread: PostgreSQL is asked over a connection made for it.
            self._loop.run_in_executor(None, self._interrupt, future)
            raise

    def _interrupt(self, future: asyncio.Future[Any]) -> None:
        with self._running:
            if self._at_work_for is future and self._connection is not None:
                self._dialect.interrupt(self._connection)

    async def close(self) -> None:
        """Answer what was asked and end."""
        self._closed = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (request := self._inbox.get()) is not None:
            query, future = request
            result: Any = None
            problem: Exception | None = None
            with self._running:
                if future.cancelled():
                    continue
                self._at_work_for = future
            try:
                result = self._read(query)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                problem = self._dialect.explain(error) if isinstance(error, self._dialect.errors) else error
            with self._running:
                self._at_work_for = None
            if problem is not None:
                self._disconnect()
            if isinstance(problem, StoreBroken):
                self._on_broken(problem)
            try:
                self._loop.call_soon_threadsafe(_settle, future, result, problem)
            except RuntimeError:
                break  # the loop is closed: nobody is left to be answered
        self._disconnect()

    def _read(self, query: Callable[[Connection], T]) -> T:
        if self._connection is not None:
            try:
                return self._query(self._connection, query)
            except self._dialect.errors:
                if not self._dialect.is_broken(self._connection):
                    raise
                self._disconnect()  # the server closed it meanwhile: reading again costs nothing
        self._connection = self._engine.connect()
        return self._query(self._connection, query)

    def _query(self, connection: Connection, query: Callable[[Connection], T]) -> T:
        with connection.begin():
            return query(connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        except Exception:  # noqa: BLE001 - it is given up in any case
            pass


def _settle(future: asyncio.Future[Any], result: Any, problem: Exception | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(result)
    else:
        future.set_exception(problem)
