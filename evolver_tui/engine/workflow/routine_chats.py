"""Chats that are answered by a routine: each request is a durable job, which may wait for a person as long as may be.

A request becomes a task in the database, once. Any instance that knows the routine works on it, and what it says goes
to the chat from there. So nothing but rows is left of a chat that waits, and whoever answers, by whatever console, lets
an instance that lives go on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evolver_tui.core.errors import BrokerError, NotWaiting, RoutineError, StoreBroken, StoreError
from evolver_tui.core.job import JobState
from evolver_tui.core.journal import ANSWER
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn
from evolver_tui.core.workflow.chat_task import (
    CHATS,
    ROUTINE_PREFIX,
    Chat,
    chat_of,
    chat_task,
    chat_task_id,
    chat_task_prefix,
)
from evolver_tui.engine.away import Away
from evolver_tui.engine.durable.routine import Routine, Run, source_hash
from evolver_tui.engine.durable.worker import Worker
from evolver_tui.engine.durable.workers import Workers
from evolver_tui.engine.intake import added_signals
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.store import Store
from evolver_tui.engine.workflow.answer_stream import AnswerStream
from evolver_tui.engine.workflow.conversations import within
from evolver_tui.engine.workflow.job_answer import (
    CONFIRM_SECONDS,
    AnswerParts,
    AnswerState,
    JobAnswer,
    end_by_cancel,
    end_by_failure,
    question_note,
    stream_to_end,
)

_MOST_WAITING: Final = 1_000
"""Chats that wait for a person and are looked after here."""
_PAUSE_SECONDS: Final = 0.25
_SEARCH_SECONDS: Final = 5.0
"""How often, at most, it is looked at what other processes changed, and for chats that nobody follows here."""
_LIVE: Final = (JobState.PENDING, JobState.RUNNING)
_ENDED_EARLY: Final = (JobState.FAILED, JobState.CANCELLED)


class ChatRoutine:
    """A routine whose jobs may be chats: what it says, asks and comes to is told to whoever chats.

    Args:
        seconds: how long it may take until it ends or asks.
        begin: makes the answer of one taking-up; waits until there is a broker.
    """

    def __init__(self, routine: Routine, seconds: float, begin: Callable[[Run, Chat], Any]) -> None:
        self._routine = routine
        self._seconds = seconds
        self._begin = begin

    @property
    def source_hash(self) -> str:
        """The routine's own."""
        return source_hash(self._routine)

    async def __call__(self, run: Run, task: Task) -> Any:
        """Run the routine for one job."""
        chat = chat_of(task)
        if chat is None:
            return await self._routine(run, task)
        answer: JobAnswer = await self._begin(run, chat)
        run.saying.audience = answer
        deadline = asyncio.timeout(self._seconds)
        try:
            async with deadline:
                result = await self._routine(run, task)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise RoutineError(f"The answer took longer than {self._seconds:g} s.", "Send the message again.") from None
        await answer.finish(result)
        return result


@dataclass(slots=True)
class _Followed:
    """A chat's job that somebody waits for here, or that waits for a person."""

    chat: Chat
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    handlers: int = 0
    """How many requests wait for it to settle."""
    problem: BrokerError | None = None
    """Why whoever chats could not be told how it ended."""


@dataclass(frozen=True, slots=True)
class ChatHost:
    """The session that works on chats' jobs, as far as they need it."""

    session_id: str
    store: Store
    bus: SignalBus
    away: Away
    workers: Workers
    cancel: Callable[[int], Awaitable[None]]
    """See `Inbox.cancel`."""
    is_gone: Callable[[str], bool]
    """Whether a worker's process is known to have ended."""
    answers: AnswerParts


