"""Redis as the registry of connections: keys exactly as the chat's pods write them.

`session:connections:{session}` is a set of `pod:connection`, `pod:connections:{pod}` a hash of connection to session,
`heartbeat:{pod}:{connection}` a time, `session:meta:{session}` a hash.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import RegistryError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.workflow.subjects import is_token
from evolver_tui.engine.workflow.broker import WatchedService
from evolver_tui.engine.workflow.registry import Connection
from evolver_tui.settings.library_logs import keep_off_terminal

_LOOKUP_SECONDS: Final = 0.5
_PROBE_SECONDS: Final = 2.0
"""How long it may take over saying that it is there: nobody waits for that but who opens."""
_WRITE_SECONDS: Final = 5.0
_FRESH_SECONDS: Final = 1.0
_STALE_SECONDS: Final = 60.0
"""How long an answer serves while Redis is there, and while it is away."""
_MOST_SESSIONS: Final = 10_000
"""Whose answers are kept; the longest unused go first."""
_MOST_AT_ONCE: Final = 500
"""Sessions that one question is about, and connections that are renewed at once."""
_MOST_MEMBERS: Final = 1_000
"""Connections of one session that are looked at."""
_NOBODYS: Final = "session:connections:-"
"""Of no session; who may not look at it may not look at any."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
"""Between two questions whether it is there again, in seconds."""
_CONNECTION_SECONDS: Final = 300
_HEARTBEAT_SECONDS: Final = 30
_META_SECONDS: Final = 3600

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """How Redis is reached, and by whom."""

    host: str = "localhost"
    port: int = 6379
    user: str = ""
    password: Callable[[], str] = str
    """Found when it is needed; it may block."""
    database: int = 0
    tls: bool = False
    ca: str = ""
    """The path of a file of certificates; empty for the system's."""
    probe_seconds: float = 5.0
    """Between two questions whether it is there, while it is."""


@dataclass(slots=True)
class _Known:
    """What was heard of one session."""

    pods: Sequence[str]
    at: float
    """In the loop's seconds."""
    beating: frozenset[str] = field(default_factory=frozenset)
    """Members whose heartbeat was seen."""


