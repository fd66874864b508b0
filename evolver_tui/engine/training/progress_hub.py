"""What a progress server does: takes what is told of training sessions, keeps it, and tells whoever watches.

What was acknowledged is in the store; what is told to watchers may be a moment ahead of it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, Protocol

from evolver_tui.core.errors import BadTraining, StoreError
from evolver_tui.core.signal_catalogue.progress_signals import (
    TRAINING_ENDED,
    TRAINING_EXPIRED,
    TRAINING_NOT_KEPT,
    TRAINING_RECORDS_BAD,
    TRAINING_STARTED,
)
from evolver_tui.core.training.compatibility import CompatibleMetrics
from evolver_tui.core.training.plain_value import plain_mapping
from evolver_tui.core.training.progress_data import records_of
from evolver_tui.core.training.record import MOST_MODELS, BadRecord, Record, RunHeader, read_line
from evolver_tui.core.training.session_id import WHAT_IT_MAY_BE, is_session_id
from evolver_tui.core.training.totals import as_config
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.training.history import History
from evolver_tui.engine.training.progress_session import SESSION_CLEANUP, ProgressSession, Update
from evolver_tui.engine.training_store import KeptMoment, TrainingStore

_SWEEP_SECONDS: Final = 15.0
_LINES_AT_ONCE: Final = 100
"""Lines that are read before others have their turn."""
_GOING_AT_ONCE: Final = 100
"""Sessions that make room together, where there are too many."""


@dataclass(frozen=True, slots=True)
class ProgressLimits:
    """Seconds and bounds."""

    updates_per_second: float = 10.0
    sessions: int = 10_000
    moments: int = 1_000
    """Of one session's history."""
    moments_in_memory: int = 50_000
    """Of all sessions; further ones lie in the store alone until they are asked for."""
    idle_seconds: float = 4 * 3600.0
    ended_seconds: float = 3600.0
    history_seconds: float = 24 * 3600.0


@dataclass(slots=True)
class ProgressStatistics:
    """Counts since the server began, under the names of the integration statistics."""

    sessions_created: int = 0
    total_metrics_processed: int = 0
    transformations_successful: int = 0
    websocket_messages_sent: int = 0
    errors_encountered: int = 0


class Audience(Protocol):
    """Those who watch by one way."""

    def tell(self, update: Update) -> int:
        """Tell all of them who watch its session; returns how many. Waits for nobody."""


