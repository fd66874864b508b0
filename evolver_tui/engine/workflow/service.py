"""The workflow service: takes requests from the broker, has them answered, and says so to the broker."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import BadChatRequest, BrokerError, EvolverError
from evolver_tui.core.signal_catalogue.workflow_signals import (
    ANSWER_CANCELLED,
    ANSWER_FAILED,
    ANSWER_GIVEN_BACK,
    CHAT_REFUSED,
    REQUEST_PARKED,
    SERVICE_AWAY,
    SERVICE_UP,
    SERVING,
    ChatRefused,
)
from evolver_tui.core.workflow.chat_request import ChatContext, ChatRequest, read_request
from evolver_tui.core.workflow.subjects import ALL_CANCELS, is_token, session_of
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.workflow.answer_stream import AnswerStream, Route, named
from evolver_tui.engine.workflow.broker import Broker, Delivery, RequestQueue, ServiceStanding
from evolver_tui.engine.workflow.registry import SessionRegistry

_CONFIRM_SECONDS: Final = 5.0
"""How long it is waited until the broker has an answer's last chunk, before the request counts as answered."""
ENDING: Final = "shutting_down"
PARKED: Final = "parked"
OVERLOADED: Final = "overloaded"
_ENDS: Final = "The service ends. Send the message again."
_MOST_ANSWERED: Final = 10_000
_MOST_CALLED_OFF: Final = 10_000
_SKEW_SECONDS: Final = 0.1
"""By which the broker's clock may be ahead of ours: what comes right after a cancel is not to be called off."""
_WORD_SHARE: Final = 3
"""How often within the broker's patience it is told that a request is still worked on."""


class ChatHandler(Protocol):
    """Has requests answered, each to its end."""

    @property
    def label(self) -> str:
        """What answers, for people."""

    def check(self, request: ChatRequest) -> None:
        """Refuse what cannot be answered, before anything is done. Raises BadChatRequest."""

    async def open(self) -> None:
        """Begin: broker and registry can be used. Raises StoreError."""

    async def handle(self, request: ChatRequest, attempt: int) -> None:
        """Answer; returns when the broker need not hand the request out again. Cancelling it gives the request up.

        Args:
            attempt: how often the broker handed it out.

        Raises:
            EvolverError: it was not answered, and whoever waits could not be told.
        """

    def goes_on(self, request: ChatRequest) -> bool:
        """Whether a request that it had to give up is answered nevertheless: it is kept where others find it."""

    async def cancel(self, session_id: str) -> None:
        """Call off the answers of a chat that are being written or wait."""

    async def close(self) -> None:
        """Let go of what is held. No request is being handled then."""


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """Everything that the service is made of."""

    broker: Broker
    registry: SessionRegistry
    queue: RequestQueue
    handler: ChatHandler
    bus: SignalBus
    clock: Clock
    concurrency: int
    """How many requests are held at once."""
    ack_seconds: float
    """How long the broker waits for a word on a request before it hands it to another instance."""
    max_attempts: int
    """How often a request may be handed out; beyond that it is parked."""


