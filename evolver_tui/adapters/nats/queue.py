"""The requests of all chats, shared among instances: by a queue group, or by a stream that hands out again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js.api import Header

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.handshake import Refused
from evolver_tui.adapters.nats.parked import ATTEMPT, attempt_of, park
from evolver_tui.adapters.nats.streams import open_requests
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.workflow.subjects import ALL_REQUESTS, QUEUE_GROUP, REQUEST_STREAM
from evolver_tui.engine.workflow.broker import Delivery

MOST_WAITING: Final = 10_000
"""Requests of a plain queue that wait in this process."""
_ACCEPTED: Final = b'{"status":"accepted"}'
_OVERLOADED: Final = b'{"status":"overloaded"}'

_GIVE_SECONDS: Final = 1.0
"""How long it is waited until another instance says that it has a request."""

_NEXT: Final = f"$JS.API.CONSUMER.MSG.NEXT.{REQUEST_STREAM}.{QUEUE_GROUP}"
_PULL_SECONDS: Final = 1.0
"""How long the server keeps one question for requests. Nothing takes it back, so that whoever ends waits as long."""
_LATE_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 1.0
_HEARTBEAT: Final = "100"
_ENDED: Final = ("404", "408")
"""A pull that ended as it should."""
_FRESH_SHARE: Final = 0.8
"""After this share of the broker's patience a request that was not taken is left to be handed out again."""


class PlainQueue:
    """A `RequestQueue` of core NATS: what an instance that ends has taken is lost."""

    is_durable: bool = False

    def __init__(self, broker: NatsBroker, most: int = MOST_WAITING) -> None:
        self._broker = broker
        self._most = most
        self._waiting: deque[PlainDelivery] = deque()
        self._arrived = asyncio.Event()
        self._end: Callable[[], None] | None = None
        self.on_overload: Callable[[bytes, str], None] = lambda data, subject: None
        """Hears what came while too many waited already, and its subject: nobody will answer it."""

    async def open(self) -> None:
        self._end = await self._broker.listen(ALL_REQUESTS, self._heard, QUEUE_GROUP)

    async def take(self, most: int) -> Sequence[Delivery]:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    async def close(self) -> Sequence[Delivery]:
        if self._end is not None:
            self._end()
            self._end = None
            await self._broker.confirm(self._broker.settings.timing.end)
        rest = tuple(self._waiting)
        self._waiting.clear()
        return rest

    def _heard(self, message: Msg) -> None:
        is_taken = len(self._waiting) < self._most
        if message.reply:
            self._broker.send_soon(message.reply, _ACCEPTED if is_taken else _OVERLOADED)
        if not is_taken:
            self.on_overload(message.data, message.subject)
            return
        self._waiting.append(PlainDelivery(self._broker, message))
        self._arrived.set()


class PlainDelivery:
    """A `Delivery` that the broker has forgotten already."""

    def __init__(self, broker: NatsBroker, message: Msg) -> None:
        self.subject = message.subject
        self.data = message.data
        self.attempt = attempt_of(message)
        self.published_at = time.time()
        self.tries = 1
        self._broker = broker

    async def working(self) -> None:
        pass

    async def done(self) -> None:
        pass

    async def give_back(self) -> bool:
        try:
            answer = await self._broker.ask(self.subject, self.data, _GIVE_SECONDS, {ATTEMPT: str(self.attempt + 1)})
        except BrokerError:
            return False
        return answer is not None

    async def park(self, reason: str) -> None:
        client = await self._broker.connected()
        await park(client, self.subject, self.data, reason=reason, attempts=self.attempt)


