"""The store: its promises (`engine.ports.Store`), kept by one writing and two reading threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from evolver_tui.adapters.database import answers, encoding, intake, migrations, queries, sessions, sqlite, work
from evolver_tui.adapters.database.reader import Reader
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.adapters.database.writer import Writer
from evolver_tui.core.errors import NotWaiting, StoreError
from evolver_tui.core.job import JobDetail, JobState, Outcome, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.question import OpenQuestion, Question
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.ports import AddedTasks, Claim, Narrator, SessionRecord, StoredSignal

P = ParamSpec("P")
T = TypeVar("T")
_HIGHEST: Final = 2**63 - 1
"""The highest number a column holds."""


def _nobody(problem: StoreError) -> None:
    """The log itself says what is missing from it."""


@dataclass(frozen=True, slots=True)
class _Threads:
    writer: Writer
    reader: Reader
    scanner: Reader
    """For what looks at many rows, so that no window waits behind it."""


class Database:
    """Everything durable, in one SQLite file. Use it in the event loop in which it was opened.

    Several processes may have the same file open.

    Args:
        url: `sqlite:////path/evolver.db`, or the file's path. File and folder are made where they are missing, for
            their owner alone.
        busy_seconds: how long to wait while another process writes.
        clock_shift: seconds by which this object's time differs from the database's.
        log_limit: signals that are kept in memory at most.
        on_problem: told, in the event loop's thread, when the log cannot be written, and how much of it was lost.
    """

    def __init__(
        self,
        url: str | Path,
        *,
        busy_seconds: float = 5.0,
        clock_shift: float = 0.0,
        log_limit: int = 100_000,
        on_problem: Callable[[StoreError], None] = _nobody,
    ) -> None:
        self._url = url
        self._busy_seconds = busy_seconds
        self._clock_shift = clock_shift
        self._log_limit = log_limit
        self._on_problem = on_problem
        self._threads: _Threads | None = None

    # --- sessions and signals ---

    async def open(self) -> None:
        """Open the file, bring its layout up to date, start the threads."""
        path = sqlite.database_path(self._url)
        to_write = sqlite.make_engine(path, self._busy_seconds, "BEGIN IMMEDIATE")
        to_read = sqlite.make_engine(path, self._busy_seconds, "BEGIN")

        def prepare() -> None:
            try:
                sqlite.create_file(path)
                with to_write.begin() as connection:
                    now = connection.exec_driver_sql(sqlite.CLOCK).scalar_one()
                    migrations.bring_up_to_date(connection, now, path)
            except sqlite.DRIVER_ERRORS as error:
                raise sqlite.explain(error, path) from None

        await asyncio.to_thread(prepare)
        writer = Writer(
            to_write, path, clock_shift=self._clock_shift, log_limit=self._log_limit, on_problem=self._on_problem
        )
        reader = Reader(to_read, path, "database reader")
        scanner = Reader(to_read, path, "database scanner")
        for thread in (writer, reader, scanner):
            thread.start()
        self._threads = _Threads(writer, reader, scanner)

    async def close(self) -> None:
        """Commit what was accepted and let go of the file. Raises StoreError where signals could not be written."""
        if self._threads is not None:
            threads, self._threads = self._threads, None
            try:
                await threads.writer.close()
            finally:
                await threads.reader.close()
                await threads.scanner.close()

    @property
    def _open_threads(self) -> _Threads:
        if self._threads is None:
            raise StoreError("The database is closed.")
        return self._threads

    async def _write(self, request: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._open_threads.writer.run(lambda transaction: request(transaction, *args, **kwargs))

    async def _read(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._open_threads.reader.run(lambda connection: query(connection, *args, **kwargs))

    async def _scan(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._open_threads.scanner.run(lambda connection: query(connection, *args, **kwargs))

    async def start_session(self, session_id: str, hub_url: str, host: str) -> None:
        """Record that a session began."""
        await self._write(sessions.start_session, session_id, hub_url, host)

    async def end_session(self, session_id: str) -> None:
        """Record that it ended in order."""
        await self._write(sessions.end_session, session_id)

    async def sessions(self) -> Sequence[SessionRecord]:
        """Every session, oldest first."""
        return await self._read(sessions.all_sessions)

    def log(self, signals: Sequence[Signal], session_id: str) -> None:
        """Write signals soon, in order and before anything that is asked for later. Callable in any thread.

        Holds the caller up while more than `log_limit` signals wait, unless that is because the file cannot be
        written: then what is beyond the limit is lost, and counted. What comes after `close` is left out.
        """
        if self._threads is not None:
            self._threads.writer.log(signals, session_id)

    async def signals(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[StoredSignal]:
        """A session's signals with `seq > after`, in order."""
        return await self._read(sessions.signals_after, session_id, after, limit)

    # --- intake ---

    async def add_tasks(
        self, tasks: Sequence[Task], session_id: str, *, generate: bool, narrate: Narrator
    ) -> AddedTasks:
        """Keep tasks: pending where `generate` and not completed, else over at once. Duplicates by task id are left.

        A long batch comes in several transactions. `narrate` is called, in the writing thread, within each of them
        and for its tasks alone, so that no deed is ever without its words.
        """
        writer = self._open_threads.writer
        parts = []
        for chunk in intake.chunks(tasks, intake.CHUNK) if tasks else ((),):
            add = partial(intake.add_tasks, tasks=chunk, session_id=session_id, generate=generate, narrate=narrate)
            parts.append(await writer.run(add, weight=len(chunk)))
        return intake.joined(parts)

    # --- the worker ---

    async def claim(self, owner: str, lease_seconds: float) -> Claim | None:
        """Take the first job in order that waits for a worker: answered ones, then by priority and arrival.

        A running job whose lease ended, or whose owner (`process_identity.this_process`) was a process of this host
        that is gone, comes before all of them. A claim whose caller was cancelled meanwhile is given back.
        """
        writer = self._open_threads.writer
        claiming = asyncio.ensure_future(writer.run(partial(work.claim, owner=owner, lease_seconds=lease_seconds)))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(partial(_give_back, writer))
            raise

    async def renew(self, job: int, fence: int, lease_seconds: float) -> None:
        """Hold on to a job. Raises StaleLease."""
        await self._write(work.renew, job, fence, lease_seconds)

    async def record_step(
        self, job: int, fence: int, name: str, value: Any, session_id: str, signals: Sequence[Signal] = ()
    ) -> None:
        """Journal a step's JSON result under its name. Raises StaleLease, and EvolverError where it is not JSON."""
        value_json = encoding.to_json(value, f"The result of step {name!a}")
        await self._write(work.record_step, job, fence, encoding.plain(name), value_json, session_id, signals)

    async def pause(
        self, job: int, fence: int, question: Question, session_id: str, signals: Sequence[Signal] = ()
    ) -> int:
        """Commit the question, the waiting state and the end of the lease in one. Returns the question's id.

        Raises:
            StaleLease: the job was taken over.
        """
        what = f"The question {question.name!a}"
        subject_json = encoding.to_json(question.subject, what)
        form_json = encoding.to_json(question.requested_schema, what)
        return await self._write(work.pause, job, fence, question, subject_json, form_json, session_id, signals)

    async def finish(
        self,
        job: int,
        fence: int,
        state: JobState,
        session_id: str,
        *,
        outcome: Outcome | None = None,
        error: str = "",
        node: str = "",
        signals: Sequence[Signal] = (),
    ) -> None:
        """End a job (completed, failed, cancelled). Raises StaleLease."""
        await self._write(work.finish, job, fence, state, session_id, outcome, error, node, signals)

    async def release(self, job: int, fence: int) -> None:
        """Give a claimed job back as it is: the next claim goes on with it. A stale fence is ignored."""
        await self._write(work.release, job, fence)

    # --- the person ---

    async def open_questions(self, limit: int = 200) -> Sequence[OpenQuestion]:
        """What waits for a person, oldest first."""
        return await self._read(queries.open_questions, limit)

    async def question(self, question_id: int) -> OpenQuestion | None:
        """One open question, or None when it is answered or unknown."""
        return await self._read(queries.open_question, question_id) if _is_number(question_id) else None

    async def open_question_of(self, job: int) -> OpenQuestion | None:
        """What this job waits for, or None."""
        return await self._read(queries.open_question_of, job) if _is_number(job) else None

    async def answer(
        self, question_id: int, value: Mapping[str, Any], by: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> None:
        """Commit the one answer and make its job pending again. Raises AlreadyAnswered, NotWaiting."""
        if not _is_number(question_id):
            raise NotWaiting(f"There is no question {question_id}.", "Nothing was changed.")
        value_json = encoding.to_json(value, "The answer")
        await self._write(answers.answer, question_id, value_json, by, session_id, signals)

    async def retry(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Queue a failed job again; its journal stays. Raises NotWaiting when it has not failed."""
        if not _is_number(job):
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        await self._write(answers.retry, job, session_id, signals)

    # --- reading ---

    async def rows_after(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that follow `key` in the queue's order (None: from the top)."""
        run = self._scan if search else self._read
        return await run(queries.rows_after, key, limit, search)

    async def rows_before(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """Rows that precede `key` (None: from the end), still in the queue's order."""
        run = self._scan if search else self._read
        return await run(queries.rows_before, key, limit, search)

    async def rank_of(self, key: QueueKey, search: str = "") -> int:
        """How many rows precede `key`."""
        return await self._scan(queries.rank_of, key, search)

    async def row(self, job: int) -> QueueRow | None:
        """One row."""
        return await self._read(queries.row, job) if _is_number(job) else None

    async def counts(self) -> QueueCounts:
        """How many jobs stand where."""
        return await self._read(queries.counts)

    async def job(self, job: int) -> JobDetail | None:
        """One job in full."""
        return await self._read(queries.job_detail, job) if _is_number(job) else None

    async def journal(self, job: int) -> Mapping[str, Any]:
        """Name to value of what is journaled for a job."""
        return await self._read(queries.journal_of, job) if _is_number(job) else {}


def _is_number(value: int) -> bool:
    """Whether a column could hold this number; a person may type any."""
    return 0 < value <= _HIGHEST


def _give_back(writer: Writer, claiming: asyncio.Future[Claim | None]) -> None:
    if claiming.cancelled() or claiming.exception() is not None:
        return
    claim = claiming.result()
    if claim is not None:
        writer.post(partial(work.release, job=claim.job, fence=claim.fence))