class RedisRegistry(WatchedService):
    """A `SessionRegistry`.

    A connection whose heartbeat was seen and is gone is left out. One that never had one stays: not all pods have any.
    """

    def __init__(self, settings: RedisSettings) -> None:
        super().__init__("redis")
        keep_off_terminal("redis")
        self._settings = settings
        self._at = safe_text(f"{settings.host}:{settings.port}", 200)
        self._redis: Redis | None = None
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asked: dict[str, asyncio.Future[None]] = {}
        """Sessions that are looked up, or will be with the next question."""
        self._asking: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._is_closing = False
        """What is cancelled may go on: the vendor's calls lose a cancellation at times."""

    def _failed(self, error: Exception) -> None:
        self._stand(False, f"Redis at {self._at} {_words(error)}.")

    # --- the connection

    async def open(self) -> None:
        self._redis = await asyncio.to_thread(_client, self._settings)
        try:
            await self._probe()
        except (RedisError, OSError, TimeoutError) as error:
            refused = _refusal(error, self._at)
            if refused is not None:
                await self.close()
                raise refused from None
        self._probing = asyncio.create_task(self._probe_for_ever(), name="redis")

    async def close(self) -> None:
        self._is_closing = True
        for task in (self._probing, self._asking):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for asked in self._asked.values():
            asked.cancel()
        if self._redis is not None:
            redis, self._redis = self._redis, None
            try:
                async with asyncio.timeout(_LOOKUP_SECONDS):
                    await redis.aclose()
            except (RedisError, OSError, TimeoutError):
                pass

    async def _probe(self) -> None:
        """Ask whether it is there. Raises what Redis raises."""
        assert self._redis is not None
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await _done(self._redis.scard(_NOBODYS))
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            raise
        self._stand(True)

    async def _probe_for_ever(self) -> None:
        pause = _FIRST_PAUSE
        while not self._is_closing:
            await asyncio.sleep(self._settings.probe_seconds if self._standing.is_up else pause)
            try:
                await self._probe()
                pause = _FIRST_PAUSE
            except Exception:  # noqa: BLE001 - whatever the vendor met, it is tried without end
                pause = min(2 * pause, _LONGEST_PAUSE)

    # --- looking up

    async def pods(self, session_id: str) -> Sequence[str]:
        now = asyncio.get_running_loop().time()
        known = self._known.get(session_id)
        if known is not None and now - known.at < _FRESH_SECONDS:
            return known.pods
        if self._standing.is_up and self._redis is not None:
            await asyncio.wait({self._ask(session_id)}, timeout=_LOOKUP_SECONDS)
            known = self._known.get(session_id)
        return known.pods if known is not None and now - known.at < _STALE_SECONDS else ()

    def _ask(self, session_id: str) -> asyncio.Future[None]:
        """What is done when the answer is known, or known not to come."""
        asked = self._asked.get(session_id)
        if asked is None:
            asked = self._asked[session_id] = asyncio.get_running_loop().create_future()
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask_all())
        return asked

    async def _ask_all(self) -> None:
        """Look up all that are asked for, many at a time by one connection."""
        while self._asked and not self._is_closing:
            sessions = list(self._asked)[:_MOST_AT_ONCE]
            try:
                async with asyncio.timeout(_LOOKUP_SECONDS):
                    await self._look_up(sessions)
                self._stand(True)
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)
            finally:
                for session_id in sessions:
                    asked = self._asked.pop(session_id)
                    if not asked.done():
                        asked.set_result(None)

    async def _look_up(self, sessions: Sequence[str]) -> None:
        assert self._redis is not None
        async with self._redis.pipeline(transaction=False) as pipeline:
            for session_id in sessions:
                pipeline.smembers(f"session:connections:{session_id}")
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, NoPermissionError):  # unlike a key of another kind this is no session's own doing
                raise answer
        by_session = {session_id: _members(answer) for session_id, answer in zip(sessions, answers, strict=True)}
        every = list(dict.fromkeys(member for members in by_session.values() for member in members))
        beats: Sequence[Any] = await self._redis.mget([f"heartbeat:{member}" for member in every]) if every else ()
        alive = {member for member, beat in zip(every, beats, strict=True) if beat is not None}
        now = asyncio.get_running_loop().time()
        for session_id, members in by_session.items():
            self._learn(session_id, members, alive, now)

    def _learn(self, session_id: str, members: Sequence[str], alive: set[str], now: float) -> None:
        before = self._known.pop(session_id, None)
        beating = before.beating if before is not None else frozenset()
        here = [member for member in members if member in alive or member not in beating]
        pods = tuple(sorted({member.rpartition(":")[0] for member in here}))
        kept = frozenset(member for member in members if member in alive or member in beating)
        self._known[session_id] = _Known(pods, now, kept)
        while len(self._known) > _MOST_SESSIONS:
            self._known.popitem(last=False)

    # --- writing

    async def register(self, connection: Connection, user_id: str, provider: str = "", model: str = "") -> None:
        def write(pipeline: Any) -> None:
            _keep(pipeline, connection)
            meta = f"session:meta:{connection.session_id}"
            pipeline.hset(meta, mapping={"user_id": user_id, "ai_provider": provider, "model_name": model})
            pipeline.expire(meta, _META_SECONDS)

        await self._write(write)
        self._known.pop(connection.session_id, None)

    async def renew(self, connections: Sequence[Connection]) -> None:
        for start in range(0, len(connections), _MOST_AT_ONCE):
            some = connections[start : start + _MOST_AT_ONCE]

            def write(pipeline: Any, some: Iterable[Connection] = some) -> None:
                for connection in some:
                    _keep(pipeline, connection)
                    pipeline.expire(f"session:meta:{connection.session_id}", _META_SECONDS)

            await self._write(write)

    async def unregister(self, connection: Connection) -> None:
        session_id, pod_id, connection_id = connection

        def write(pipeline: Any) -> None:
            pipeline.srem(f"session:connections:{session_id}", f"{pod_id}:{connection_id}")
            pipeline.hdel(f"pod:connections:{pod_id}", connection_id)
            pipeline.delete(f"heartbeat:{pod_id}:{connection_id}")

        await self._write(write)
        self._known.pop(session_id, None)

    async def _write(self, write: Callable[[Any], None]) -> None:
        if self._redis is None or not self._standing.is_up:
            raise RegistryError(self._standing.reason or f"Redis at {self._at} is not open.")
        async with self._redis.pipeline(transaction=True) as pipeline:
            write(pipeline)
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    await _done(pipeline.execute())
            except ResponseError as error:
                raise RegistryError(f"Redis at {self._at} {_words(error)}.") from None
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)
                raise RegistryError(self._standing.reason) from None