class DurableQueue:
    """A `RequestQueue` of JetStream: what is not acknowledged is handed out again, here or elsewhere.

    Requests are pulled, so that the stream keeps whatever no instance has room for.
    """

    is_durable: bool = True

    def __init__(self, broker: NatsBroker, ack_seconds: float) -> None:
        self._broker = broker
        self._ack_seconds = ack_seconds
        self._inbox = f"_INBOX.{secrets.token_hex(11)}"
        self._waiting: deque[tuple[float, Msg]] = deque()
        """Requests, and when they came."""
        self._wanted = 0
        """How many may still come for the last pull."""
        self._prepared: Client | None = None
        """The connection at which stream and consumer are known to be there."""
        self._is_gone = False
        """Whether the stream or its consumer seems to have been deleted."""
        self._news = asyncio.Event()
        self._end: Callable[[], None] | None = None
        self.on_overload: Callable[[bytes, str], None] = lambda data, subject: None
        """Never called: what there is no room for waits in the stream."""

    async def open(self) -> None:
        self._end = await self._broker.listen(self._inbox, self._heard)
        self._broker.watch(lambda standing: self._news.set())
        if self._broker.standing.is_up:
            try:
                await self._prepare(await self._broker.connected())
            except Refused:
                raise
            except BrokerError:
                pass  # whoever takes tries again, without end

    async def take(self, most: int) -> Sequence[Delivery]:
        while True:
            ready = self._ready(most)
            if ready:
                return ready
            self._news.clear()
            if self._is_gone:  # what is being deleted still seems to be there for a moment
                self._is_gone, self._prepared = False, None
                await asyncio.sleep(_PAUSE_SECONDS)
            try:
                client = await self._broker.connected()
                await self._prepare(client)
                await self._pull(client, most)
            except (BrokerError, OSError, Error) as error:
                self._prepared = None
                if isinstance(error, BrokerError):  # somebody may have to do something about it
                    self._broker.complain(error.message)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await asyncio.wait_for(self._news.wait(), _PULL_SECONDS + _LATE_SECONDS)
            except TimeoutError:
                self._prepared = None

    async def close(self) -> Sequence[Delivery]:
        await self._rest()
        if self._end is not None:
            self._end()
            self._end = None
            await self._broker.confirm(self._broker.settings.timing.end)
        return self._ready(len(self._waiting))

    async def _rest(self) -> None:
        """Wait until nothing more comes for the last pull.

        What is given back before would come here again, or, where nobody hears it any longer, to nobody for a while.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PULL_SECONDS + _LATE_SECONDS):
                while self._wanted > 0 and self._broker.standing.is_up:
                    self._news.clear()
                    await self._news.wait()

    async def _prepare(self, client: Client) -> None:
        if client is not self._prepared:
            await open_requests(client, self._ack_seconds)
            self._prepared = client
            self._wanted = 0
            self._broker.complain("")

    async def _pull(self, client: Client, most: int) -> None:
        if self._wanted <= 0 and not self._waiting:
            self._wanted = most
            pull = json.dumps({"batch": most, "expires": int(_PULL_SECONDS * 1e9)}).encode()
            await client.publish(_NEXT, pull, reply=self._inbox)

    def _heard(self, message: Msg) -> None:
        status = (message.headers or {}).get(Header.STATUS) if not message.reply else None
        if status == _HEARTBEAT:
            return
        if status is None:
            self._wanted -= 1
            self._waiting.append((asyncio.get_running_loop().time(), message))
        else:
            self._wanted = 0
            self._is_gone = status not in _ENDED
        self._news.set()

    def _ready(self, most: int) -> list[DurableDelivery]:
        """What came, but for what waited here for so long that it is handed out again."""
        now = asyncio.get_running_loop().time()
        ready: list[DurableDelivery] = []
        while self._waiting and len(ready) < most:
            came, message = self._waiting.popleft()
            if now - came < self._ack_seconds * _FRESH_SHARE:
                ready.append(DurableDelivery(self._broker, message))
        return ready


class DurableDelivery:
    """A `Delivery` that JetStream hands out again unless it is told otherwise.

    What it is told goes by the broker's own way, so that it arrives also where the connection broke meanwhile.
    """

    def __init__(self, broker: NatsBroker, message: Msg) -> None:
        self.subject = message.subject
        self.data = message.data
        self._metadata = message.metadata
        self.published_at = self._metadata.timestamp.timestamp()
        self.tries = self._metadata.num_delivered
        self.attempt = attempt_of(message) + self.tries - 1
        self._reply = message.reply
        self._broker = broker

    async def working(self) -> None:
        await self._broker.send(self._reply, Msg.Ack.Progress)

    async def done(self) -> None:
        await self._broker.send(self._reply, Msg.Ack.Ack)

    async def give_back(self) -> bool:
        await self._broker.send(self._reply, Msg.Ack.Nak)
        return True

    async def park(self, reason: str) -> None:
        # Kept there before it is acknowledged here: an end in between keeps it twice at worst.
        came = self._metadata
        parked_as = f"{came.sequence.stream}.{came.timestamp.timestamp():.6f}"
        client = await self._broker.connected()
        await park(client, self.subject, self.data, reason=reason, attempts=self.attempt - 1, parked_as=parked_as)
        await self._broker.send(self._reply, Msg.Ack.Ack)