class WorkflowService:
    """Answers requests until it is told to end. Opens and closes broker and registry."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts
        self._route = Route(parts.broker, parts.registry, parts.clock.now)
        self._held: dict[asyncio.Task[None], Delivery] = {}
        self._by_message: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._answered: OrderedDict[tuple[str, str], None] = OrderedDict()
        """The latest ones, since a request may come twice."""
        self._called_off: dict[str, float] = {}
        """When chats were called off; the latest ones."""
        self._superseded: set[asyncio.Task[None]] = set()
        self._is_free = asyncio.Event()
        self._taking: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[object]] = set()
        self._was_up: dict[str, bool] = {}

    @property
    def held(self) -> int:
        """How many requests are being answered."""
        return len(self._held)

    async def open(self) -> None:
        """Begin to take requests, as soon as broker and registry are there.

        Raises:
            BrokerError, RegistryError: no later try can help; nothing is left open.
        """
        parts = self._parts
        for service in (parts.broker, parts.registry):
            service.watch(self._on_standing)
        try:
            await asyncio.gather(parts.broker.open(), parts.registry.open())
            for service in (parts.broker, parts.registry):
                self._on_standing(service.standing)
            await parts.handler.open()
            await parts.broker.subscribe(ALL_CANCELS, self._on_cancel)
            parts.queue.on_overload = self._on_overload
            await parts.queue.open()
        except EvolverError:
            await self._let_go()
            raise
        self._taking = asyncio.create_task(self._take())
        parts.bus.emit(
            SERVING(
                {
                    "answered_by": parts.handler.label,
                    "concurrency": parts.concurrency,
                    "is_durable": parts.queue.is_durable,
                }
            )
        )
        if parts.queue.is_durable:
            self._ticking = asyncio.create_task(self._tell_that_it_works())

    def stop(self) -> None:
        """Take no more; what is held is answered."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())

    def interrupt(self) -> None:
        """Take no more, and give back what is held, or tell who waits that it will not be answered."""
        self.stop()
        for task in self._held:
            task.cancel()

    async def close(self) -> None:
        """Wait for what is held, then let go of everything. Stop or interrupt it first."""
        self.stop()
        await _over(self._stopping)
        while self._held:
            await asyncio.wait(self._held)
        await _over(self._ticking, cancel=True)
        await self._let_go()

    async def _stop(self) -> None:
        await _over(self._taking, cancel=True)
        for delivery in await self._parts.queue.close():
            await self._give_back(delivery)

    async def _let_go(self) -> None:
        parts = self._parts
        for task in self._others:
            task.cancel()
        await parts.handler.close()
        await parts.broker.close()
        await parts.registry.close()

    # --- taking

    async def _take(self) -> None:
        """Hold as many requests as may be, and no more: the rest waits at the broker."""
        parts = self._parts
        while True:
            self._is_free.clear()
            room = parts.concurrency - len(self._held)
            if room <= 0:
                await self._is_free.wait()
                continue
            for delivery in await parts.queue.take(room):
                task = asyncio.create_task(self._handle(delivery))
                self._held[task] = delivery
                task.add_done_callback(self._let_go_of)

    def _let_go_of(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task, None)
        self._is_free.set()
        if not task.cancelled():
            task.exception()

    async def _handle(self, delivery: Delivery) -> None:
        """One request to its end: answered, refused, or given back."""
        try:
            request = read_request(delivery.data, delivery.subject)
            self._check(request)
        except BadChatRequest as bad:
            await self._refuse(delivery, bad)
            return
        if delivery.published_at < self._called_off.get(request.session_id, 0.0) - _SKEW_SECONDS:
            await self._call_off(delivery, request)
            return
        if self._parts.queue.is_durable and delivery.tries > self._parts.max_attempts:
            await self._park(delivery, request)
            return
        key = (request.session_id, request.message_id)
        earlier = self._by_message.get(key)
        if key in self._answered or (earlier is not None and delivery.attempt <= self._held[earlier].attempt):
            await delivery.done()  # it came twice
            return
        if earlier is not None:
            self._superseded.add(earlier)  # the broker took it for lost, and counts on this one
            earlier.cancel()
            await asyncio.wait([earlier])
        task = asyncio.current_task()
        assert task is not None
        self._by_message[key] = task
        try:
            await self._answer(delivery, request)
        except asyncio.CancelledError:
            if task not in self._superseded:
                await _over(self._stopping)
                await self._give_back(delivery)
            raise
        finally:
            self._superseded.discard(task)
            if self._by_message.get(key) is task:
                del self._by_message[key]

    def _check(self, request: ChatRequest) -> None:
        """Refuse what cannot be answered, by the request's ids. Raises BadChatRequest."""
        try:
            self._parts.handler.check(request)
        except BadChatRequest as bad:
            raise BadChatRequest(
                bad.code, bad.message, session_id=request.session_id, message_id=request.message_id,
                correlation_id=request.correlation_id,
            ) from None  # fmt: skip

    async def _answer(self, delivery: Delivery, request: ChatRequest) -> None:
        try:
            await self._parts.handler.handle(request, delivery.attempt)
            await self._parts.broker.confirm(_CONFIRM_SECONDS)
            await delivery.done()
            self._answered[request.session_id, request.message_id] = None
            if len(self._answered) > _MOST_ANSWERED:
                self._answered.popitem(last=False)
        except EvolverError:
            pass  # it was told where that could be; what is not done is handed out again
        except Exception as error:  # noqa: BLE001 - one request must not end the others, nor be lost without a word
            await self._broke(delivery, request, show_addresses(f"{type(error).__name__}: {error}"))

    async def _broke(self, delivery: Delivery, request: ChatRequest, why: str) -> None:
        """Tell of a failure that nobody expected. A durable request is handed out again, and parked in the end."""
        about = named(request, delivery.attempt)
        self._parts.bus.emit(ANSWER_FAILED({**about, "code": "failed", "error": why}))
        if not self._parts.queue.is_durable:
            await self._tell(request, delivery.attempt + 1, "failed", "The answer failed.")

    async def _give_back(self, delivery: Delivery) -> None:
        """Let another instance answer, or tell whoever waits that nobody will."""
        try:
            request = read_request(delivery.data, delivery.subject)
        except BadChatRequest as bad:
            await self._refuse(delivery, bad)
            return
        about = named(request, delivery.attempt)
        try:
            is_given_back = await delivery.give_back()
        except BrokerError:
            return  # it is handed out again where it is durable; where it is not, nobody can be told
        if is_given_back or self._parts.handler.goes_on(request):
            self._parts.bus.emit(ANSWER_GIVEN_BACK(about))
        else:
            self._parts.bus.emit(ANSWER_FAILED({**about, "code": ENDING, "error": _ENDS}))
            await self._tell(request, delivery.attempt + 1, ENDING, _ENDS)

    async def _tell(self, request: ChatRequest, attempt: int, code: str, message: str) -> bool:
        """Tell whoever waits that there is no answer; False where that cannot be done."""
        try:
            await AnswerStream(self._route, request, attempt=attempt).fail(code, message)
        except BrokerError:
            return False
        return True

    async def _park(self, delivery: Delivery, request: ChatRequest) -> None:
        """Put aside what instance after instance did not come back from, and tell whoever waits."""
        times = delivery.tries - 1
        reason = f"It was handed out {times} times, and no instance answered it to the end."
        try:
            await delivery.park(reason)
        except BrokerError:
            return  # it is handed out again, and comes here again
        await self._tell(request, delivery.attempt, PARKED, "No instance could answer this. It was put aside.")
        self._parts.bus.emit(REQUEST_PARKED({**named(request, delivery.attempt), "reason": reason}))

    async def _call_off(self, delivery: Delivery, request: ChatRequest) -> None:
        """Answer nothing: its chat was called off while it waited."""
        stream = AnswerStream(self._route, request, attempt=delivery.attempt)
        try:
            await stream.cancelled()
        except BrokerError:
            return  # it is handed out again, and comes here again
        self._parts.bus.emit(ANSWER_CANCELLED(stream.named))
        await delivery.done()

    async def _refuse(self, delivery: Delivery, bad: BadChatRequest) -> None:
        """Tell whoever waits, and be done with it."""
        if await self._tell_refusal(bad, delivery.subject, delivery.attempt):
            await delivery.done()

    async def _tell_refusal(self, bad: BadChatRequest, subject: str, attempt: int) -> bool:
        """Tell whoever waits, as far as it is known who that is; False where that cannot be done."""
        session_id = bad.session_id or session_of(subject)
        told: ChatRefused = {
            "session": session_id, "message_id": bad.message_id, "code": bad.code, "error": bad.message,
        }  # fmt: skip
        self._parts.bus.emit(CHAT_REFUSED(told))
        if not is_token(session_id):
            return True
        nobody = ChatRequest(bad.message_id, session_id, "", "", ChatContext(), "", bad.correlation_id)
        return await self._tell(nobody, attempt, bad.code, bad.message)

    def _on_overload(self, data: bytes, subject: str) -> None:
        """Tell whoever waits that there is no room for the request: the broker has forgotten it already."""
        try:
            request = read_request(data, subject)
        except BadChatRequest as refused:
            bad = refused
        else:
            bad = BadChatRequest(
                OVERLOADED, "The service has too much to do. Ask again later.", session_id=request.session_id,
                message_id=request.message_id, correlation_id=request.correlation_id,
            )  # fmt: skip
        self._soon(self._tell_refusal(bad, subject, 1))

    # --- beside the requests

    async def _tell_that_it_works(self) -> None:
        while True:
            await asyncio.sleep(self._parts.ack_seconds / _WORD_SHARE)
            for delivery in tuple(self._held.values()):
                try:
                    await delivery.working()
                except BrokerError:
                    break  # it is away, and hands nothing out meanwhile

    def _on_cancel(self, subject: str, data: bytes) -> None:
        session_id = session_of(subject)
        if is_token(session_id):
            self._called_off.pop(session_id, None)
            self._called_off[session_id] = self._parts.clock.now()
            if len(self._called_off) > _MOST_CALLED_OFF:
                del self._called_off[next(iter(self._called_off))]
            self._soon(self._parts.handler.cancel(session_id))

    def _soon(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    def _on_standing(self, standing: ServiceStanding) -> None:
        if self._was_up.get(standing.service) == standing.is_up:
            return
        self._was_up[standing.service] = standing.is_up
        if standing.is_up:
            self._parts.bus.emit(SERVICE_UP({"service": standing.service}))
        else:
            self._parts.bus.emit(SERVICE_AWAY({"service": standing.service, "reason": standing.reason}))


async def _over(task: asyncio.Task[None] | None, *, cancel: bool = False) -> None:
    if task is not None:
        if cancel:
            task.cancel()
        await asyncio.wait([task])