async def _done(work: Awaitable[T]) -> T:
    return await work


def _keep(pipeline: Any, connection: Connection) -> None:
    """Say that a connection is open, from its heartbeat on: whoever finds it finds that as well."""
    session_id, pod_id, connection_id = connection
    pipeline.set(f"heartbeat:{pod_id}:{connection_id}", f"{time.time():.3f}", ex=_HEARTBEAT_SECONDS)
    pipeline.sadd(f"session:connections:{session_id}", f"{pod_id}:{connection_id}")
    pipeline.expire(f"session:connections:{session_id}", _CONNECTION_SECONDS)
    pipeline.hset(f"pod:connections:{pod_id}", connection_id, session_id)
    pipeline.expire(f"pod:connections:{pod_id}", _CONNECTION_SECONDS)


def _members(answer: object) -> Sequence[str]:
    """The connections of a set that anybody may have written, each of a pod that may stand in a subject."""
    if not isinstance(answer, set | list):
        return ()
    members: list[str] = []
    for raw in answer:
        member = raw.decode("ascii", "replace") if isinstance(raw, bytes) else str(raw)
        pod, colon, _ = member.rpartition(":")
        if colon and is_token(pod) and len(members) < _MOST_MEMBERS:
            members.append(member)
    return members


def _client(settings: RedisSettings) -> Redis:
    """Blocks for the password. Raises RegistryError."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "db": settings.database,
        "username": settings.user or None,
        "password": settings.password() or None,
        "socket_timeout": _WRITE_SECONDS,
        "socket_connect_timeout": _PROBE_SECONDS,
        # The vendor's own further tries would hold up whoever asks, for seconds.
        "retry": Retry(NoBackoff(), 0),
        "max_connections": 8,
        "timeout": _PROBE_SECONDS,
    }
    if settings.tls:
        if settings.ca:
            try:
                ssl.create_default_context(cafile=settings.ca)
            except (OSError, ValueError) as error:
                said = getattr(error, "strerror", "") or str(error)
                message = f"redis_ca: {settings.ca} cannot be used: {safe_text(said, 200)}."
                raise RegistryError(message, "Name a PEM file of certificates.") from None
        options |= {"connection_class": SSLConnection, "ssl_ca_certs": settings.ca or None}
    return Redis.from_pool(BlockingConnectionPool(**options))


def _refusal(error: Exception, at: str) -> RegistryError | None:
    """What no later try can help with, as a person can read it; None for the rest."""
    if isinstance(error, AuthenticationError | NoPermissionError) or _is_auth(error):
        return RegistryError(
            f"Redis at {at} refuses who asks: {_said(error)}.", "Check redis_user under [workflow] and REDIS_PASSWORD."
        )
    if isinstance(_cause(error), ssl.SSLError):
        return RegistryError(f"There is no TLS with Redis at {at}: {_said(error)}.", "Check redis_tls and redis_ca.")
    if isinstance(error, ResponseError):
        return RegistryError(f"Redis at {at} cannot be used so: {_said(error)}.", "Check the settings of redis.")
    return None


def _is_auth(error: Exception) -> bool:
    return str(error).startswith(("NOAUTH", "WRONGPASS", "NOPERM")) or "Authentication required" in str(error)


def _cause(error: BaseException) -> BaseException:
    while (below := error.__cause__ or error.__context__) is not None:
        if isinstance(error, ssl.SSLError):
            break
        error = below
    return error


def _words(error: Exception) -> str:
    """What is wrong with it, short and safe."""
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "does not answer"
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"is not trusted: {_said(error)}"
    is_gone = isinstance(error, RedisConnectionError) and not isinstance(error, AuthenticationError)
    is_away = isinstance(cause, OSError) or is_gone
    return f"{'cannot be reached' if is_away else 'refuses'}: {_said(error)}"


def _said(error: Exception) -> str:
    """Its own words, or the system's."""
    cause = _cause(error)
    said = str(error) or type(error).__name__
    if isinstance(cause, ssl.SSLCertVerificationError):
        said = cause.verify_message
    elif isinstance(cause, OSError):
        said = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror or said
    return safe_text(show_addresses(said).rstrip(". "), 200)
