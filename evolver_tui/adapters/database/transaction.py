"""What a write works with: the connection, the database's time, the log and the tally of its transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, insert

from evolver_tui.adapters.database import encoding, sqlite
from evolver_tui.adapters.database.dialect import Dialect, driver, rows_of
from evolver_tui.adapters.database.models import signals, tallies
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.signal import Signal

Standing = tuple[str, str]
"""A state and an outcome ("" for none), as the tally counts them."""

_LOG_COLUMNS: Final = ("session_id", "name", "timestamp", "payload_json", "context_json")
_INSERT_SIGNAL: Final = sqlite.compiled(insert(signals).values(dict.fromkeys(_LOG_COLUMNS)))
_COUNT = sqlite.insert(tallies).values(dict.fromkeys(("state", "outcome", "shard", "jobs")))
_COUNTED: Final = "SELECT jobs FROM tally WHERE state = ? AND outcome = ?"
_ADD_TO_TALLY: Final = sqlite.compiled(
    _COUNT.on_conflict_do_update(
        index_elements=[tallies.c.state, tallies.c.outcome, tallies.c.shard],
        set_={"jobs": tallies.c.jobs + _COUNT.excluded.jobs},
    )
)


@lru_cache(maxsize=128)
def _update(table: str, columns: tuple[str, ...], where: str, returning: str) -> str:
    """Built by hand: SQLAlchemy takes a quarter of a millisecond to make this text of a statement object."""
    return f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} WHERE {where}{returning}"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def standing(state: JobState, outcome: Outcome | str | None = None) -> Standing:
    """The tally's key."""
    return state.value, str(outcome or "")


def log_row(session_id: str, signal: Signal) -> tuple[Any, ...]:
    """A signal as the log's columns."""
    return (
        encoding.plain(session_id),
        encoding.plain(str(signal.name)),
        encoding.timestamp_of(signal),
        encoding.to_signal_json(signal.payload),
        encoding.to_signal_json(signal.context),
    )


@dataclass(slots=True)
class Transaction:
    """One transaction of the writer, which several requests share.

    Signals and the tally are gathered and written once, just before the commit, in the order of the requests.
    """

    connection: Connection
    dialect: Dialect
    now: float
    """The database's time when the transaction began; it rules leases and stands in every row."""
    shard: int
    """The part of the tally that this writer counts in."""
    _changes: Counter[Standing] = field(default_factory=Counter)
    _log: list[tuple[Any, ...]] = field(default_factory=list)
    is_unannounced: bool = False
    """Whether jobs changed in a way that others may hear of a moment later."""
    is_touched: bool = False
    """Whether jobs changed in another way than the tally counts."""
    last_signal: tuple[Any, ...] | None = None
    """What the log ended with at the commit."""

    @classmethod
    def begin(cls, connection: Connection, dialect: Dialect, clock_shift: float, shard: int) -> Transaction:
        """Begin, and read the time. Raises the dialect's errors."""
        connection.begin()
        return cls(connection, dialect, dialect.now(connection) + clock_shift, shard)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Run a compiled statement; returns the driver's cursor."""
        return driver(self.connection).execute(self.dialect.text(statement), values)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a compiled statement; returns what it gives back."""
        return rows_of(self.connection, self.dialect, statement, values)

    def update(self, table: str, changes: Mapping[str, Any], where: str, given: Sequence[Any]) -> int:
        """Change columns of the rows that a condition with `?` for its values holds for; returns how many."""
        changed = self.execute(_update(table, tuple(changes), where, ""), (*map(_plain, changes.values()), *given))
        return int(changed.rowcount)

    def update_row(
        self, table: str, changes: Mapping[str, Any], where: str, given: Sequence[Any], returning: str
    ) -> tuple[Any, ...] | None:
        """The same for one row; returns columns of what it has become, or None where there is no such row."""
        statement = _update(table, tuple(changes), where, f" RETURNING {returning}")
        found = self.rows(statement, (*map(_plain, changes.values()), *given))
        return found[0] if found else None

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a compiled statement for each row; returns how many rows were written."""
        if not rows:
            return 0
        return self.dialect.execute_many(self.connection, statement, rows)

    def log(self, session_id: str, facts: Iterable[Signal]) -> None:
        """Write signals together with what they tell of."""
        self._log.extend(log_row(session_id, signal) for signal in facts)

    def log_rows(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write signals that are columns already."""
        self._log.extend(rows)

    def moved(self, source: Standing | None, target: Standing, jobs: int = 1) -> None:
        """Count that jobs went from one standing (None: from nowhere) to another."""
        if source is not None:
            self._changes[source] -= jobs
        self._changes[target] += jobs

    def reserve_jobs(self, number: int) -> Sequence[int]:
        """That many job numbers, which nobody else is given."""
        return self.dialect.job_numbers(self.connection, number)

    @property
    def waiting(self) -> int:
        """How many jobs are pending, this transaction's own changes included."""
        pending = standing(JobState.PENDING)
        return sum(int(jobs) for (jobs,) in self.rows(_COUNTED, pending)) + self._changes[pending]

    def in_savepoint(self, work: Any) -> Any:
        """Run one request's work; where it raises, undo that work and nothing else, and raise the same.

        Raises:
            TransactionLost: the database itself undid the whole transaction.
        """
        mark, changes = len(self._log), self._changes.copy()
        self.execute("SAVEPOINT request")
        try:
            result = work(self)
        except Exception as error:
            del self._log[mark:]
            self._changes = changes
            try:
                self.execute("ROLLBACK TO SAVEPOINT request")
            except self.dialect.errors:
                raise TransactionLost from error
            if self.dialect.is_transient(error):
                raise TransactionLost from error
            raise
        self.execute("RELEASE SAVEPOINT request")
        return result

    @property
    def has_signals(self) -> bool:
        """Whether signals were gathered."""
        return bool(self._log)

    def commit(self, *, remembers: bool) -> None:
        """Write what was gathered, and make everything durable.

        Args:
            remembers: whether `last_signal` is to be known afterwards.

        Raises:
            TransactionLost: it did not come to the commit.
            Exception: one of the dialect's errors, out of the commit itself. Where the connection broke meanwhile,
                nobody knows whether it was made.
        """
        try:
            self.execute_many(_INSERT_SIGNAL, self._log)
            if remembers:
                self.last_signal = self.dialect.last_signal(self.connection)
            changes = [(*standing, self.shard, jobs) for standing, jobs in sorted(self._changes.items()) if jobs]
            self.execute_many(_ADD_TO_TALLY, changes)
            self._announce()
        except self.dialect.errors as error:
            raise TransactionLost from error
        try:
            self.connection.commit()
        except self.dialect.errors as error:
            if self.dialect.is_transient(error):
                raise TransactionLost from error
            raise

    def _announce(self) -> None:
        has_work = self._changes[standing(JobState.PENDING)] > 0
        if has_work or self._changes[standing(JobState.PAUSED)] > 0:
            # An idle worker, or a person, must hear of it, whatever becomes of this process next.
            self.dialect.announce(self.connection, has_work)
        else:
            self.is_unannounced = self.is_touched or any(self._changes.values())


class TransactionLost(Exception):
    """The database gave up the transaction before its commit: nothing of it was written. Its cause says why."""
