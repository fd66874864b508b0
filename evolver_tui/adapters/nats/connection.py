"""NATS as the service's broker: it comes back by itself, and what was published is not lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from evolver_tui.adapters.nats.handshake import Connection, Refused, connect
from evolver_tui.adapters.nats.outbox import Outbox
from evolver_tui.adapters.nats.settings import NatsSettings
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.workflow.broker import Hear, WatchedService
from evolver_tui.settings.library_logs import keep_off_terminal

_MESSAGES_A_TURN: Final = 256
"""After so many the loop gets its turn, so that they are sent while more are published."""
_PACE_SECONDS: Final = 0.02
"""Between two questions whether what was published has arrived."""
_LONGEST_REFUSAL: Final = 4_000
"""Bytes of an answer that may say no."""
_AWAY: Final = "NATS is away."


@dataclass(eq=False, slots=True)
class _Listening:
    """Somebody who hears a subject, whatever connection there is."""

    subject: str
    group: str
    hear: Callable[[Msg], None]
    on: Subscription | None = None


class NatsBroker(WatchedService):
    """A `Broker`. One connection after the other; the vendor's own way back is not used, since it gives up at times,
    forgets what was on its way, and waits for a server that hangs."""

    def __init__(self, settings: NatsSettings) -> None:
        super().__init__("nats")
        keep_off_terminal("nats")
        self.settings = settings
        self._listening: list[_Listening] = []
        self._connection: Connection | None = None
        self._is_up = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._others: tuple[str, ...] = ()
        """Further servers of the cluster, as the last connection heard."""
        self._outbox = Outbox(settings.most_messages, settings.most_bytes)
        self._largest = 1024 * 1024
        self._until_turn = _MESSAGES_A_TURN
        self._complaint = ""
        """Why chats cannot use it although it is there."""
        self._news = asyncio.Event()
        """Something was published, or is to be confirmed."""
        self._hurry = asyncio.Event()
        """Somebody waits for a confirmation."""
        self._is_handing_over = False
        """Whether what is published in this turn of the loop will be handed over at its end."""
        self._confirming: list[asyncio.Future[None]] = []
        self._at_work: set[asyncio.Task[None]] = set()

    # --- the connection

    async def open(self) -> None:
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(first), name="nats")
        await asyncio.wait({first, self._supervisor}, return_when=asyncio.FIRST_COMPLETED)
        await (first if first.done() else self._supervisor)

    async def close(self) -> None:
        if self._connection is not None and self._outbox:
            await self.confirm(self.settings.timing.end)
        if self._connection is not None and self._at_work:
            await asyncio.wait(self._at_work, timeout=self.settings.timing.end)
        for task in self._at_work:
            task.cancel()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, *self._at_work, return_exceptions=True)
            self._supervisor = None

    def connection(self) -> Client:
        """The connection. Raises BrokerError where there is none."""
        if self._connection is None:
            raise BrokerError(self._standing.reason or _AWAY)
        return self._connection

    async def connected(self) -> Client:
        """The connection, as soon as there is one."""
        while self._connection is None:
            await self._is_up.wait()
        return self._connection

    async def _supervise(self, first: asyncio.Future[None]) -> None:
        timing = self.settings.timing
        pause = timing.first_pause
        while True:
            try:
                connection = await connect(self.settings, self._others)
            except BrokerError as error:
                self._stand(False, error.message)
                if not first.done() and isinstance(error, Refused):
                    first.set_exception(error)
                    return
            else:
                pause = timing.first_pause
                await self._serve(connection, first)
                self._stand(False, _lost(connection))
            if not first.done():
                first.set_result(None)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, timing.longest_pause)

    async def _serve(self, connection: Connection, first: asyncio.Future[None]) -> None:
        """Use a connection until it is lost."""
        self._largest = connection.max_payload
        try:
            for listening in tuple(self._listening):
                await _listen(connection, listening)
            if self._listening and not await self._has_answered(connection):
                return
            self._connection = connection
            self._hand_over()
            self._others = tuple(server.geturl() for server in connection.discovered_servers)
            self._is_up.set()
            connection.on_refusal = lambda: self._tell_of(connection)
            self._tell_of(connection)
            if not first.done():
                first.set_result(None)
            await self._confirm_for_ever(connection)
        except Exception as error:  # noqa: BLE001 - whatever the vendor met, the next connection may do without
            connection.error = connection.error or safe_text(str(error) or type(error).__name__, 300)
        finally:
            self._connection = None
            self._complaint = ""
            self._is_up.clear()
            self._outbox.take_back()
            await connection.let_go()

    def complain(self, complaint: str) -> None:
        """Have it stand as away for this reason although it is connected: chats cannot use it. Empty: they can."""
        self._complaint = complaint
        if self._connection is not None:
            self._tell_of(self._connection)

    def _tell_of(self, connection: Connection) -> None:
        """It is there; but what a user may not do there is as bad as if it were not, and NATS drops it silently."""
        refusal = connection.refusal
        complaint = f"NATS does not let this user do all that chats need: {refusal}." if refusal else self._complaint
        self._stand(not complaint, complaint)

    async def _confirm_for_ever(self, connection: Connection) -> None:
        """Ask, again and again, whether what was published has arrived; returns when the connection is lost."""
        timing = self.settings.timing
        while not connection.lost.is_set():
            if not (self._outbox or self._confirming):
                await _first_of(connection.lost, self._news, timing.ping)
            self._news.clear()
            confirming, self._confirming = self._confirming, []
            self._hand_over()
            count = self._outbox.handed_over
            if not await self._has_answered(connection):
                self._confirming = confirming + self._confirming
                return
            self._outbox.arrived(count)
            for each in confirming:
                if not each.done():
                    each.set_result(None)
            self._hurry.clear()
            if self._outbox and not self._confirming:
                await _first_of(connection.lost, self._hurry, _PACE_SECONDS)

    async def _has_answered(self, connection: Connection) -> bool:
        """Whether all that was published before has reached the server, which answered.

        The vendor writes a ping ahead of what is pending. When it is answered that is written; when a second one is
        answered it has arrived.
        """
        asking = asyncio.create_task(self._ask_twice(connection))
        losing = asyncio.create_task(connection.lost.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
            losing.cancel()
            answer, _ = await asyncio.gather(asking, losing, return_exceptions=True)
        if isinstance(answer, NatsTimeout):
            connection.error = "it does not answer"
        return answer is None

    async def _ask_twice(self, connection: Connection) -> None:
        for _ in range(2):
            await connection.rtt(self.settings.timing.answer)  # type: ignore[arg-type]

    # --- publishing

    async def publish(self, subject: str, data: bytes) -> None:
        await self.send(subject, data)

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """As `publish`, with headers."""
        if len(data) > self._largest:
            raise BrokerError(f"NATS takes messages of {self._largest:,} bytes, and this one has {len(data):,}.")
        if self._outbox.is_full:
            await self._wait_for_room()
        self._outbox.put(subject, data, headers)
        if not self._is_handing_over:  # the first one goes at once, what follows in the same turn goes together
            self._hand_over()
            self._is_handing_over = True
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._until_turn -= 1
        if not self._until_turn:
            self._until_turn = _MESSAGES_A_TURN
            await asyncio.sleep(0)

    def _hand_over(self) -> None:
        """Give the connection what was published since the last time: much at once costs little more than one."""
        self._is_handing_over = False
        if self._connection is not None and (commands := self._outbox.hand_over()):
            self._connection.write(commands)
            self._news.set()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(self.settings.timing.patience):
                self._hand_over()
                await self._outbox.wait_for_room()
        except TimeoutError:
            raise BrokerError(
                f"NATS was away for too long: {len(self._outbox):,} messages wait for it.", self._standing.reason
            ) from None

    def send_soon(self, subject: str, data: bytes) -> None:
        """Send what matters only now, such as an answer to a question; where it is away that is not sent."""
        if self._connection is not None:
            self._soon(_send(self._connection, subject, data))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def confirm(self, seconds: float) -> bool:
        confirming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._confirming.append(confirming)
        self._news.set()
        self._hurry.set()
        done, _ = await asyncio.wait({confirming}, timeout=seconds)
        if not done:
            confirming.cancel()
        return bool(done)

    async def ask(
        self, subject: str, data: bytes, seconds: float, headers: Mapping[str, str] | None = None
    ) -> bytes | None:
        connection = self.connection()
        try:
            answer = await connection.request(
                subject, data, timeout=seconds, headers=dict(headers) if headers else None
            )
        except NoRespondersError:
            raise BrokerError(
                f"Nobody listens at {safe_text(subject, 200)}.", "Start `evolver-tui workflow serve`."
            ) from None
        except NatsTimeout:
            if connection is not self._connection:
                raise BrokerError(self._standing.reason or _AWAY) from None
            return None
        except (OSError, Error) as error:
            raise BrokerError(f"NATS could not be asked: {safe_text(error, 300)}.") from None
        _raise_refusal(answer.data)
        return answer.data

    # --- hearing

    async def subscribe(self, subject: str, hear: Hear) -> Callable[[], None]:
        return await self.listen(subject, lambda message: hear(message.subject, message.data))

    async def listen(self, subject: str, hear: Callable[[Msg], None], group: str = "") -> Callable[[], None]:
        """As `subscribe`, with the whole message; of those in one group one alone hears each."""
        listening = _Listening(subject, group, hear)
        self._listening.append(listening)
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError, Error):
                await _listen(connection, listening)
                await self.confirm(self.settings.timing.end)

        def end() -> None:
            if listening in self._listening:
                self._listening.remove(listening)
                self._soon(_stop(listening, self.settings.timing.answer))

        return end


async def _listen(connection: Connection, listening: _Listening) -> None:
    async def heard(message: Msg) -> None:
        try:
            listening.hear(message)
        except Exception as error:  # noqa: BLE001 - the next message is heard all the same
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a message was not heard", "exception": error}
            )

    listening.on = await connection.subscribe(listening.subject, listening.group, cb=heard)


async def _send(connection: Connection, subject: str, data: bytes) -> None:
    with contextlib.suppress(OSError, Error):
        await connection.publish(subject, data)


async def _stop(listening: _Listening, seconds: float) -> None:
    """Have no more of it come, and hear what is on its way; with a connection that is lost that takes no end."""
    if listening.on is not None:
        with contextlib.suppress(OSError, Error):
            async with asyncio.timeout(seconds):
                await listening.on.drain()  # type: ignore[no-untyped-call]


async def _first_of(lost: asyncio.Event, news: asyncio.Event, seconds: float) -> None:
    """Wait for either, or so long."""
    waiting = [asyncio.create_task(event.wait()) for event in (lost, news)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _lost(connection: Connection) -> str:
    return f"The connection to NATS was lost: {connection.error or 'the server ended it'}."


def _raise_refusal(data: bytes) -> None:
    """A stream answers also where it does not keep what was published, an instance also where it has no room."""
    if len(data) > _LONGEST_REFUSAL:
        return
    with contextlib.suppress(ValueError, RecursionError):
        match json.loads(data):
            case {"error": {"err_code": int(), "description": str(why)}}:
                raise BrokerError(f"NATS does not keep the request: {safe_text(why, 300)}.")
            case {"status": "overloaded"}:
                raise BrokerError("The workflow service has too much to do.", "Ask again later.")
