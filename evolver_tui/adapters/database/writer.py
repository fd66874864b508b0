"""The one writer: a thread with a connection of its own, and whatever was asked for meanwhile in one commit.

While one commit waits for the disk, requests gather; the next transaction takes them all. So no request waits longer
than needed, and under load a commit is shared by many. Each request stands in a savepoint: one that is refused does
not take the others with it.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine

from evolver_tui.adapters.database.dialect import Dialect
from evolver_tui.adapters.database.transaction import Transaction, TransactionLost, log_row
from evolver_tui.core.errors import StoreBroken, StoreError
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.session_signals import SIGNALS_LOST

T = TypeVar("T")
Settlement = tuple["asyncio.Future[Any]", Any, BaseException | None]
"""A future, and what it becomes: a result or an error."""

_BATCH: Final = 2_000
"""Tasks, requests and signals after which a transaction takes no more: it holds the lock for some 20 milliseconds."""
_RETRY_SECONDS: Final = 1.0
_LONGEST_PATIENCE_SECONDS: Final = 30.0
"""For requests that come, each of which tries again what could not be written; without any it is tried then."""
_ATTEMPTS: Final = 5
"""For a transaction that stood in another's way."""
_SHARDS: Final = 64
_ANNOUNCE_SECONDS: Final = 0.1


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
    in its place says how many those were. `on_problem` hears of both, in the event loop's thread, and
    `on_foreign_change` there of what a transaction found that others had committed, and `on_broken`, once, of what
    ends the writing for good.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        clock_shift: float,
        log_limit: int,
        on_problem: Callable[[StoreError], None],
        on_foreign_change: Callable[[bool], None],
        on_broken: Callable[[StoreBroken], None],
    ) -> None:
        self._engine: Engine = dialect.writing()
        self._dialect = dialect
        self._shard = random.randrange(_SHARDS) if dialect.has_many_writers else 0
        self._on_foreign_change = on_foreign_change
        self._on_broken = on_broken
        self._foreign_commits = 0
        self._clock_shift = clock_shift
        self._log_limit = log_limit
        self._on_problem = on_problem
        self.log_problem: StoreError | None = None
        """Why signals wait to be written; None while they can be."""
        self._connection: Connection | None = None
        self._broken: StoreBroken | None = None
        """Why nothing is written any longer."""
        self._last_signal: tuple[Any, ...] | None = None
        self._is_signal_stale = False
        """Whether signals were written after that one."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="database writer", daemon=True)
        self._announcing: asyncio.TimerHandle | None = None
        self._changed = threading.Condition()
        # what follows is guarded by the condition
        self._inbox: deque[_Request | _Log] = deque()
        self._backlog: list[_Log] = []
        self._requests = 0
        self._signals_held = 0
        self._signals_lost = 0
        self._why_lost = ""
        self._losing_session = ""
        self._failing = False
        self._closing = False
        self._has_reported = False
        self._patience = _RETRY_SECONDS
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
            StoreError: nothing of this work was committed, or the connection broke during the commit and nobody
                knows. Whatever `work` raises: nothing was committed.
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

    def break_off(self, problem: StoreBroken) -> None:
        """From now on nothing is written any longer."""
        with self._changed:
            if self._broken is not None:
                return
            self._broken = problem
        self._in_loop(self._on_broken, problem)

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

    def _announce_within(self, seconds: float) -> None:
        """Tell other processes, once for all that changes within a moment.

        PostgreSQL lets transactions that notify commit one after another, each with its wait for the disk. One that
        does nothing else waits for no disk.
        """
        if self._announcing is None and self._dialect.has_many_writers:
            self._announcing = self._loop.call_later(seconds, self._announce)

    def _announce(self) -> None:
        def look(announced: asyncio.Future[None]) -> None:
            if not announced.cancelled() and announced.exception() is not None:
                self._announce_within(_RETRY_SECONDS)

        self._announcing = None
        future: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(look)
        try:
            self._put(_Request(self._tell, future, 1))
        except StoreError:
            future.cancel()  # closed meanwhile

    def _tell(self, transaction: Transaction) -> None:
        self._dialect.announce(transaction.connection, has_work=False)

    async def close(self) -> None:
        """Commit what was accepted and end. Raises StoreError where signals could not be written."""
        if self._announcing is not None:
            self._announcing.cancel()
            self.post(self._tell)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        await asyncio.to_thread(self._thread.join)
        lost, self._signals_lost = self._signals_lost, 0
        if lost:
            raise StoreError(_lost(lost, self._dialect.place).message, self._why_lost)

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
                self._changed.wait_for(lambda: self._requests or self._closing, self._patience)
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
            settlements, now = self._attempt_patiently(batch)
        except Exception as error:  # noqa: BLE001 - whatever happened, each future hears of it
            self._disconnect()
            problem = self._dialect.explain(_cause(error))
            if isinstance(problem, StoreBroken):
                self.break_off(problem)
            settlements = [
                (entry.future, None, problem)
                for entry in batch
                if isinstance(entry, _Request) and entry.future is not None
            ]
            self._keep(logs, problem)
        else:
            self._forget(logs, now)
        self._in_loop(_settle, settlements)

    def _attempt_patiently(self, batch: Sequence[_Request | _Log]) -> tuple[list[Settlement], float]:
        if self._broken is not None:
            raise self._broken
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                return self._attempt(batch)
            except TransactionLost as lost:
                if not attempts_left or not self._is_worth_another(_cause(lost)):
                    raise
                self._disconnect()
        raise AssertionError("the last attempt returns or raises")

    def _is_worth_another(self, error: BaseException) -> bool:
        """Whether a transaction that was undone may go through when it is made again, on another connection."""
        is_broken = self._connection is not None and self._dialect.is_broken(self._connection)
        return is_broken or self._dialect.is_transient(error)

    def _attempt(self, batch: Sequence[_Request | _Log]) -> tuple[list[Settlement], float]:
        # One request alone needs no savepoint: where it is refused, nothing but signals stands beside it.
        is_lone = sum(isinstance(entry, _Request) for entry in batch) == 1
        transaction = self._begin()
        settlements: list[Settlement] = []
        for entry in batch:
            if isinstance(entry, _Log):
                transaction.log_rows(entry.rows)
                continue
            result: Any = None
            problem: Exception | None = None
            try:
                result = entry.work(transaction) if is_lone else transaction.in_savepoint(entry.work)
            except TransactionLost:
                raise
            except Exception as error:
                if is_lone and self._is_worth_another(error):
                    raise TransactionLost from error
                problem = self._dialect.explain(error) if isinstance(error, self._dialect.errors) else error
                if isinstance(problem, StoreBroken):
                    raise problem from error
                if is_lone:
                    transaction.connection.rollback()
                    _, now = self._attempt([entry for entry in batch if isinstance(entry, _Log)])
                    return ([(entry.future, None, problem)] if entry.future is not None else []), now
            if entry.future is not None:
                settlements.append((entry.future, result, problem))
        self._is_signal_stale = self._is_signal_stale or transaction.has_signals
        transaction.commit(remembers=self._is_signal_stale and not self._inbox)  # once for many that follow each other
        if transaction.last_signal is not None:
            self._last_signal, self._is_signal_stale = transaction.last_signal, False
        if transaction.is_unannounced:
            self._in_loop(self._announce_within, _ANNOUNCE_SECONDS)
        return settlements, transaction.now

    def _begin(self) -> Transaction:
        """Begin a transaction; where the server has closed the connection meanwhile, on another."""
        if self._connection is not None:
            try:
                return self._begin_on(self._connection)
            except self._dialect.errors:
                if not self._dialect.is_broken(self._connection):
                    raise
                self._disconnect()
        self._connection = self._engine.connect()
        return self._begin_on(self._connection)

    def _begin_on(self, connection: Connection) -> Transaction:
        transaction = Transaction.begin(connection, self._dialect, self._clock_shift, self._shard)
        commits = self._dialect.foreign_commits(connection)
        if commits != self._foreign_commits:  # on a connection that was just made, a change is assumed
            self._foreign_commits = commits
            if self._last_signal is not None:
                self._dialect.check_signal(connection, self._last_signal)
            self._in_loop(self._on_foreign_change, True)
        return transaction

    def _disconnect(self) -> None:
        """Let go of a connection whose state is unknown; the next transaction opens another."""
        connection, self._connection = self._connection, None
        self._foreign_commits = 0
        try:
            if connection is not None:
                connection.close()
        except Exception:  # noqa: BLE001 - it is given up in any case
            pass

    def _keep(self, logs: list[_Log], problem: StoreError) -> None:
        with self._changed:
            self._why_lost = problem.message
            self._backlog = logs
            self._failing = True
            self._patience = min(self._patience * 2.5, _LONGEST_PATIENCE_SECONDS)
            self.log_problem = problem if logs else self.log_problem
            is_first = bool(logs) and not self._has_reported
            self._has_reported = self._has_reported or is_first
            self._changed.notify_all()
        if is_first:
            self._in_loop(self._on_problem, problem)

    def _forget(self, logs: list[_Log], now: float) -> None:
        with self._changed:
            self._signals_held -= sum(entry.weight for entry in logs)
            lost = 0
            if self._failing:
                self._failing = self._has_reported = False
                self._patience = _RETRY_SECONDS
                self.log_problem = None
                lost, self._signals_lost = self._signals_lost, 0
            if lost:
                name, payload, level = SIGNALS_LOST({"signals": lost})
                told = Signal(name, payload, {"level": level, "timestamp": now})
                self._inbox.append(_Log(self._losing_session, (told,)))
                self._signals_held += 1
            self._changed.notify_all()
        if lost:
            self._in_loop(self._on_problem, _lost(lost, self._dialect.place))

    def _in_loop(self, call: Callable[[T], None], argument: T) -> None:
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:
            pass  # the loop is closed: nobody is left to be told


def _cause(error: Exception) -> BaseException:
    return error.__cause__ if isinstance(error, TransactionLost) and error.__cause__ else error


def _settle(settlements: Sequence[Settlement]) -> None:
    for future, result, problem in settlements:
        if future.done():
            continue  # whoever asked was cancelled
        if problem is None:
            future.set_result(result)
        else:
            future.set_exception(problem)


def _lost(signals: int, place: str) -> StoreError:
    return StoreError(f"{signals} signals are missing from the log: the database {place} could not be written.")