class ProgressHub:
    """Open it in the loop that it shall live in.

    Args:
        now: seconds since 1970; read once, when it opens.
        elapsed: seconds of a clock that is never set back.
    """

    def __init__(
        self,
        store: TrainingStore,
        bus: SignalBus,
        *,
        limits: ProgressLimits = ProgressLimits(),
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.audiences: list[Audience] = []
        self._store = store
        self._bus = bus
        self._wall = now
        self._elapsed = elapsed
        self._shift = 0.0
        self._sessions: dict[str, ProgressSession] = {}
        self._loaded: OrderedDict[str, int] = OrderedDict()
        """How many moments of which sessions are in memory, the latest used last."""
        self._moments = 0
        self._compatible = CompatibleMetrics()
        self._statistics = ProgressStatistics()
        self._sweeping: asyncio.Task[None] | None = None

    # --- beginning and end

    async def open(self) -> None:
        """Go on where the store is. Raises StoreError."""
        self._shift = self._wall() - self._elapsed()
        for kept in await self._store.training_sessions():
            try:
                self._sessions[kept.session_id] = ProgressSession.from_kept(kept, self._interval)
            except ValueError as error:
                self._count_error(kept.session_id, 0, f"what is kept of it cannot be read: {error}")
        await self.sweep()
        self._sweeping = asyncio.create_task(self._keep_sweeping())

    async def close(self) -> None:
        """Tell what was held back, and have the store keep what it does not have yet."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        for session in self._sessions.values():
            if session.timer is not None:
                session.timer.cancel()
                self._tell(session.due(self._elapsed()))
            if not self._is_kept(session):
                async with session.lock:
                    try:
                        await self._keep(session)
                    except StoreError:
                        break  # it was told, and whoever sent it knows

    @property
    def _interval(self) -> float:
        return 1.0 / self.limits.updates_per_second

    def now(self) -> float:
        """Seconds since 1970, whatever is done to the machine's clock meanwhile."""
        return self._elapsed() + self._shift

    # --- what is told of sessions

    async def take_lines(self, session_id: str, first: int, lines: Sequence[bytes]) -> int:
        """Take lines of records (`core.training.record`); returns the number of the next line that is wanted.

        What was taken before is left out, what cannot be read is counted and left out.

        Args:
            first: the number of the first of these lines, from 0.

        Raises:
            BadTraining: the session's id is none, or lines before these are missing.
            StoreError: they are not kept; take them again.
        """
        async with self._held(session_id) as session:
            if first > session.next_line:
                raise BadTraining("gap", f"Line {session.next_line} is expected next.", next_line=session.next_line)
            await self._load(session)
            for number, line in enumerate(lines[session.next_line - first :]):
                self._take_line(session, line)
                if number % _LINES_AT_ONCE == _LINES_AT_ONCE - 1:
                    await asyncio.sleep(0)
            await self._keep(session)
            return session.kept_line

    async def take_metrics(self, session_id: str, data: Mapping[str, Any]) -> int:
        """Take a trainer's own dictionary of metrics; returns the number of the next line.

        Raises:
            BadTraining: as `take_lines`; or it cannot be read.
            StoreError: it is not kept.
        """
        known = self._sessions.get(session_id)
        try:
            header = known.run.header if known is not None else RunHeader("none")
            records = records_of(data, header, self.now())
        except BadRecord as error:
            self._statistics.errors_encountered += 1
            raise BadTraining("bad_progress", f"The progress cannot be read: {error}.") from None
        async with self._held(session_id) as session:
            await self._load(session)
            for record in records:
                self._take(session, record)
            session.next_line += len(records)
            await self._keep(session)
            return session.kept_line

    async def create_session(self, config: Mapping[str, Any], session_id: str = "") -> str:
        """Make a session that starts later; returns its id.

        Args:
            config: under its usual names, e.g. model_count.
            session_id: empty for one that nobody has.

        Raises:
            BadTraining: the id is none or taken, or the config is none.
            StoreError: it is not kept.
        """
        session_id = session_id or f"session-{secrets.token_hex(8)}"
        if session_id in self._sessions:
            raise BadTraining("taken", "There is such a session already.")
        async with self._held(session_id) as session:
            await self._load(session)
            header = RunHeader(session_id, config=plain_mapping(config))
            counts = as_config(config)
            session.run.header = header._replace(
                total_steps=counts.get("total_steps", 0),
                total_models=min(counts.get("total_models", 1), MOST_MODELS),
                model_params=counts.get("model_params", 0),
            )
            await self._keep(session)
        return session_id

    async def start_session(self, session_id: str) -> None:
        """Say that a session's training begins. Raises BadTraining, StoreError."""
        if session_id not in self._sessions:
            raise BadTraining("unknown", "Session not found")
        async with self._held(session_id) as session:
            await self._load(session)
            self._take(session, session.run.header._replace(started_at=self.now()))
            await self._keep(session)

    @asynccontextmanager
    async def _held(self, session_id: str) -> AsyncIterator[ProgressSession]:
        """The session of this id, made where there is none, with its lock. Raises BadTraining, StoreError."""
        if not is_session_id(session_id):
            raise BadTraining("bad_session", f"A session's id has {WHAT_IT_MAY_BE}.")
        while True:
            session = self._sessions.get(session_id)
            is_made = session is None
            if session is None:
                session = self._sessions[session_id] = ProgressSession(session_id, self.now(), self._interval)
                session.history = History((), self.limits.moments)
                self._loaded[session_id] = 0
                self._statistics.sessions_created += 1
            async with session.lock:
                if is_made:
                    await self._make_room()  # which passes over those whose lock is held
                if self._is_there(session):  # it may have made room for another one while its lock was waited for
                    yield session
                    return

    def _is_there(self, session: ProgressSession) -> bool:
        return self._sessions.get(session.session_id) is session

    def _take_line(self, session: ProgressSession, line: bytes) -> None:
        number = session.next_line
        session.next_line += 1
        try:
            record = read_line(line)
        except BadRecord as error:
            session.bad_lines += 1
            self._statistics.errors_encountered += 1
            if session.bad_lines == 1:
                self._bus.emit(
                    TRAINING_RECORDS_BAD({"session": session.session_id, "line": number, "error": str(error)})
                )
            return
        self._take(session, record)

    def _take(self, session: ProgressSession, record: Record) -> None:
        was = session.status
        self._statistics.total_metrics_processed += 1
        self._tell(session.take(record, self.now(), self._elapsed()))
        due = session.throttle.due_at
        if due is not None and session.timer is None:
            loop = asyncio.get_running_loop()
            session.timer = loop.call_later(max(0.0, due - self._elapsed()), self._tell_what_is_due, session)
        elif due is None and session.timer is not None:
            session.timer.cancel()
            session.timer = None
        if session.status != was:
            self._tell_change(session, was)

    def _tell_change(self, session: ProgressSession, was: str) -> None:
        named = session.session_id
        if session.is_over:
            seconds = round(session.run.elapsed, 3)
            self._bus.emit(TRAINING_ENDED({"session": named, "outcome": session.status, "seconds": seconds}))
        elif was != "running":
            self._bus.emit(TRAINING_STARTED({"session": named}))

    def _tell_what_is_due(self, session: ProgressSession) -> None:
        self._tell(session.due(self._elapsed()))

    def _tell(self, updates: Iterable[Update]) -> None:
        for update in updates:
            self._statistics.websocket_messages_sent += sum(each.tell(update) for each in self.audiences)

    # --- the store

    def _is_kept(self, session: ProgressSession) -> bool:
        history = session.history
        return session.kept_line == session.next_line and (history is None or history.is_kept)

    async def _keep(self, session: ProgressSession) -> None:
        """Have the store keep all of it; its lock is held. Raises StoreError, and then nothing of it is lost here."""
        history = session.history
        added, removed = history.changes() if history is not None else ((), ())
        kept = session.to_kept()
        try:
            await self._store.keep_training(kept, added, removed)
        except StoreError as error:
            self._statistics.errors_encountered += 1
            self._bus.emit(TRAINING_NOT_KEPT({"session": session.session_id, "error": str(error)}))
            raise
        session.kept_line = kept.next_line
        if history is not None:
            history.kept(added, removed)
            self._used(session, len(history))

    async def _load(self, session: ProgressSession) -> History:
        """The history of a session; its lock is held. Raises StoreError."""
        if session.history is None:
            moments = await self._store.training_moments(session.session_id)
            session.history = History(moments, self.limits.moments)
        self._used(session, len(session.history))
        return session.history

    def _used(self, session: ProgressSession, moments: int) -> None:
        """Count what is in memory, and leave to the store what was not used for longest."""
        self._moments += moments - self._loaded.pop(session.session_id, 0)
        self._loaded[session.session_id] = moments
        if self._moments <= self.limits.moments_in_memory:
            return
        for session_id in list(islice(self._loaded, _GOING_AT_ONCE)):
            other = self._sessions[session_id]
            if other is not session and not other.lock.locked() and self._is_kept(other):
                other.history = None
                self._moments -= self._loaded.pop(session_id)
            if self._moments <= self.limits.moments_in_memory:
                break

    async def _forget(self, sessions: Sequence[ProgressSession]) -> None:
        for session in sessions:
            if session.timer is not None:
                session.timer.cancel()
            self._sessions.pop(session.session_id, None)
            self._moments -= self._loaded.pop(session.session_id, 0)
            self._compatible.forget(session.session_id)
        if sessions:
            await self._store.forget_training([session.session_id for session in sessions])

    async def _make_room(self) -> None:
        """Let those go that ended first, and then those of which nothing was told for longest."""
        too_many = len(self._sessions) - self.limits.sessions
        if too_many <= 0:
            return
        idle = [session for session in self._sessions.values() if not session.lock.locked()]
        idle.sort(key=lambda each: (not each.is_over, each.ended_at or each.updated_at))
        gone = idle[: max(too_many, min(_GOING_AT_ONCE, self.limits.sessions // 10))]
        for session in gone:
            self._expire(session)
        await self._forget(gone)

    # --- time

    async def sweep(self) -> None:
        """Let go of what was kept for long enough. Raises StoreError."""
        now, limits = self.now(), self.limits
        gone = []
        for session in self._sessions.values():
            unheard = now - session.updated_at
            if session.is_over and session.ended_at is not None:
                is_old = now - session.ended_at > limits.ended_seconds
            else:
                is_old = unheard > limits.idle_seconds
            if is_old and not session.is_expired:
                self._expire(session)
            if unheard > limits.history_seconds and not session.lock.locked():
                gone.append(session)
        await self._forget(gone)

    def _expire(self, session: ProgressSession) -> None:
        session.is_expired = True
        self._tell([Update(session.session_id, SESSION_CLEANUP, f'{{"sessionId":"{session.session_id}"}}')])
        self._bus.emit(TRAINING_EXPIRED({"session": session.session_id}))

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.sweep()
            except StoreError as error:
                self._count_error("", 0, str(error))

    def _count_error(self, session_id: str, line: int, error: str) -> None:
        self._statistics.errors_encountered += 1
        self._bus.emit(TRAINING_RECORDS_BAD({"session": session_id, "line": line, "error": error}))

    # --- what is so now

    def session(self, session_id: str) -> ProgressSession | None:
        """A session that is served; None where there is none, or no longer."""
        session = self._sessions.get(session_id)
        return None if session is None or session.is_expired else session

    def any_session(self, session_id: str) -> ProgressSession | None:
        """The same for one of which nothing but metrics and history is still told."""
        return self._sessions.get(session_id)

    def next_line(self, session_id: str) -> int:
        """The number of the line that is wanted next, as far as the store has them."""
        session = self._sessions.get(session_id)
        return 0 if session is None else session.kept_line

    def sessions(self) -> Sequence[ProgressSession]:
        """Those that are served: first those that train, the latest told of on top."""
        served = [session for session in self._sessions.values() if not session.is_expired]
        return sorted(served, key=lambda each: (each.is_over, -each.updated_at))

    async def history(self, session_id: str) -> History:
        """The history of a session; an empty one where there is none. Raises StoreError."""
        session = self._sessions.get(session_id)
        if session is None:
            return History((), self.limits.moments)
        async with session.lock:
            return await self._load(session) if self._is_there(session) else History((), self.limits.moments)

    def compatible(self, session_id: str, moments: Sequence[KeptMoment]) -> Sequence[Mapping[str, Any]]:
        """Moments in the form of `core.training.compatibility`."""
        return [self._compatible.of((session_id, each.number), json.loads(each.metrics_json)) for each in moments]

    def compatible_metrics(self, session_id: str, number: int, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """The latest metrics of a session in that form; `number` is their moment's."""
        return self._compatible.of((session_id, number, "latest"), metrics)

    def statistics(self) -> Mapping[str, int]:
        """The integration statistics."""
        self._statistics.transformations_successful = self._compatible.successful
        return asdict(self._statistics)
