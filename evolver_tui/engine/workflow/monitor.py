"""Watches the chats of a broker: hears what everybody hears, answers nothing, can call off and ask again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

from evolver_tui.core.errors import BrokerError, EvolverError, UsageError
from evolver_tui.core.times import utc_text
from evolver_tui.core.workflow.standing import ChatMessage, WorkflowStanding
from evolver_tui.core.workflow.subjects import (
    ALL_BROADCASTS,
    ALL_CANCELS,
    ALL_REQUESTS,
    ALL_RESPONSES,
    cancel_subject,
    request_subject,
)
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.workflow.broker import Broker, ParkedRequest, ParkedRequests, ServiceStanding
from evolver_tui.engine.workflow.registry import SessionRegistry

SECONDS_BETWEEN_LOOKS: Final = 5.0
"""At the requests that are parked; each of them adds a twentieth of a second, since each is read by itself."""
MOST_PARKED: Final = 200
"""Parked requests that are read."""
SECONDS_FOR_AN_ANSWER: Final = 2.0
"""Until somebody takes a request that is asked again."""
_SECONDS_TO_CLOSE: Final = 1.0

MonitorMaker = Callable[[], "WorkflowMonitor"]
"""Makes a monitor, and imports what it needs; called in a thread. Raises EvolverError where there can be none."""


class WorkflowMonitor:
    """What is known of the chats, while it is open. Everything of it happens in the event loop."""

    def __init__(
        self, broker: Broker, parked: ParkedRequests, clock: Clock, *, registry: SessionRegistry | None = None,
        expects_registry: bool = True, place: str = "", gateway: str = "",
    ) -> None:  # fmt: skip
        """Args:
        registry: None where how it stands is of no interest.
        expects_registry: whether it is of interest before it was there once.
        place: the broker's address, as shown.
        gateway: the address of a gateway to ask by, where there is one, as shown.
        """
        self.place = place
        self.gateway = gateway
        self.chats = WorkflowStanding()
        self.parked: Sequence[ParkedRequest] = ()
        """The requests that were put aside, the oldest first, as of the latest look."""
        self.parked_problem = ""
        """Why they could not be read, as a sentence; empty where they could."""
        self._broker = broker
        self._registry = registry
        self._expects_registry = expects_registry
        self._requests = parked
        self._clock = clock
        self._wanted = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._ends: list[Callable[[], None]] = []

    @property
    def services(self) -> Sequence[ServiceStanding]:
        """How NATS stands, and Redis where that is of interest."""
        if self._registry is None:
            return [self._broker.standing]
        redis = self._registry.standing
        self._expects_registry |= redis.is_up
        return [self._broker.standing, *([redis] if self._expects_registry else [])]

    async def open(self) -> None:
        """Begin to hear, as soon as the broker is there.

        Raises:
            BrokerError: no later try can help. Nothing is left open.
        """
        try:
            self._opening = asyncio.create_task(self._open_registry())
            await self._broker.open()
            for subject, hear in (
                (ALL_REQUESTS, self._hear_request), (ALL_RESPONSES, self._hear_chunk),
                (ALL_BROADCASTS, self._hear_chunk), (ALL_CANCELS, self._hear_cancel),
            ):  # fmt: skip
                self._ends.append(await self._broker.subscribe(subject, hear))
        except BaseException:
            await self.close()
            raise
        self._broker.watch(lambda standing: self.look_again())
        self._looking = asyncio.create_task(self._look())

    async def _open_registry(self) -> None:
        """How Redis stands is shown, and nothing here depends on it."""
        if self._registry is not None:
            try:
                await self._registry.open()
            except EvolverError:
                self._registry = None

    async def close(self) -> None:
        """Hear no more, and let go of the connections. Takes a second at most."""
        for task in (self._opening, self._looking):
            if task is not None:
                task.cancel()
        self._opening = self._looking = None
        while self._ends:
            self._ends.pop()()
        closing = [self._broker.close(), *([self._registry.close()] if self._registry is not None else [])]
        try:
            async with asyncio.timeout(_SECONDS_TO_CLOSE):
                await asyncio.gather(*closing, return_exceptions=True)
        except TimeoutError:
            pass

    # --- hearing

    def _hear_request(self, subject: str, data: bytes) -> None:
        self.chats.hear_request(subject, data, self._clock.now())

    def _hear_chunk(self, subject: str, data: bytes) -> None:
        self.chats.hear_chunk(subject, data, self._clock.now())

    def _hear_cancel(self, subject: str, data: bytes) -> None:
        self.chats.hear_cancel(subject, self._clock.now())

    # --- doing

    async def cancel(self, session_id: str) -> None:
        """Call off what is being answered in a session.

        Raises:
            BrokerError: the broker is away.
            BadChatRequest: this can be no session's id.
        """
        await self._broker.publish(cancel_subject(session_id), b"{}")

    async def retry(self, message: ChatMessage) -> tuple[str, bool]:
        """Ask a message again, under a message id and a correlation id of its own.

        Returns:
            The message id, and whether somebody is known to have taken it.

        Raises:
            UsageError: its request was not heard, or is not kept.
            BrokerError: the broker is away, or nobody listens.
        """
        if message.request is None:
            raise UsageError("This request cannot be asked again: it was not heard here, or is too long to be kept.")
        message_id = f"msg_{uuid4().hex}"
        value = {
            **json.loads(message.request.decode("utf-8-sig")),
            "message_id": message_id,
            "correlation_id": f"corr_{uuid4().hex}",
            "timestamp": utc_text(self._clock.now()),
        }
        subject = request_subject(message.session_id)
        return message_id, await self._broker.ask(
            subject, json.dumps(value).encode(), SECONDS_FOR_AN_ANSWER
        ) is not None

    # --- parked requests

    def look_again(self) -> None:
        """Read what is parked soon."""
        self._wanted.set()

    async def retry_parked(self, number: int) -> None:
        """Have a parked request answered again. Raises BrokerError."""
        await self._requests.retry(number)
        self.look_again()

    async def drop_parked(self, number: int) -> None:
        """Forget a parked request. Raises BrokerError."""
        await self._requests.drop(number)
        self.look_again()

    async def _look(self) -> None:
        while True:
            self._wanted.clear()
            if self._broker.standing.is_up:
                try:
                    self.parked, self.parked_problem = await self._requests.list(MOST_PARKED), ""
                except BrokerError as error:
                    self.parked_problem = str(error)
            try:
                async with asyncio.timeout(SECONDS_BETWEEN_LOOKS + len(self.parked) / 20):
                    await self._wanted.wait()
            except TimeoutError:
                pass
