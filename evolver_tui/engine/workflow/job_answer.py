"""The answer of a chat that is a job: where it stands is kept with the job, so that any instance goes on with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from evolver_tui.core.errors import BrokerError, SharedFault
from evolver_tui.core.journal import ANSWER
from evolver_tui.core.question import Question
from evolver_tui.core.signal_catalogue.workflow_signals import (
    ANSWER_CANCELLED,
    ANSWER_COMPLETED,
    ANSWER_FAILED,
    ANSWER_STARTED,
    CHAT_ASKED,
    ChatNamed,
)
from evolver_tui.core.workflow.chat_request import ChatRequest
from evolver_tui.core.workflow.chat_task import Chat
from evolver_tui.core.workflow.found_answer import answer_in
from evolver_tui.engine.chat_store import ChatAnswer
from evolver_tui.engine.durable.routine import Run
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.workflow.answer_stream import AnswerStream, Route
from evolver_tui.engine.workflow.answering import AnswerEnd, SystemNote
from evolver_tui.engine.workflow.conversations import Conversations

FAILED: Final = "failed"
"""The code of the error by which the answer of a job ends that failed."""
CONFIRM_SECONDS: Final = 2.0
"""How long it is waited until the broker has what was said, before a question is committed; else it is said again."""
_MOST_CONFIRMS: Final = 30
"""How often that is waited for at the end of an answer, before all jobs wait for the broker."""
BROKER: Final = "nats"
"""What chats share and may not work."""
LONGEST_PIECE: Final = 4_000
"""Characters of one chunk."""


@dataclass(frozen=True, slots=True)
class AnswerState:
    """How far the chat was told, as it is kept with the job."""

    attempt: int = 0
    next_chunk: int = 0
    """Of a job that waits for a person, the number of the chunk that tells the question."""
    pieces: int = 0
    """Chunks with text among those."""
    is_sure: bool = False
    """Whether the job stopped at a question, and the broker has all that was said before."""
    repeats: bool = False
    """Whether some of that is said again when the job goes on."""
    fence: int = 0
    """Of the claim that stopped so."""
    source: str = ""
    """The routine's source hash then."""
    question: str = ""
    """What it stopped at."""

    def goes_on(self, run: Run) -> bool:
        """Whether this is the very next time that the job is taken up, by the same routine."""
        is_next = run.fence == self.fence + 1 and run.source_hash == self.source
        return self.is_sure and not self.repeats and is_next

    @classmethod
    def of(cls, value: Any) -> AnswerState:
        """From the journal; of a job that told nothing yet where that is nothing."""
        return cls(**value) if isinstance(value, dict) else cls()


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What all answers use."""

    label: str
    """What answers, where it does not say so itself."""
    route: Route
    confirm: Callable[[float], Awaitable[bool]]
    """See `Broker.confirm`."""
    conversations: Conversations
    bus: SignalBus


class JobAnswer:
    """The `Audience` of a job that is a chat, for one time that it is taken up.

    Before its first chunk it is committed that chunks of this attempt are on their way. What finds that, and not that
    the job stopped at a question after it, cannot know which of them arrived, and begins the next attempt.
    """

    def __init__(self, run: Run, chat: Chat, parts: AnswerParts) -> None:
        self._run = run
        self._chat = chat
        self._parts = parts
        self._before = AnswerState.of(run.own(ANSWER))
        self.goes_on = self._before.goes_on(run)
        state = self._before if self.goes_on else AnswerState(self._before.attempt + 1)
        self._pieces = state.pieces
        self.stream = self._streamed(state.attempt, state.next_chunk)
        self._is_open = False
        self._began = parts.route.now()
        parts.bus.emit(ANSWER_STARTED({**self._named, "answered_by": parts.label}), **self._context)

    def _streamed(self, attempt: int, next_chunk: int = 0) -> AnswerStream:
        return AnswerStream(self._parts.route, self._chat.request, attempt=attempt, next_chunk=next_chunk)

    # --- what the job says

    async def hear(self, text: str) -> None:
        """Publish it. So raise all of these SharedFault where the broker is away for too long."""
        await self._open()
        for start in range(0, len(text), LONGEST_PIECE):
            self._pieces += 1
            await _sent(self.stream.say(text[start : start + LONGEST_PIECE]))

    async def begin_again(self) -> None:
        self.stream = self._streamed(self.stream.attempt + 1)
        self.goes_on, self._pieces, self._is_open = False, 0, False

    async def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            await self._run.set_own(ANSWER, asdict(AnswerState(self.stream.attempt)))

    # --- questions

    async def before_question(self, question: Question, *, is_whole: bool) -> Mapping[str, Any]:
        is_sure = not self._is_open or await self._parts.confirm(CONFIRM_SECONDS)
        state = AnswerState(
            self.stream.attempt, self.stream.next_chunk, self._pieces, is_sure, not is_whole, self._run.fence,
            self._run.source_hash, question.name,
        )  # fmt: skip
        return {ANSWER: asdict(state)}

    async def asked(self, question: Question) -> None:
        told = CHAT_ASKED({**self._named, "question": question.name, "message": question.message})
        self._parts.bus.emit(told, **self._context)
        try:
            await self.stream.note(question_note(self._run.job, question))
            await self._parts.confirm(CONFIRM_SECONDS)
        except BrokerError:
            return  # it is told again when the job goes on, or the request is handed out again

    async def answered(self, question: Question, answer: Mapping[str, Any]) -> None:
        if self.goes_on and question.name != self._before.question:
            return
        await self._open()
        if question.message:  # else only its answer is read again
            await _sent(self.stream.note(question_note(self._run.job, question)))
        # Who answered is in the log, and no business of whoever chats.
        details = {
            "event": "question_answered", "question": question.name, "job": self._run.job,
            "action": answer.get("action"),
        }  # fmt: skip
        await _sent(self.stream.note(SystemNote("Answered.", details)))

    # --- its end

    async def finish(self, result: Any) -> None:
        """Publish what is left of the answer, and its end."""
        found = answer_in(result)
        if not self._run.saying.text.strip():
            await self._run.saying.say(found.text)
        await self._open()
        request = self._chat.request
        tokens = found.tokens or self._pieces
        answer = ChatAnswer(self._run.saying.text, found.model or self._parts.label, tokens)
        await self._run.commit(
            lambda: self._parts.conversations.keep(request.session_id, request.message_id, request.message, answer)
        )
        end = AnswerEnd(answer.model, tokens)
        await _sent(self.stream.finish(end))
        await _sent(self._arrive())
        self._parts.bus.emit(ANSWER_COMPLETED(self.stream.ended(end, self._began)), **self._context)

    async def _arrive(self) -> None:
        """Wait until the broker has the whole answer: the job is over then, and nobody says it again."""
        for _ in range(_MOST_CONFIRMS):
            if await self._parts.confirm(CONFIRM_SECONDS):
                return
        raise BrokerError("NATS was away while an answer was on its way.", "It is said again when NATS is back.")

    async def stream_to_end(self) -> AnswerStream:
        """What goes on where nothing more is said. Raises BrokerError."""
        if self._is_open:
            return self.stream
        return await stream_to_end(self._parts.route, self._chat.request, self._before, self._run.job)

    @property
    def _named(self) -> ChatNamed:
        return self.stream.named

    @property
    def _context(self) -> Any:
        return {"task_id": self._run.task.id, "job": self._run.job}


async def end_by_failure(stream: AnswerStream, parts: AnswerParts, error: str) -> None:
    """Publish that a job failed. Raises BrokerError."""
    parts.bus.emit(ANSWER_FAILED({**stream.named, "code": FAILED, "error": error}))
    await stream.fail(FAILED, error, parts.label)


async def end_by_cancel(stream: AnswerStream, parts: AnswerParts) -> None:
    """Publish that a job was cancelled. Raises BrokerError."""
    parts.bus.emit(ANSWER_CANCELLED(stream.named))
    await stream.cancelled(parts.label)


async def stream_to_end(route: Route, request: ChatRequest, state: AnswerState, job: int) -> AnswerStream:
    """What goes on after all that was told of a job that nobody works on. Raises BrokerError."""
    if not state.is_sure:
        return AnswerStream(route, request, attempt=state.attempt + 1)
    stream = AnswerStream(route, request, attempt=state.attempt, next_chunk=state.next_chunk)
    # The question has this number. Where it was told, its chunk counts; where it was not, nobody waits for it.
    await stream.note(SystemNote("", {"event": "question", "question": state.question, "job": job}))
    return stream


def question_note(job: int, question: Question) -> SystemNote:
    """What a chat is told of a question that waits for a person."""
    details = {
        "event": "question", "question": question.name, "job": job, "message": question.message,
        "form": question.requested_schema,
    }  # fmt: skip
    return SystemNote(question.message, details)


async def _sent(sending: Awaitable[None]) -> None:
    """A broker that is away is no fault of one job: all wait for it, and say their answers again."""
    try:
        await sending
    except BrokerError as error:
        raise SharedFault(error.message, error.way_out, shared=BROKER) from None
