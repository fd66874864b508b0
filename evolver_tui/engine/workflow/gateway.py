"""What a gateway does: takes chats' requests to the broker, and the answers' chunks to whoever is connected.

A gateway is a pod: the registry says that it has connections of a session, and the service sends the chunks to it.
Each is put into order, kept for a while, and told to every connection of its session. Whoever comes back goes on
behind the last event it had; where that was at another gateway, this one asks the other for what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from evolver_tui.core.errors import BadChatRequest, BrokerError, GatewayFull, RegistryError
from evolver_tui.core.times import utc_text
from evolver_tui.core.workflow.chat_request import ChatRequest, request_from
from evolver_tui.core.workflow.event_stream import json_event
from evolver_tui.core.workflow.stream_position import Positions, read_position
from evolver_tui.core.workflow.subjects import (
    broadcast_subject,
    cancel_subject,
    pod_subject,
    replay_subject,
    request_subject,
)
from evolver_tui.engine.workflow.broker import Broker, ServiceStanding
from evolver_tui.engine.workflow.chat_reader import ChatReader
from evolver_tui.engine.workflow.chat_sessions import ChatSession, ChatSessions, SessionLimits
from evolver_tui.engine.workflow.even_rounds import EvenRounds
from evolver_tui.engine.workflow.gateway_figures import GatewayFigures
from evolver_tui.engine.workflow.registry import Connection, SessionRegistry

_TICK_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.05
_LEAVE_SECONDS: Final = 1.5
"""So long the end takes the connections out of the registry, which forgets what is left by itself."""
_MOST_HANDED_ON: Final = 20_000
_AT_ONCE: Final = 20
"""Connections that the registry is told of with one write: more would hold up the loop."""
_ENDS: Final = ("This gateway ends.", "Come back to go on at another one.")


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Seconds and bounds."""

    sessions: SessionLimits = field(default_factory=SessionLimits)
    connections: int = 10_000
    ask_seconds: float = 1.0
    """So long it is waited for a sign that somebody has the request."""
    ping_seconds: float = 15.0
    renew_seconds: float = 10.0
    register_seconds: float = 2.0
    """So long a connection waits for the registry before it is served without."""
    replay_seconds: float = 1.0
    """So long a reader from another gateway waits for what that one has."""
    hand_over_seconds: float = 3.0
    """So long the end waits for other gateways to ask for answers that are not over."""


UNCONFIRMED: Final = "unconfirmed"
"""NATS has the request, and nobody said that they take it: it may be that only watchers listen there."""


class Accepted(NamedTuple):
    """A request on its way, as spec 002 has it."""

    message_id: str
    session_id: str
    status: str
    """`accepted`, or `UNCONFIRMED`."""
    timestamp: str
    correlation_id: str


