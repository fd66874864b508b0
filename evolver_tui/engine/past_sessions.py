"""The sessions of a database: how each stands, what it came to, and deleting one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.core.signal_catalogue.session_signals import SESSION_DELETED, SESSION_STARTED
from evolver_tui.engine.signal_log import LogReader, SessionRecord, SignalLog
from evolver_tui.engine.signals import SignalBus


class Standing(StrEnum):
    """Whether a session goes on."""

    ENDED = "ended"
    OPEN = "open"
    """Its process lives."""
    CUT_OFF = "cut off"
    """Its process is proven to have ended, without ending the session."""
    UNKNOWN = "not ended"
    """Its process cannot be seen from here: it ran on another machine, or before this one was started."""

    @property
    def may_go_on(self) -> bool:
        """Whether it may tell more."""
        return self in (Standing.OPEN, Standing.UNKNOWN)


class SessionLives(EvolverError):
    """A session goes on, or may do so."""


class Processes(Protocol):
    """What is known of other processes (see `WorkerIdentity`)."""

    def is_here(self, owner: str) -> bool:
        """Whether a process would be seen here."""

    def is_gone(self, owner: str) -> bool:
        """Whether it is proven that it has ended."""


@dataclass(frozen=True, slots=True)
class PastSession:
    """One session as a person looks back at it. It may still go on."""

    record: SessionRecord
    standing: Standing
    until: float
    """When it ended, or was last heard of, in seconds since 1970."""
    figures: SessionFigures

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.until - self.record.started_at)


class PastSessions:
    """Reads the sessions of a database.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    def __init__(
        self,
        log: LogReader,
        processes: Processes,
        now: Callable[[], float],
        counted: Callable[[str], SessionFigures | None] = lambda session_id: None,
    ) -> None:
        """Args:
        log: where they stand.
        processes: what is known of other processes.
        now: seconds since 1970.
        counted: the figures of a session of this process, which need no reading; None for any other.
        """
        self._counted = counted
        self._log = log
        self._processes = processes
        self._now = now

    async def records(self) -> Sequence[SessionRecord]:
        """Every session, newest first."""
        return (await self._log.sessions())[::-1]

    async def of(self, record: SessionRecord) -> PastSession:
        """A session with its figures."""
        standing = await self.standing(record)
        until = record.ended_at
        if until is None:
            until = self._now() if standing is Standing.OPEN else await self._last_heard_of(record)
        return PastSession(record, standing, until, self._counted(record.id) or await self._log.figures(record.id))

    async def _last_heard_of(self, record: SessionRecord) -> float:
        last = await self._log.signals_before(record.id, limit=1)
        return last[0].signal.timestamp if last else record.started_at

    async def standing(self, record: SessionRecord) -> Standing:
        """Whether a session goes on, as far as that can be known here."""
        if record.ended_at is not None:
            return Standing.ENDED
        began = await self._log.signals_named(record.id, (SESSION_STARTED.name,), 1)
        process = str(began[0].signal.context.get("process", "")) if began else ""
        if not process or not self._processes.is_here(process):
            return Standing.UNKNOWN
        return Standing.CUT_OFF if self._processes.is_gone(process) else Standing.OPEN

    async def check_deletable(self, record: SessionRecord, *, may_live: bool = False) -> None:
        """Make sure that nobody writes to a session any more.

        Args:
            may_live: whether one whose process cannot be seen from here counts as over, since a person said so.

        Raises:
            SessionLives: somebody does, or may do so.
        """
        standing = await self.standing(record)
        if standing is Standing.OPEN:
            raise SessionLives(f"The session {record.id} is open.", "End it first; nothing was deleted.")
        if standing is Standing.UNKNOWN and not may_live:
            raise SessionLives(
                f"The session {record.id} has no end, and its process on {record.host} cannot be seen from here.",
                "Nothing was deleted. Say --ended if you know that it has ended.",
            )


async def delete_session(log: SignalLog, record: SessionRecord, bus: SignalBus, person: str) -> int:
    """Delete a session that was checked, and tell of it; returns how many signals it had.

    Raises:
        StoreError: the database cannot be written; a part of the signals may be deleted.
    """
    signals = await log.delete_session(record.id)
    bus.emit(SESSION_DELETED({"session": record.id, "signals": signals, "by": person}))
    return signals
