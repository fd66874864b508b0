"""The store (`engine.store.Store`), kept by one writing and two reading threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from evolver_tui.adapters.database import (
    answer_rules,
    answers,
    chats,
    decisions,
    encoding,
    intake,
    learning,
    marks,
    migrations,
    resends,
    sessions,
    spending,
    training,
    transfer,
    work,
)
from evolver_tui.adapters.database.dialect import Dialect, Watch, asking
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.adapters.database.reader import Reader
from evolver_tui.adapters.database.reading import Reading, is_number
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.adapters.database.url import dialect_of
from evolver_tui.adapters.database.writer import Writer
from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.address import Address
from evolver_tui.core.answer_rule import AnswerScope
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.claim import ALL_ROOM, BUILT_IN_ROUTINES, Claim, Place, Room
from evolver_tui.core.errors import NotAllWaiting, NotWaiting, StoreBroken, StoreError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.question import Answer, Question
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.routine_state import NO_PROGRESS, Progress
from evolver_tui.core.signal import Signal
from evolver_tui.core.spending import Spent
from evolver_tui.core.task import Task
from evolver_tui.core.workflow.chat_request import ChatTurn
from evolver_tui.engine.chat_store import ChatAnswer
from evolver_tui.engine.inbox_store import GivenAnswer
from evolver_tui.engine.intake import AddedSignals
from evolver_tui.engine.store import Store
from evolver_tui.engine.training_store import KeptMoment, KeptTraining

P = ParamSpec("P")
T = TypeVar("T")
_DEAF_SECONDS: Final = 2.0
"""After which work is looked for while nobody can tell of it."""


def _nobody(problem: StoreError) -> None:
    """The log itself says what is missing from it."""


@dataclass(frozen=True, slots=True)
class _Threads:
    dialect: Dialect
    writer: Writer
    reader: Reader
    scanner: Reader
    """For what looks at many rows, so that no window waits behind it."""
    watch: Watch


class Database(Reading, Store):
    """Everything durable, in one SQLite file or one PostgreSQL database. Use it in the event loop that opened it.

    Several processes may have the same database open.

    Args:
        url: `sqlite:////path/evolver.db`, the file's path, or `postgresql+psycopg://user@host/name`. A file and its
            folder are made where they are missing, for their owner alone.
        busy_seconds: how long to wait while another process writes to the file, or to the same rows.
        clock_shift: seconds by which this object's time differs from the database's.
        log_limit: signals that are kept in memory at most.
        on_problem: the first listener of `watch_log`.
    """

    def __init__(
        self,
        url: Address | str | Path,
        *,
        busy_seconds: float = 5.0,
        clock_shift: float = 0.0,
        log_limit: int = 100_000,
        on_problem: Callable[[StoreError], None] = _nobody,
    ) -> None:
        self._url = Address(url) if isinstance(url, str) else url
        self._busy_seconds = busy_seconds
        self._clock_shift = clock_shift
        self._log_limit = log_limit
        self._threads: _Threads | None = None
        self._listeners: list[Callable[[bool], None]] = []
        self._broken_listeners: list[Callable[[StoreBroken], None]] = []
        self._log_listeners = [on_problem]

    # --- sessions and signals ---

    async def open(self) -> None:
        """Reach the database, bring its layout up to date, start the threads."""
        dialect = await asyncio.to_thread(dialect_of, self._url, self._busy_seconds)

        def migrate(connection: Connection, now: float) -> None:
            migrations.bring_up_to_date(connection, now, dialect.place)

        await asyncio.to_thread(dialect.prepare, migrate)
        self._start(dialect)

    def _start(self, dialect: Dialect) -> None:
        writer = Writer(
            dialect, clock_shift=self._clock_shift, log_limit=self._log_limit, on_problem=self._tell_log_problem,
            on_foreign_change=self._tell_listeners, on_broken=self._tell_broken,
        )  # fmt: skip
        reader = Reader(dialect, "database reader", writer.break_off)
        scanner = Reader(dialect, "database scanner", writer.break_off)
        for thread in (writer, reader, scanner):
            thread.start()
        watch = dialect.watch(self._tell_listeners, lambda: writer.post(lambda transaction: None))
        watch.start()
        self._threads = _Threads(dialect, writer, reader, scanner, watch)

    def _tell_listeners(self, has_work: bool) -> None:
        for listener in self._listeners:
            listener(has_work)

    def watch(self, listener: Callable[[bool], None]) -> None:
        """Call `listener`, in the loop's thread, soon after another process changed jobs or questions here.

        It is told whether a job may wait for a worker. SQLite cannot tell, and always says so.
        """
        self._listeners.append(listener)

    def _tell_broken(self, error: StoreBroken) -> None:
        for listener in self._broken_listeners:
            listener(error)

    def watch_broken(self, listener: Callable[[StoreBroken], None]) -> None:
        """Call `listener`, in the loop's thread, once it is known that nothing more can be written here.

        SQLite notices within a second that its file was deleted or replaced, PostgreSQL at the next request.
        """
        self._broken_listeners.append(listener)

    async def close(self) -> None:
        """Commit what was accepted and let go of the file. Raises StoreError where signals could not be written."""
        if self._threads is not None:
            threads, self._threads = self._threads, None
            await threads.watch.close()
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

    async def _ask(self, query: Callable[Concatenate[Ask, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        threads = self._open_threads
        return await threads.reader.run(lambda connection: query(asking(connection, threads.dialect), *args, **kwargs))

    async def _scan(self, query: Callable[Concatenate[Ask, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        threads = self._open_threads
        return await threads.scanner.run(lambda connection: query(asking(connection, threads.dialect), *args, **kwargs))

    async def start_session(self, session_id: str, hub_url: Address, host: str) -> None:
        await self._write(sessions.start_session, session_id, hub_url, host)

    async def end_session(self, session_id: str) -> None:
        await self._write(sessions.end_session, session_id)

    async def delete_session(self, session_id: str) -> int:
        writer, deleted = self._open_threads.writer, 0
        piece = partial(sessions.delete_piece, session_id=session_id)
        while (more := await writer.run(piece, weight=sessions.PIECE)) == sessions.PIECE:
            deleted += more
        return deleted + more

    def log(self, signals: Sequence[Signal], session_id: str) -> None:
        if self._threads is not None:
            self._threads.writer.log(signals, session_id)

    def watch_log(self, listener: Callable[[StoreError], None]) -> None:
        self._log_listeners.append(listener)

    def _tell_log_problem(self, problem: StoreError) -> None:
        for listener in self._log_listeners:
            listener(problem)

    async def flush_log(self) -> None:
        await self._open_threads.writer.run(lambda transaction: None)

    @property
    def log_trouble(self) -> str:
        problem = self._threads.writer.log_problem if self._threads is not None else None
        return str(problem or "")

    # --- intake ---

    async def add_tasks(
        self, tasks: Sequence[Task], session_id: str, *, generate: bool, signals_of: AddedSignals
    ) -> AddedTasks:
        writer = self._open_threads.writer
        parts = []
        for chunk in resends.chunks(tasks, intake.CHUNK) if tasks else ((),):
            add = partial(
                intake.add_tasks, tasks=chunk, session_id=session_id, generate=generate, signals_of=signals_of
            )
            parts.append(await writer.run(add, weight=len(chunk)))
        return intake.joined(parts)

    # --- the worker ---

    async def claim(
        self,
        owner: str,
        lease_seconds: float,
        routines: Mapping[str, str] = BUILT_IN_ROUTINES,
        room: Room = ALL_ROOM,
    ) -> Claim | None:
        writer = self._open_threads.writer
        taking = partial(work.claim, owner=owner, lease_seconds=lease_seconds, routines=routines, room=room)
        claiming = asyncio.ensure_future(writer.run(taking))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(partial(_give_back, writer))
            raise

    async def seconds_until_claimable(
        self, routines: Mapping[str, str] = BUILT_IN_ROUTINES, room: Room = ALL_ROOM
    ) -> float | None:
        threads = self._open_threads
        seconds = await self._read(work.seconds_until_claimable, threads.dialect, self._clock_shift, routines, room)
        if threads.watch.is_deaf:
            return min(seconds or _DEAF_SECONDS, _DEAF_SECONDS)
        return seconds

    async def waits(self, routines: Collection[str]) -> bool:
        return await self._read(work.waits, self._open_threads.dialect, self._clock_shift, routines)

    async def renew(self, job: int, fence: int, lease_seconds: float) -> None:
        await self._write(work.renew, job, fence, lease_seconds)

    async def record_step(
        self,
        job: int,
        fence: int,
        name: str,
        value: Any,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        digest: str = "",
        progress: Progress = NO_PROGRESS,
    ) -> None:
        name = encoding.name(name, "The name of a step")
        value_json = encoding.to_json(value, f"The result of step {name!a}")
        kept = work.kept_progress(progress)
        await self._write(work.record_step, job, fence, name, value_json, digest, kept, session_id, signals)

    async def record_spending(self, job: int, fence: int, nth: int, session_id: str, model: str, spent: Spent) -> None:
        await self._write(spending.record, job, fence, nth, session_id, model, spent)

    async def pause(
        self,
        job: int,
        fence: int,
        question: Question,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        reason: str = "",
        progress: Progress = NO_PROGRESS,
    ) -> int:
        name = encoding.name(question.name, "The name of a question")
        what = f"The question {name!a}"
        subject_json = encoding.to_json(question.subject, what)
        form_json = encoding.to_json(question.requested_schema, what)
        reason = reason or kind_of(question.kind).reason
        kept = work.kept_progress(progress)
        return await self._write(
            work.pause, job, fence, name, question, subject_json, form_json, reason, kept, session_id, signals
        )

    async def emit_deferred(self, job: int, fence: int, session_id: str, signals: Sequence[Signal]) -> None:
        await self._write(work.emit_deferred, job, fence, session_id, signals)

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
        progress: Progress = NO_PROGRESS,
    ) -> None:
        kept = work.kept_progress(progress)
        await self._write(work.finish, job, fence, state, session_id, outcome, error, node, kept, signals)

    async def release(self, job: int, fence: int, *, to_generate: bool = False, place: Place | None = None) -> None:
        await self._write(work.release, job, fence, to_generate, place)

    # --- the person ---

    async def answer(
        self,
        question_id: int,
        value: Mapping[str, Any],
        by: str,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        host: str = "",
    ) -> None:
        if not is_number(question_id):
            raise NotWaiting(f"There is no question {question_id}.", "Nothing was changed.")
        value_json = encoding.to_json(value, "The answer")
        await self._write(answers.answer, question_id, value_json, by, session_id, signals, host)

    async def seen(self, question_id: int) -> None:
        if is_number(question_id):
            await self._write(answers.seen, question_id)

    async def answer_all(self, given: Sequence[GivenAnswer], by: str, *, host: str = "") -> None:
        encoded = [
            answers.EncodedAnswer(
                each.question_id, encoding.to_json(each.value, "The answer"), each.session_id, each.signals
            )
            for each in given
        ]
        unknown = [each.question_id for each in given if not is_number(each.question_id)]
        if unknown:
            raise NotAllWaiting({each: NotWaiting(f"There is no question {each}.") for each in unknown})
        await self._write(answers.answer_all, encoded, by, host)

    async def retry(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        if not is_number(job):
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        await self._write(answers.retry, job, session_id, signals)

    async def cancel(
        self, job: int, session_id: str, signals: Sequence[Signal] = (), *, by: str = "", host: str = ""
    ) -> None:
        if not is_number(job):
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        await self._write(answers.cancel, job, session_id, signals, by, host)

    async def restore(self, job: int, session_id: str, signals: Sequence[Signal] = (), *, by: str = "") -> None:
        if not is_number(job):
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        await self._write(decisions.restore, job, by, session_id, signals)

    async def undo(self, decision: int, by: str, session_id: str, signals: Sequence[Signal] = ()) -> None:
        await self._write(decisions.undo, decision, by, session_id, signals)

    async def take_resent(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        await self._write(resends.take, job, session_id, signals)

    async def drop_resent(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        await self._write(resends.drop, job, session_id, signals)

    async def settle_withdrawal(self, decision: int) -> None:
        await self._write(decisions.settle_withdrawal, decision)

    async def mark(self, job: int, change: MarkChange, session_id: str, signals: Sequence[Signal] = ()) -> bool:
        if not is_number(job):
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        return await self._write(marks.mark, job, change, session_id, signals)

    # --- remembered answers ---

    async def remember_answer(
        self, scope: AnswerScope, answer: Answer, by: str, seconds: float | None, session_id: str,
        signals_of: Callable[[int, float | None], Sequence[Signal]],
    ) -> int:  # fmt: skip
        scope_json = encoding.to_json(scope.to_json_value(), "The scope")
        answer_json = encoding.to_json(answer.to_json_value(), "The answer")
        return await self._write(answer_rules.make, scope_json, answer_json, by, seconds, session_id, signals_of)

    async def revoke_answer_rule(self, rule: int, by: str, session_id: str, signals: Sequence[Signal] = ()) -> None:
        await self._write(answer_rules.revoke, rule, by, session_id, signals)

    async def answer_by_rule(
        self, rule: int, given: GivenAnswer, by: str, change: MarkChange, marked: Sequence[Signal], *, host: str = ""
    ) -> None:
        value_json = encoding.to_json(given.value, "The answer")
        encoded = answers.EncodedAnswer(given.question_id, value_json, given.session_id, given.signals)
        await self._write(answer_rules.give, rule, encoded, by, change, marked, host)

    # --- chats ---

    async def chat_turns(self, session_id: str, most: int) -> Sequence[ChatTurn]:
        return await self._ask(chats.turns, session_id, most)

    async def chat_answer(self, session_id: str, message_id: str) -> ChatAnswer | None:
        return await self._ask(chats.answer, session_id, message_id)

    async def keep_chat(self, session_id: str, message_id: str, question: str, answer: ChatAnswer, most: int) -> None:
        await self._write(chats.keep, session_id, message_id, question, answer, most)

    # --- what is learned of decisions ---

    async def keep_learned(self, name: str, value: Mapping[str, Any]) -> None:
        await self._write(learning.keep, name, encoding.to_json(value, "What was learned"))

    # --- training ---

    async def training_sessions(self) -> Sequence[KeptTraining]:
        return await self._scan(training.sessions)

    async def training_moments(self, session_id: str) -> Sequence[KeptMoment]:
        return await self._ask(training.moments, session_id)

    async def keep_training(self, session: KeptTraining, added: Sequence[KeptMoment], removed: Sequence[int]) -> None:
        await self._write(training.keep, session, added, removed)

    async def forget_training(self, session_ids: Sequence[str]) -> None:
        await self._write(training.forget, session_ids)

    # --- moving a job ---

    async def export_job(
        self, job: int, by: str, host: str, bundle_id: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> Bundle:
        if not is_number(job):
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        return await self._write(transfer.export_job, job, by, host, bundle_id, session_id, signals)

    async def import_job(self, bundle: Bundle, session_id: str, signals: Sequence[Signal] = ()) -> int:
        return await self._write(transfer.import_job, bundle, session_id, signals)


def _give_back(writer: Writer, claiming: asyncio.Future[Claim | None]) -> None:
    if claiming.cancelled() or claiming.exception() is not None:
        return
    claim = claiming.result()
    if claim is not None:
        writer.post(partial(work.release, job=claim.job, fence=claim.fence))
