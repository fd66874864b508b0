"""The one writer: a thread with a connection of its own, and whatever was asked for meanwhile in one commit.

While one commit waits for the disk, requests gather; the next transaction takes them all. So no request waits longer
than needed, and under load a commit is shared by many. Each request stands in a savepoint: one that is refused does
not take the others with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine

from evolver_tui.adapters.database import sqlite
from evolver_tui.adapters.database.transaction import Transaction, TransactionLost, log_row
from evolver_tui.core.errors import StoreError
from evolver_tui.core.signal import Signal

T = TypeVar("T")
Settlement = tuple["asyncio.Future[Any]", Any, BaseException | None]
"""A future, and what it becomes: a result or an error."""

_BATCH: Final = 2_000
"""Tasks, requests and signals after which a transaction takes no more: it holds the lock for some 20 milliseconds."""
_RETRY_SECONDS: Final = 1.0
SIGNALS_LOST: Final = "log.signals_lost"
"""The signal that stands in the log where others are missing; its payload says how many."""


@dataclass(slots=True)
class _Request:
    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any] | None
    """None: nobody waits for the result."""
    weight: int


@dataclass
class _Log:
    session_id: str
    signals: Sequence[Signal]

    @property
    def weight(self) -> int:
        return len(self.signals)

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        return [log_row(self.session_id, signal) for signal in self.signals]


class Writer:
    """The writing thread of one database.

    Signals handed to `log` are never lost while the database can be written: beyond `log_limit` the caller is held up.
    While it cannot be written they are kept and tried again; what comes beyond the limit then is lost, and a signal
    in its place says how many those were. `on_problem` hears of both, in the event loop's thread.
    """

    def __init__(
        self,
        engine: Engine,
        path: Path,
        *,
        clock_shift: float,
        log_limit: int,
        on_problem: Callable[[StoreError], None],
    ) -> None:
        self._engine = engine
        self._path = path
        self._clock_shift = clock_shift
        self._log_limit = log_limit
        self._on_problem = on_problem
        self._connection: Connection | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="database writer", daemon=True)
        self._changed = threading.Condition()
        # what follows is guarded by the condition
        self._inbox: deque[_Request | _Log] = deque()
        self._backlog: list[_Log] = []
        self._requests = 0
        self._signals_held = 0
        self._signals_lost = 0
        self._losing_session = ""
        self._failing = False
        self._closing = False
        self._told = False
        self._tried_last = False
        self._closed = False

    def start(self) -> None:
        """Begin to take requests."""
        self._thread.start()

    # --- any thread ---

    async def run(self, work: Callable[[Transaction], T], weight: int = 1) -> T:
        """Do `work` in a transaction, in the order of calls; returns after the commit.

        Args:
            weight: about how many rows it writes.

        Raises:
            StoreError: nothing of this work was committed. And whatever `work` raises: the same.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(_Request(work, future, weight))
        return await future

    def post(self, work: Callable[[Transaction], Any]) -> None:
        """Do `work` soon; nobody waits for it. Once closed, nothing is done."""
        try:
            self._put(_Request(work, None, 1))
        except StoreError:
            pass

    def _put(self, request: _Request) -> None:
        with self._changed:
            if self._closing:
                raise StoreError("The database is closed.")
            self._inbox.append(request)
            self._requests += 1
            self._changed.notify_all()

    def log(self, signals: Sequence[Signal], session_id: str) -> None:
        """Write signals soon, after what was asked for before and before what is asked for later."""
        if not signals:
            return
        with self._changed:
            while self._signals_held >= self._log_limit and not self._must_not_wait:
                self._changed.wait()
            if self._closed or (self._failing and self._signals_held >= self._log_limit):
                self._signals_lost += len(signals)
                self._losing_session = session_id
                return
            self._signals_held += len(signals)
            self._inbox.append(_Log(session_id, signals))
            self._changed.notify_all()

    @property
    def _must_not_wait(self) -> bool:
        return self._failing or self._closed or threading.current_thread() is self._thread

    async def close(self) -> None:
        """Commit what was accepted and end. Raises StoreError where signals could not be written."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        await asyncio.to_thread(self._thread.join)
        lost, self._signals_lost = self._signals_lost, 0
        if lost:
            raise _lost(lost, self._path)

    # --- the writing thread ---

    def _run(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)
        self._disconnect()

    def _next_batch(self) -> list[_Request | _Log]:
        """The next requests, in order; none once everything is done that can be."""
        with self._changed:
            while not (self._inbox or self._backlog or self._closing):
                self._changed.wait()
            if self._failing:
                self._changed.wait_for(lambda: self._requests or self._closing, _RETRY_SECONDS)
                if self._closing and self._tried_last:
                    self._give_up()
                self._tried_last = self._closing
            # The backlog goes whole and first: no request may wait for it, nor be written before it.
            batch: list[_Request | _Log] = [*self._backlog]
            self._backlog.clear()
            weight = 0
            while self._inbox and weight < _BATCH:
                entry = self._inbox.popleft()
                weight += entry.weight
                self._requests -= isinstance(entry, _Request)
                batch.append(entry)
            self._closed = not batch
            return batch

    def _give_up(self) -> None:
        """Count what cannot be written before the end as lost; requests are still tried, and answered."""
        self._signals_lost += self._signals_held
        self._signals_held = 0
        self._backlog.clear()
        self._inbox = deque(entry for entry in self._inbox if isinstance(entry, _Request))

    def _commit(self, batch: Sequence[_Request | _Log]) -> None:
        logs = [entry for entry in batch if isinstance(entry, _Log)]
        try:
            settlements, now = self._attempt(batch)
        except Exception as error:  # noqa: BLE001 - whatever happened, each future hears of it
            self._disconnect()
            cause = error.__cause__ if isinstance(error, TransactionLost) and error.__cause__ else error
            settlements = [
                (entry.future, None, sqlite.explain(cause, self._path))
                for entry in batch
                if isinstance(entry, _Request) and entry.future is not None
            ]
            self._keep(logs, sqlite.explain(cause, self._path))
        else:
            self._forget(logs, now)
        self._in_loop(_settle, settlements)

    def _attempt(self, batch: Sequence[_Request | _Log]) -> tuple[list[Settlement], float]:
        if self._connection is None:
            self._connection = self._engine.connect()
        transaction = Transaction.begin(self._connection, self._clock_shift)
        settlements: list[Settlement] = []
        for entry in batch:
            if isinstance(entry, _Log):
                transaction.log_rows(entry.rows)
                continue
            result: Any = None
            problem: Exception | None = None
            try:
                result = transaction.in_savepoint(entry.work)
            except TransactionLost:
                raise
            except sqlite.DRIVER_ERRORS as error:
                problem = sqlite.explain(error, self._path)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                problem = error
            if entry.future is not None:
                settlements.append((entry.future, result, problem))
        transaction.commit()
        return settlements, transaction.now

    def _disconnect(self) -> None:
        """Let go of a connection whose state is unknown; the next transaction opens another."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        except Exception:  # noqa: BLE001 - it is given up in any case
            pass

    def _keep(self, logs: list[_Log], problem: StoreError) -> None:
        with self._changed:
            self._backlog = logs
            self._failing = True
            news = bool(logs) and not self._told
            self._told = self._told or news
            self._changed.notify_all()
        if news:
            self._in_loop(self._on_problem, problem)

    def _forget(self, logs: list[_Log], now: float) -> None:
        with self._changed:
            self._signals_held -= sum(entry.weight for entry in logs)
            lost = 0
            if self._failing:
                self._failing = self._told = False
                lost, self._signals_lost = self._signals_lost, 0
            if lost:
                told = Signal(SIGNALS_LOST, {"signals": lost}, {"level": "error", "timestamp": now})
                self._inbox.append(_Log(self._losing_session, (told,)))
                self._signals_held += 1
            self._changed.notify_all()
        if lost:
            self._in_loop(self._on_problem, _lost(lost, self._path))

    def _in_loop(self, call: Callable[[T], None], argument: T) -> None:
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            pass  # the loop is closed: nobody is left to be told


def _settle(settlements: Sequence[Settlement]) -> None:
    for future, result, problem in settlements:
        if future.done():
            continue  # whoever asked was cancelled
        if problem is None:
            future.set_result(result)
        else:
            future.set_exception(problem)


def _lost(signals: int, path: Path) -> StoreError:
    return StoreError(f"{signals} signals are missing from the log: the database {path} could not be written.")