class Gateway:
    """Open it in the loop that it shall live in.

    Args:
        pod_id: its name, one token of a subject; no other gateway may have it.
        now: seconds since 1970.
    """

    def __init__(
        self,
        broker: Broker,
        registry: SessionRegistry,
        pod_id: str,
        *,
        limits: GatewayLimits = GatewayLimits(),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pod_id = pod_id
        self.figures = GatewayFigures()
        self._broker = broker
        self._registry = registry
        self.limits = limits
        self._now = now
        self._handed: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MOST_HANDED_ON)
        self._sessions = ChatSessions(pod_id, self.figures, self._hand, limits.sessions)
        self._unregistered: dict[Connection, str] = {}
        """Connections that the registry does not know yet, with their users."""
        self._writing = asyncio.Lock()
        """One write to the registry after the other: what was closed is not written down again."""
        self._connections = 0
        self._unsubscribe: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_ending = False
        """Whether connections are refused from here on."""

    # --- beginning and end

    async def open(self) -> None:
        """Begin; NATS and Redis may be away. Raises BrokerError, RegistryError where they will never be there."""
        await asyncio.gather(self._broker.open(), self._registry.open())
        self._unsubscribe.append(await self._broker.subscribe(pod_subject(self.pod_id), self._sessions.hear))
        self._unsubscribe.append(await self._broker.subscribe(replay_subject(self.pod_id), self._sessions.hear_replay))
        self._start(self._keep_time())
        self._start(self._hand_on())

    async def close(self) -> None:
        """End the connections, hand answers that are not over to other gateways, and leave the registry."""
        self.is_ending = True
        unfinished = [session for session in self._sessions if session.readers and session.log.has_unfinished]
        for reader in self._sessions.readers:
            reader.cut("gateway_ends", " ".join(_ENDS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.hand_over_seconds):
                while any(map(self._sessions.is_needed, unfinished)):  # noqa: ASYNC110 - time alone ends it as well
                    await asyncio.sleep(_LOOK_SECONDS)
                await self._handed.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                for connection in self._registered():
                    await self._unregister(connection)
        for session in self._sessions:
            self._sessions.forget(session)
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await self._broker.close()
        await self._registry.close()

    # --- requests

    async def ask(self, body: Mapping[str, Any]) -> Accepted:
        """Take a request to whoever answers it.

        Args:
            body: as it was posted: session_id, message, user_id, and perhaps ai_provider, model and context.

        Raises:
            BadChatRequest: it cannot be answered.
            BrokerError: it does not get through, or nobody is there to answer.
            GatewayFull: there are too many sessions.
        """
        try:
            request = self._request(body)
        except BadChatRequest as error:
            self.figures.requests[error.code] += 1
            raise
        await self._listen(self._sessions.get(request.session_id))
        self._sessions.accepted(request.message_id)
        try:
            status = "accepted" if await self._send(request) else UNCONFIRMED
        except BrokerError:
            self.figures.requests["unavailable"] += 1
            raise
        self.figures.requests[status] += 1
        return Accepted(request.message_id, request.session_id, status, request.timestamp, request.correlation_id)

    async def cancel(self, session_id: str) -> None:
        """Call off what is answered in a session. Raises BadChatRequest, BrokerError."""
        subject, standing = cancel_subject(session_id), self._broker.standing
        if not standing.is_up:
            raise BrokerError(f"Nothing can be called off now. {standing.reason}")
        await self._broker.publish(subject, b"{}")
        if not await self._broker.confirm(self.limits.ask_seconds):
            raise BrokerError("It is not known whether the service was told to call it off.", "Try again.")
        self.figures.cancels += 1

    def _request(self, body: Mapping[str, Any]) -> ChatRequest:
        context = body.get("context")
        chosen = {name: body[name] for name in ("ai_provider", "model") if body.get(name) is not None}
        value = {
            "message_id": f"msg_{secrets.token_hex(8)}",
            "session_id": body.get("session_id"),
            "user_id": body.get("user_id"),
            "message": body.get("message"),
            "context": {**context, **chosen} if isinstance(context, dict) else chosen if context is None else context,
            "timestamp": utc_text(self._now()),
            "correlation_id": body.get("correlation_id") or f"corr_{secrets.token_hex(8)}",
        }
        return request_from(value)

    async def _send(self, request: ChatRequest) -> bool:
        """Publish a request; whether somebody said that they take it. Raises BrokerError."""
        data = json.dumps(request.raw, separators=(",", ":")).encode()
        answer = await self._broker.ask(request_subject(request.session_id), data, self.limits.ask_seconds)
        if answer is None and not await self._broker.confirm(self.limits.ask_seconds):
            raise BrokerError("It is not known whether the request reached NATS.", "Ask again.")
        return answer is not None

    # --- connections

    async def connect(
        self, session_id: str, user_id: str, last_event_id: str = "", on_cut: Callable[[], None] = lambda: None
    ) -> ChatReader:
        """Begin to tell a connection what its session is told, and what it missed.

        Args:
            last_event_id: of the last event that it had, at any gateway.
            on_cut: called once where the gateway ends the connection.

        Raises:
            BadChatRequest: the session's id cannot be one.
            GatewayFull: there are too many connections or sessions.
        """
        broadcast_subject(session_id)
        if self.is_ending:
            raise GatewayFull(*_ENDS)
        if self._connections >= self.limits.connections:
            raise GatewayFull("This gateway has as many connections as it takes.", "Try again later.")
        connection = Connection(session_id, self.pod_id, f"conn_{secrets.token_hex(8)}")
        session = self._sessions.get(session_id)
        is_first = not session.is_in_use
        session.opening += 1
        self._connections += 1
        try:
            await self._listen(session)
            positions = read_position(last_event_id)
            comes_anew = is_first or positions is not None
            others = await self._register(connection, user_id, asks=comes_anew)
            reader = self._sessions.begin(connection, positions, lambda: self._count_cut(on_cut))
        except BaseException:
            self._connections -= 1
            self._start(self._unregister(connection))
            raise
        finally:
            session.opening -= 1
        if comes_anew:
            self._sessions.ask_others(session, others, positions)
            if positions:
                self._start(self._go_on_without(session, positions, self.limits.replay_seconds if others else 0.0))
        if session.lingering is not None:
            self._start(self._unregister(session.lingering))
            session.lingering = None
        return reader

    def disconnect(self, reader: ChatReader) -> None:
        """Say that a connection is over."""
        session = self._sessions.end(reader)
        if session is None:
            return
        self._connections -= 1
        if session.is_in_use:
            self._start(self._unregister(reader.connection))
        else:
            session.lingering = reader.connection

    def _count_cut(self, on_cut: Callable[[], None]) -> None:
        self.figures.cut["gateway_ends" if self.is_ending else "too_slow"] += 1
        on_cut()

    async def _listen(self, session: ChatSession) -> None:
        """Hear what is sent to a session of which no pod is known to have connections."""
        async with session.subscribing:
            if session.unsubscribe is None:
                subject = broadcast_subject(session.session_id)
                session.unsubscribe = await self._broker.subscribe(subject, self._sessions.hear)
                if not self._sessions.knows(session):
                    session.unsubscribe()

    async def _register(self, connection: Connection, user_id: str, *, asks: bool) -> Sequence[str]:
        """Have the registry know of a connection, now or later; returns the other pods that have its session.

        Args:
            asks: whether it is asked for these.
        """
        self._unregistered[connection] = user_id
        try:
            async with asyncio.timeout(self.limits.register_seconds):
                await self._write_down(connection, user_id)
                pods = await self._registry.pods(connection.session_id) if asks else ()
        except (RegistryError, TimeoutError):
            return ()
        return [pod for pod in pods if pod != self.pod_id]

    async def _write_down(self, connection: Connection, user_id: str) -> None:
        """Have the registry know of a connection that is still there. Raises RegistryError."""
        async with self._writing:
            if connection in self._unregistered:
                await self._registry.register(connection, user_id)
                self._unregistered.pop(connection, None)

    async def _unregister(self, connection: Connection) -> None:
        async with self._writing:
            if self._unregistered.pop(connection, None) is None:
                with contextlib.suppress(RegistryError):  # it forgets by itself
                    await self._registry.unregister(connection)

    async def _go_on_without(self, session: ChatSession, positions: Positions, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._sessions.go_on_without(session, positions)

    # --- what is so now

    def health(self) -> Mapping[str, Any]:
        """As `GET /health` tells it. `status` is `healthy` where requests can be taken and answered."""
        nats, redis = self.standings
        status = "ending" if self.is_ending else "healthy" if nats.is_up else "unhealthy"
        return {
            "status": "degraded" if status == "healthy" and not redis.is_up else status,
            "pod_id": self.pod_id,
            "timestamp": utc_text(self._now()),
            "active_connections": self._connections,
            "active_sessions": sum(session.is_in_use for session in self._sessions),
            "active_buffers": self._sessions.unfinished,
            "nats_connected": nats.is_up,
            "redis_connected": redis.is_up,
        }

    def metrics(self) -> str:
        """In Prometheus' text format."""
        health = self.health()
        names = ("active_connections", "active_sessions", "active_buffers", "nats_connected", "redis_connected")
        return self.figures.text({name: float(health[name]) for name in names})

    def watch(self, listener: Callable[[ServiceStanding], None]) -> None:
        """Call `listener` with each change of how NATS and Redis stand."""
        self._broker.watch(listener)
        self._registry.watch(listener)

    @property
    def standings(self) -> Sequence[ServiceStanding]:
        """How NATS and Redis stand."""
        return (self._broker.standing, self._registry.standing)

    # --- time

    async def _keep_time(self) -> None:
        """One timer for all that has to be done from time to time, evenly: never for all connections at once."""
        pings = EvenRounds(lambda: self._sessions.readers, self.limits.ping_seconds)
        renewals = EvenRounds(self._registered, self.limits.renew_seconds)
        renewing: asyncio.Task[None] | None = None
        due: list[Connection] = []
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.monotonic()
            for session in self._sessions.sweep(now):
                if session.lingering is not None:
                    self._start(self._unregister(session.lingering))
                self._sessions.forget(session)
            ping = json_event("ping", {"timestamp": utc_text(self._now())})
            for reader in pings.due(now):
                reader.push(ping)
            due += renewals.due(now)
            if due and (renewing is None or renewing.done()):
                renewing, due = self._start(self._renew(due)), []

    async def _renew(self, connections: Sequence[Connection]) -> None:
        """Tell the registry what is still there, and what it could not be told before."""
        async with self._writing:
            open_ones = [each for each in connections if self._sessions.has(each) and each not in self._unregistered]
            with contextlib.suppress(RegistryError):
                for start in range(0, len(open_ones), _AT_ONCE):
                    await self._registry.renew(open_ones[start : start + _AT_ONCE])
        for connection, user_id in list(self._unregistered.items()):
            with contextlib.suppress(RegistryError):
                await self._write_down(connection, user_id)

    def _registered(self) -> Sequence[Connection]:
        lingering = [session.lingering for session in self._sessions if session.lingering is not None]
        return [*(reader.connection for reader in self._sessions.readers), *lingering]

    # --- work beside

    def _hand(self, subject: str, data: bytes) -> None:
        """Have something published; what is too much is dropped, as whoever needs it can do without."""
        with contextlib.suppress(asyncio.QueueFull):
            self._handed.put_nowait((subject, data))

    async def _hand_on(self) -> None:
        while True:
            subject, data = await self._handed.get()
            with contextlib.suppress(BrokerError):
                await self._broker.publish(subject, data)
            self._handed.task_done()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
