"""Answers that are written here, while a request is held: streamed, called off, bounded, kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from evolver_tui.core.errors import BadChatRequest, BrokerError, EvolverError, StoreError
from evolver_tui.core.signal_catalogue.workflow_signals import (
    ANSWER_CANCELLED,
    ANSWER_COMPLETED,
    ANSWER_FAILED,
    ANSWER_STARTED,
    CHAT_NOT_KEPT,
)
from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn
from evolver_tui.engine.chat_store import ChatAnswer
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.workflow.answer_stream import AnswerStream, Route
from evolver_tui.engine.workflow.answering import AnswerEnd, Answerer, SystemNote
from evolver_tui.engine.workflow.conversations import Conversations, within

FAILED, TOO_SLOW, BROKER_AWAY = "failed", "timeout", "broker_away"
"""Codes of errors that end an answer."""


@dataclass(eq=False, slots=True)
class _Answering:
    """One answer that is being written."""

    stream: AnswerStream
    began: float
    call_off: Callable[[], object]
    model: str
    text: list[str] = field(default_factory=list)
    is_called_off: bool = False


class Answers:
    """A `ChatHandler` that writes each answer in the task that handles its request.

    Args:
        seconds: how long one answer may take.
    """

    def __init__(
        self,
        answerer: Answerer,
        route: Route,
        conversations: Conversations,
        bus: SignalBus,
        *,
        seconds: float,
    ) -> None:
        self._answerer = answerer
        self._route = route
        self._conversations = conversations
        self._bus = bus
        self._seconds = seconds
        self._running: set[_Answering] = set()

    @property
    def label(self) -> str:
        return self._answerer.label

    def check(self, request: ChatRequest) -> None:
        self._answerer.check(request)

    async def open(self) -> None:
        pass

    async def handle(self, request: ChatRequest, attempt: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        stream = AnswerStream(self._route, request, attempt=attempt)
        if attempt > 1 and (answer := await self._kept(request)) is not None:
            await stream.finish(AnswerEnd(answer.model, answer.tokens, answer.finish, answer.text))
            return
        answering = _Answering(stream, self._route.now(), task.cancel, self._answerer.label)
        self._bus.emit(ANSWER_STARTED({**answering.stream.named, "answered_by": self._answerer.label}))
        self._running.add(answering)
        try:
            await self._write(answering)
        finally:
            self._running.discard(answering)

    async def _kept(self, request: ChatRequest) -> ChatAnswer | None:
        """The answer of an instance that ended before it could say to the broker that there is one."""
        try:
            return await self._conversations.answer(request.session_id, request.message_id)
        except StoreError:
            return None  # an answer twice is better than none

    async def _write(self, answering: _Answering) -> None:
        """Write one answer to whatever end it comes to. Raises BrokerError where that could not be told."""
        try:
            async with asyncio.timeout(self._seconds):
                end = await self._stream(answering)
        except TimeoutError:
            await self._fail(answering, TOO_SLOW, f"The answer took longer than {self._seconds:g} s.")
        except BrokerError as error:
            self._bus.emit(ANSWER_FAILED({**answering.stream.named, "code": BROKER_AWAY, "error": str(error)}))
            raise
        except EvolverError as error:
            code = error.code if isinstance(error, BadChatRequest) else FAILED
            await self._fail(answering, code, error.message)
        except asyncio.CancelledError:
            if not answering.is_called_off:
                raise
            _forget_cancellation()
            await answering.stream.cancelled(answering.model)
            self._bus.emit(ANSWER_CANCELLED(answering.stream.named))
        else:
            self._bus.emit(ANSWER_COMPLETED(answering.stream.ended(end, answering.began)))

    async def _stream(self, answering: _Answering) -> AnswerEnd:
        stream, request = answering.stream, answering.stream.request
        history = await self._history(request)
        async with aclosing(self._answerer.answer(request, history)) as pieces:
            async for piece in pieces:
                match piece:
                    case str():
                        answering.text.append(piece)
                        await stream.say(piece)
                    case SystemNote():
                        await stream.note(piece)
                    case AnswerEnd():
                        answering.text.append(piece.text)
                        await self._keep(answering, piece)  # before whoever chats may send the next message
                        await stream.finish(piece)
                        return piece
        raise EvolverError("The answer has no end.", "Send the message again.")

    async def _history(self, request: ChatRequest) -> list[ChatTurn]:
        """What was said before: as the request has it, else as it was kept."""
        given, kept = request.context.conversation_history, self._conversations
        if given is not None:
            return list(within(given, kept.messages, kept.characters))
        return list(await kept.history(request.session_id))

    async def _keep(self, answering: _Answering, end: AnswerEnd) -> None:
        request = answering.stream.request
        answer = ChatAnswer("".join(answering.text), end.model, end.tokens, end.finish)
        try:
            await self._conversations.keep(request.session_id, request.message_id, request.message, answer)
        except StoreError as error:
            self._bus.emit(CHAT_NOT_KEPT({**answering.stream.named, "error": str(error)}))

    async def _fail(self, answering: _Answering, code: str, message: str) -> None:
        self._bus.emit(ANSWER_FAILED({**answering.stream.named, "code": code, "error": message}))
        await answering.stream.fail(code, message, answering.model)

    def goes_on(self, request: ChatRequest) -> bool:
        return False

    async def cancel(self, session_id: str) -> None:
        for answering in tuple(self._running):
            if answering.stream.request.session_id == session_id and not answering.is_called_off:
                answering.is_called_off = True
                answering.call_off()

    async def close(self) -> None:
        await self._answerer.close()


def _forget_cancellation() -> None:
    """Let this task go on: it was cancelled for one answer's sake, not to end."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