class RoutineChats:
    """A `ChatHandler` over the jobs of one routine. Its session's workers run what `routine` made of that routine.

    Args:
        name: the routine's, as its jobs name it, without the prefix of chats.
        seconds: how long a job may take until it ends or asks.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._host: ChatHost | None = None
        self._can_say = asyncio.Event()
        self._followed: dict[int, _Followed] = {}
        self._answers: dict[int, JobAnswer] = {}
        """Of jobs that are worked on here."""
        self._held: Collection[int] = ()
        self._let_go: set[int] = set()
        """Jobs that were worked on here, until it was seen what became of them."""
        self._looks: set[int] = set()
        """Jobs that are to be looked at."""
        self._must_look = asyncio.Event()
        self._others_changed = asyncio.Event()
        self._next_search = 0.0
        self._looking: set[asyncio.Task[None]] = set()

    # --- made in two steps: a session needs the routine, and this needs the session

    @property
    def routine_name(self) -> str:
        """What the jobs' tasks ask for."""
        return ROUTINE_PREFIX + self._name

    def routine(self, inner: Routine) -> Routine:
        """The routine as this session's workers run it."""
        return ChatRoutine(inner, self._seconds, self._begin)

    def attach(self, host: ChatHost) -> None:
        """Take the session that works on the jobs."""
        self._host = host

    def on_change(self, worker: Worker) -> None:
        """Hear that the worker of this process holds other jobs than before."""
        held = {job for job, _ in worker.held}
        for job in set(self._held) - held:
            self._let_go.add(job)
            self._look_soon(job)
        self._held = held

    @property
    def _parts(self) -> ChatHost:
        assert self._host is not None
        return self._host

    async def _begin(self, run: Run, chat: Chat) -> JobAnswer:
        await self._can_say.wait()
        answer = self._answers[run.job] = JobAnswer(run, chat, self._parts.answers)
        return answer

    # --- as the service sees it

    @property
    def label(self) -> str:
        return self._name

    def check(self, request: ChatRequest) -> None:
        """What provider and model mean is the routine's affair."""

    async def open(self) -> None:
        self._can_say.set()
        self._parts.store.watch(lambda has_work: self._others_changed.set())
        self._others_changed.set()
        self._looking = {asyncio.create_task(self._look()), asyncio.create_task(self._look_at_others())}

    async def close(self) -> None:
        workers = self._parts.workers
        if self._can_say.is_set():
            workers.stop()
        else:
            workers.interrupt()  # what it holds waits for a broker that does not come
        await workers.close()
        for looking in self._looking:
            looking.cancel()
        if self._looking:
            await asyncio.wait(self._looking)
        for job in tuple(self._looks):
            await self._look_at(job)

    async def handle(self, request: ChatRequest, attempt: int) -> None:
        job, is_new = await self._job_of(request)
        followed = self._follow(job, Chat(request, ()))
        followed.handlers += 1
        try:
            if not is_new:
                await self._find(job, followed)
            await followed.settled.wait()
        finally:
            followed.handlers -= 1
        if followed.problem is not None:
            raise followed.problem

    def goes_on(self, request: ChatRequest) -> bool:
        key = (request.session_id, request.message_id)
        chats = (followed.chat.request for followed in self._followed.values())
        return any((chat.session_id, chat.message_id) == key for chat in chats)

    async def cancel(self, session_id: str) -> None:
        store, prefix = self._parts.store, chat_task_prefix(session_id)
        with contextlib.suppress(StoreError):
            for row in await store.rows_after(None, _MOST_WAITING, prefix):
                if not row.task_id.startswith(prefix) or row.state.is_over:
                    continue
                with contextlib.suppress(NotWaiting):  # somebody was faster
                    await self._parts.cancel(row.job)
                self._look_soon(row.job)

    # --- from a request to a job

    async def _job_of(self, request: ChatRequest) -> tuple[int, bool]:
        """The number of a request's job, and whether it was made for it now."""
        parts, task_id = self._parts, chat_task_id(request.session_id, request.message_id)
        while True:
            try:
                job = await parts.store.job_of_task(task_id)
                is_new = job is None
                if job is None:
                    job = await self._add(chat_task(request, await self._history(request), self._name))
                parts.away.settled(self)
                return job, is_new
            except StoreBroken:
                raise
            except StoreError as error:
                parts.away.failed(self, error)
                await parts.away.wait()

    async def _add(self, task: Task) -> int:
        parts = self._parts
        told: Sequence[Signal] = ()

        def signals_of(added: Any) -> Sequence[Signal]:
            nonlocal told
            told = added_signals(parts.bus, added)
            return told

        added = await parts.store.add_tasks((task,), parts.session_id, generate=True, signals_of=signals_of)
        parts.bus.relay(told)
        if added.queued:
            parts.workers.wake_for_new()
        job = await parts.store.job_of_task(task.id)
        assert job is not None
        return job

    async def _history(self, request: ChatRequest) -> Sequence[ChatTurn]:
        given, kept = request.context.conversation_history, self._parts.answers.conversations
        if given is not None:
            return within(given, kept.messages, kept.characters)
        return await kept.history(request.session_id)

    # --- how jobs stand

    def _follow(self, job: int, chat: Chat) -> _Followed:
        return self._followed.setdefault(job, _Followed(chat))

    def _look_soon(self, job: int) -> None:
        self._looks.add(job)
        self._must_look.set()

    async def _look(self) -> None:
        while True:
            await self._must_look.wait()
            self._must_look.clear()
            looks, self._looks = self._looks, set()
            for job in looks:
                await self._look_at(job)

    async def _look_at_others(self) -> None:
        """Look at all that is followed when another process changed something, a few times a second at most."""
        while True:
            await self._others_changed.wait()
            self._others_changed.clear()
            for job in self._followed.keys() | await self._waiting():
                await self._look_at(job)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _waiting(self) -> set[int]:
        """The jobs of chats that wait for a person, whoever took their requests; not each time."""
        now = asyncio.get_running_loop().time()
        if now < self._next_search:
            return set()
        self._next_search = now + _SEARCH_SECONDS
        with contextlib.suppress(StoreError):
            asked = await self._parts.store.open_questions(_MOST_WAITING)
            return {each.job for each in asked if each.task_id.startswith(CHATS)}
        return set()

    async def _look_at(self, job: int) -> None:
        """See how a job stands; where it is over, whoever chats is told."""
        with contextlib.suppress(StoreError):  # the next change looks again
            await self._see(job)

    async def _find(self, job: int, followed: _Followed) -> None:
        """See how a job stands whose request came again: its last word may not have been told."""
        with contextlib.suppress(StoreError):
            row = await self._parts.store.row(job)
            if row is not None and row.state is JobState.PAUSED:
                await self._ask_again(job, followed.chat)
            await self._see(job, is_found=True)

    async def _see(self, job: int, *, is_found: bool = False) -> None:
        """Take note of how a job stands. Raises StoreError.

        Args:
            is_found: its request came again, so that it may not be known how it ended.
        """
        row = await self._parts.store.row(job)
        if row is None or job in self._held:
            return  # it is looked at again when it is let go of
        followed = self._followed.get(job) or await self._known(job)
        if followed is None:
            return
        answer = self._answers.pop(job, None)
        if row.state in _LIVE:
            return
        was_here = job in self._let_go
        self._let_go.discard(job)
        is_ours = was_here or is_found or await self._nobody_tells(job, row.state)
        if row.state in _ENDED_EARLY and is_ours:
            try:
                await self._tell_end(job, followed.chat, row.state, answer)
            except BrokerError as error:
                followed.problem = error
        followed.settled.set()
        if row.state is not JobState.PAUSED:
            self._followed.pop(job, None)

    async def _nobody_tells(self, job: int, state: JobState) -> bool:
        """Whether it was cancelled while nobody worked on it: whoever works on a job tells how it ended."""
        detail = await self._parts.store.job(job) if state is JobState.CANCELLED else None
        return detail is not None and (not detail.owner.text or self._parts.is_gone(detail.owner.text))

    async def _known(self, job: int) -> _Followed | None:
        """A job that nobody waited for here; None for one that is no chat of this routine."""
        detail = await self._parts.store.job(job)
        chat = chat_of(detail.task) if detail is not None and detail.routine == self.routine_name else None
        return None if chat is None else self._follow(job, chat)

    async def _tell_end(self, job: int, chat: Chat, state: JobState, answer: JobAnswer | None) -> None:
        """Tell whoever chats that there is no answer, or no more of it. Raises StoreError, BrokerError."""
        parts, store = self._parts.answers, self._parts.store
        if answer is not None:
            stream = await answer.stream_to_end()
        else:
            kept = AnswerState.of((await store.journal(job)).get(ANSWER))
            stream = await stream_to_end(parts.route, chat.request, kept, job)
        if state is JobState.CANCELLED:
            await end_by_cancel(stream, parts)
        else:
            detail = await store.job(job)
            await end_by_failure(stream, parts, detail.error if detail is not None else "")
        await parts.confirm(CONFIRM_SECONDS)

    async def _ask_again(self, job: int, chat: Chat) -> None:
        asked = await self._parts.store.open_question_of(job)
        if asked is None:
            return
        state = AnswerState.of((await self._parts.store.journal(job)).get(ANSWER))
        route, number = self._parts.answers.route, state.next_chunk
        stream = AnswerStream(route, chat.request, attempt=state.attempt, next_chunk=number)
        await stream.note(question_note(job, asked.question))
