"""A progress server as a place where training runs are seen: by the best way that works, without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from evolver_tui.adapters.progress_client import socket
from evolver_tui.adapters.progress_client.session import WatchedSession
from evolver_tui.adapters.progress_client.socket import ATTEMPT_SECONDS, SocketConnection
from evolver_tui.core.address import Address
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.training.record import LONGEST_NAME
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.progress_client import AttemptFailed, Way, WayChoice
from evolver_tui.engine.training.source import SourceStanding

if TYPE_CHECKING:
    from evolver_tui.adapters.progress_client.endpoints import Endpoints

MOST_SESSIONS: Final = 1_000
_MOST_FOLLOWED: Final = 4
_MOST_LOOKED_AT: Final = 20
"""Sessions that nobody follows whose metrics are fetched at a look at the list."""
_HISTORY: Final = 1_000
"""Moments that are asked for at once: servers keep no more of a session."""
_HISTORY_UNNUMBERED: Final = 200
"""The same, of a server that tells old ones again each time."""
_NO_EXTRA: Final = (
    "It is asked every second: WebSockets and long polls need python-socketio, pip install 'evolver-tui[watch]'."
)
_NO_SOCKS: Final = "It is asked every second: WebSockets and long polls do not go through a SOCKS proxy."


class Timing(NamedTuple):
    """Seconds."""

    websocket: float = ATTEMPT_SECONDS[Way.WEBSOCKET]
    polling: float = ATTEMPT_SECONDS[Way.POLLING]
    """Until a connection has to stand."""
    answer: float = 10.0
    """Until an endpoint has answered."""
    ask: float = 1.0
    """Between two questions, where nothing is told unasked; and between two fetches of what was lacking."""
    list: float = 3.0
    """Between two looks at the list of sessions."""


USUAL: Final = Timing()


class _Connection(Protocol):
    way: Way
    lost: asyncio.Event
    reason: str

    async def subscribe(self, session_id: str) -> None: ...
    async def unsubscribe(self, session_id: str) -> None: ...
    async def ask_history(self, session_id: str, limit: int) -> None: ...
    async def close(self) -> None: ...


class _Asking:
    """The connection of those who only ask: there is none."""

    way = Way.HTTP

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.reason = ""

    async def subscribe(self, session_id: str) -> None:
        pass

    async def unsubscribe(self, session_id: str) -> None:
        pass

    async def ask_history(self, session_id: str, limit: int) -> None:
        pass

    async def close(self) -> None:
        self.lost.set()


class ProgressSource:
    """A `RunSource` of a progress server."""

    def __init__(
        self, url: Address, find_token: Callable[[], str | None], *, session_id: str = "", timing: Timing = USUAL,
        now: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Args:
        find_token: called in a thread, since it may wait for a keyring.
        session_id: a session that is followed from the beginning; empty for none.
        now: seconds since 1970.
        clock: seconds of a clock that is never set back.
        """
        self._has_list = True
        """Whether the server lists its sessions, as far as that is known."""
        self._url = url
        self._find_token = find_token
        self._timing = timing
        self._now = now
        self._clock = clock
        self._standing = SourceStanding(str(url).rstrip("/"), "", False, "It was not reached yet.")
        self._sessions: dict[str, WatchedSession] = {}
        self._runs: dict[str, TrainingRun] = {}
        self._changes = 0
        self._listed: dict[str, Mapping[str, Any]] = {}
        """How sessions stood when their metrics were fetched; of those that nobody follows."""
        self._followed: list[str] = []
        self._subscribed: list[str] = []
        self._token = ""
        self._endpoints: Endpoints | None = None
        self._choice = WayChoice()
        self._why: dict[Way, str] = {}
        """Why a way is not the one."""
        self._limits = ""
        """Why only one way is there at all."""
        self._complaint = ""
        """What is amiss although it is there."""
        self._supervisor: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        if session_id:
            self.follow(session_id)

    # --- what others see

    @property
    def standing(self) -> SourceStanding:
        return self._standing

    @property
    def runs(self) -> Mapping[str, TrainingRun]:
        return self._runs

    @property
    def changes(self) -> int:
        return self._changes

    async def open(self) -> None:
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="progress client")

    async def close(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None

    def follow(self, run_id: str) -> None:
        self._session(run_id)
        self._followed = [*(each for each in self._followed if each != run_id), run_id][-_MOST_FOLLOWED:]
        self._news.set()

    async def settled(self) -> None:
        """Wait until all that there is was fetched, or every way was tried in vain."""
        await self._settled.wait()

    @property
    def needs_name(self) -> bool:
        return not self._has_list

    def _session(self, session_id: str) -> WatchedSession:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = WatchedSession(session_id, self._now)
            self._runs[session_id] = session.run
            self._changes += 1
        return session

    def _stand(self, way: str, is_up: bool, reason: str) -> None:
        standing = self._standing._replace(way=way, is_up=is_up, reason=reason)
        if standing != self._standing:
            self._standing = standing
            self._changes += 1

    def _tell_way(self, way: Way) -> None:
        why = self._limits or self._why.get(Way.WEBSOCKET, "") if way is not Way.WEBSOCKET else ""
        self._stand(way.value, True, self._complaint or why)

    # --- the connection

    async def _supervise(self) -> None:
        try:
            self._endpoints = await asyncio.to_thread(self._prepare)
        except EvolverError as error:  # the secrets cannot be read
            self._stand("", False, str(error))
            self._settled.set()
            return
        self._choice = WayChoice(self._ways())
        looking = asyncio.create_task(self._look_first())
        try:
            while True:
                way, wait = self._choice.next(self._clock())
                if wait:
                    self._settled.set()
                    await asyncio.sleep(wait * random.uniform(0.8, 1.2))
                try:
                    connection = await self._connect(way)
                except AttemptFailed as error:
                    self._choice.failed(way, self._clock(), is_away=error.is_away)
                    self._why[way] = error.reason
                    self._stand(way.value, False, error.reason)
                else:
                    await self._use(connection)
        finally:
            looking.cancel()
            await self._endpoints.close()

    async def _look_first(self) -> None:
        """Fetch what there is while a connection is made: it may take its time where something swallows it."""
        with contextlib.suppress(AttemptFailed):
            for session_id in tuple(self._followed):
                await self._fetch(self._sessions[session_id])
            await self._look_at_list()
            self._settled.set()

    def _prepare(self) -> Endpoints:
        """Find the token, and load what takes a second to load. Called in a thread."""
        from evolver_tui.adapters.progress_client.endpoints import Endpoints

        self._token = self._find_token() or ""
        if socket.is_installed():
            socket.load()
        return Endpoints(self._url, self._token, seconds=self._timing.answer)

    def _ways(self) -> tuple[Way, ...]:
        self._limits = ""
        if not socket.is_installed():
            self._limits = _NO_EXTRA
        elif not socket.may_be_used(self._url):
            self._limits = _NO_SOCKS
        return (Way.HTTP,) if self._limits else tuple(Way)

    async def _connect(self, way: Way) -> _Connection:
        """Raises AttemptFailed."""
        if way is Way.HTTP:
            await self._look_at_list()
            return _Asking()
        connection = SocketConnection(way, self._hear)
        seconds = self._timing.websocket if way is Way.WEBSOCKET else self._timing.polling
        await connection.open(self._url, self._token, seconds)
        return connection

    async def _use(self, connection: _Connection) -> None:
        """Use a connection until it is lost; change over to a better one as soon as there is one."""
        while True:
            self._choice.worked(connection.way, self._clock())
            self._complaint = ""
            self._tell_way(connection.way)
            self._subscribed = []
            working = asyncio.create_task(self._work(connection))
            try:
                better = await self._lost_or_better(connection)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                await connection.close()
            if better is None:
                self._choice.lost(self._clock())
                self._why[connection.way] = connection.reason
                self._stand(connection.way.value, False, connection.reason)
                return
            connection = better

    async def _lost_or_better(self, connection: _Connection) -> _Connection | None:
        """Wait until a connection is lost, or there is a better one, which is given back."""
        while True:
            at = self._choice.better_at()
            # The loop's clock stands still while a machine sleeps: ours is looked at now and then.
            wait = None if at is None else min(self._timing.list, max(0.0, at - self._clock()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await connection.lost.wait()
            if connection.lost.is_set():
                return None
            way = self._choice.better(self._clock())
            if way is None:
                continue
            try:
                return await self._connect(way)
            except AttemptFailed as error:
                self._choice.failed_beside(way, self._clock())
                self._why[way] = error.reason

    # --- what is told and what is fetched

    def _hear(self, event: str, data: Any) -> None:
        """What came over a socket."""
        if not isinstance(data, Mapping):
            return
        session_id = _session_of(event, data)
        session = self._sessions.get(session_id)
        if session is None or session_id not in self._followed:
            return
        session.take_event(event, data)
        self._changes += 1
        if session.lacks_some:
            self._news.set()

    async def _work(self, connection: _Connection) -> None:
        """Subscribe, fetch, and look again and again."""
        is_asking = connection.way is Way.HTTP
        listed_at = -self._timing.list
        fetched: set[str] = set()
        while not connection.lost.is_set():
            self._news.clear()
            try:
                await self._subscribe(connection)
                for session_id in tuple(self._followed):
                    session = self._sessions[session_id]
                    if is_asking or session_id not in fetched or session.lacks_some or session.is_unknown:
                        await self._fetch(session)
                        fetched.add(session_id)
                if self._has_list and self._clock() - listed_at >= self._timing.list:
                    listed_at = self._clock()
                    await self._look_at_list()
                self._complaint = self._amiss()
            except AttemptFailed as error:
                if is_asking:
                    connection.reason = error.reason
                    connection.lost.set()
                    return
                self._complaint = f"What was told before cannot be fetched: {error.reason}"
                for session_id in self._followed:  # the connection may tell it as well
                    await connection.ask_history(session_id, _HISTORY)
            self._tell_way(connection.way)
            self._settled.set()
            await asyncio.sleep(self._timing.ask)
            if not is_asking:
                await self._wait_for_news(listed_at)

    async def _wait_for_news(self, listed_at: float) -> None:
        left = listed_at + self._timing.list - self._clock() if self._has_list else self._timing.list
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, left)):
                await self._news.wait()

    def _amiss(self) -> str:
        unknown = [each for each in self._followed if self._sessions[each].is_unknown]
        if unknown:
            return f"The server knows no session {unknown[-1]} yet."
        if not self._has_list and not self._followed:
            return "The server does not list its sessions: name one."
        bad = sum(session.bad for session in self._sessions.values())
        return f"{bad:,} of its updates could not be read." if bad else ""

    async def _subscribe(self, connection: _Connection) -> None:
        for session_id in self._subscribed:
            if session_id not in self._followed:
                await connection.unsubscribe(session_id)
        for session_id in self._followed:
            if session_id not in self._subscribed:
                await connection.subscribe(session_id)
        self._subscribed = list(self._followed)

    async def _fetch(self, session: WatchedSession) -> None:
        """Fetch how a session stands, and what of it was not told. Raises AttemptFailed."""
        assert self._endpoints is not None
        is_first = session.known_until is None or not session.run.points
        limit = _HISTORY if is_first or session.numbered else _HISTORY_UNNUMBERED
        history = await self._endpoints.history(
            session.session_id, limit, after=session.numbered, since=None if is_first else session.known_until
        )
        session.take_history(history)
        status = await self._endpoints.status(session.session_id)
        if status is not None:
            session.take_status(status)
        else:
            session.is_unknown = not session.run.points
        self._changes += 1

    async def _look_at_list(self) -> None:
        """Take the server's list of sessions. Raises AttemptFailed."""
        assert self._endpoints is not None
        listed = await self._endpoints.sessions()
        self._has_list = listed is not None
        changed: list[tuple[WatchedSession, Mapping[str, Any]]] = []
        for status in (listed or ())[:MOST_SESSIONS]:
            session_id = _text(status.get("session_id"), status.get("sessionId"), status.get("id"))
            if not session_id or (session_id not in self._sessions and len(self._sessions) >= MOST_SESSIONS):
                continue
            session = self._session(session_id)
            before = session.run.changes
            session.take_status(status)
            self._changes += session.run.changes != before
            if session_id not in self._followed and status != self._listed.get(session_id):
                changed.append((session, status))
        for session, status in changed[:_MOST_LOOKED_AT]:
            metrics = await self._endpoints.metrics(session.session_id)
            if metrics is not None:
                session.take_metrics(metrics, is_fetched=True)
                self._changes += 1
            self._listed[session.session_id] = status


def _session_of(event: str, data: Mapping[str, Any]) -> str:
    metrics = data.get("metrics") if event == "progress_update" else None
    told = metrics.get("sessionId") if isinstance(metrics, Mapping) else None
    return _text(told, data.get("sessionId"), data.get("session_id"))


def _text(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and 0 < len(value) <= LONGEST_NAME), "")
