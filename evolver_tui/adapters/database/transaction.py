"""What a write works with: the connection, the database's time, the log and the tally of its transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from evolver_tui.adapters.database import encoding, sqlite
from evolver_tui.adapters.database.models import jobs, signals, tallies
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.signal import Signal

Standing = tuple[str, str]
"""A state and an outcome ("" for none), as the tally counts them."""

_LOG_COLUMNS: Final = ("session_id", "name", "timestamp", "payload_json", "context_json")
_INSERT_SIGNAL: Final = sqlite.compiled(insert(signals).values(dict.fromkeys(_LOG_COLUMNS)))
_LAST_JOB: Final = sqlite.compiled(select(func.max(jobs.c.seq)))
_READ_TALLY: Final = sqlite.compiled(select(tallies.c.state, tallies.c.outcome, tallies.c.jobs))
_COUNT = sqlite.insert(tallies).values(dict.fromkeys(("state", "outcome", "jobs")))
_ADD_TO_TALLY: Final = sqlite.compiled(
    _COUNT.on_conflict_do_update(
        index_elements=[tallies.c.state, tallies.c.outcome], set_={"jobs": tallies.c.jobs + _COUNT.excluded.jobs}
    )
)


def standing(state: JobState, outcome: Outcome | str | None = None) -> Standing:
    """The tally's key."""
    return state.value, str(outcome or "")


def log_row(session_id: str, signal: Signal) -> tuple[Any, ...]:
    """A signal as the log's columns."""
    return (
        encoding.plain(session_id),
        encoding.plain(signal.name),
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
    driver: sqlite3.Connection
    now: float
    """The database's time when the transaction began; it rules leases and stands in every row."""
    _tally: Counter[Standing]
    _changes: Counter[Standing] = field(default_factory=Counter)
    _log: list[tuple[Any, ...]] = field(default_factory=list)
    _last_job: int | None = None

    @classmethod
    def begin(cls, connection: Connection, clock_shift: float) -> Transaction:
        """Take the write lock, and read the time and the tally. Raises DRIVER_ERRORS."""
        connection.begin()
        driver = sqlite.driver(connection)
        (now,) = driver.execute(sqlite.CLOCK).fetchone()
        tally = Counter({(state, outcome): number for state, outcome, number in driver.execute(_READ_TALLY)})
        return cls(connection, driver, now + clock_shift, tally)

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

    def reserve_jobs(self, number: int) -> int:
        """Take that many job numbers; returns the one before the first. Nobody else inserts meanwhile."""
        if self._last_job is None:
            self._last_job = self.driver.execute(_LAST_JOB).fetchone()[0] or 0
        before = self._last_job
        self._last_job += number
        return before

    @property
    def waiting(self) -> int:
        """How many jobs are pending, this transaction's own changes included."""
        pending = standing(JobState.PENDING)
        return self._tally[pending] + self._changes[pending]

    def in_savepoint(self, work: Any) -> Any:
        """Run one request's work; where it raises, undo that work and nothing else, and raise the same.

        Raises:
            TransactionLost: the database itself undid the whole transaction.
        """
        mark, changes = len(self._log), self._changes.copy()
        self.driver.execute("SAVEPOINT request")
        try:
            result = work(self)
        except Exception as error:
            del self._log[mark:]
            self._changes = changes
            try:
                self.driver.execute("ROLLBACK TO SAVEPOINT request")
            except sqlite.DRIVER_ERRORS:
                raise TransactionLost from error
            raise
        self.driver.execute("RELEASE SAVEPOINT request")
        return result

    def commit(self) -> None:
        """Write what was gathered, and make everything durable. Raises DRIVER_ERRORS."""
        if self._log:
            self.driver.executemany(_INSERT_SIGNAL, self._log)
        changes = [(*standing, jobs) for standing, jobs in self._changes.items() if jobs]
        if changes:
            self.driver.executemany(_ADD_TO_TALLY, changes)
        self.connection.commit()


class TransactionLost(Exception):
    """The database gave up the transaction in the middle; its cause says why."""
