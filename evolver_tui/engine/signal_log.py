"""The log of sessions and signals, as whoever writes and reads it needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError
from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.core.signal import Signal


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal as the log has it. `seq` counts up in the order in which it was committed."""

    seq: int
    session_id: str
    signal: Signal


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One run of the console or of `connect`."""

    id: str
    started_at: float
    ended_at: float | None
    """None while it runs, and for one that was killed."""
    hub_url: str
    """As it may be shown."""
    host: str


class LogReader(Protocol):
    """Sessions, and the signals that were emitted in each.

    Raises (every method): StoreError when the database cannot be used, with the way out.
    """

    async def sessions(self) -> Sequence[SessionRecord]:
        """Every session, oldest first."""

    async def signals(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[StoredSignal]:
        """A session's signals with `seq > after`, in order."""

    async def signals_before(
        self, session_id: str, seq: int | None = None, limit: int = 1000
    ) -> Sequence[StoredSignal]:
        """The last of a session's signals with a smaller `seq` (None: of all), in order."""

    async def seq_of(self, session_id: str, signal: Signal) -> int:
        """Where a signal that was told stands in a session's log: its `seq`.

        Where it does not stand there (yet), that of the latest one that is not younger; 0 without one.
        """

    async def signals_named(self, session_id: str, names: Sequence[str], limit: int = 1000) -> Sequence[StoredSignal]:
        """The first of a session's signals that have one of these names, in order."""

    async def figures(self, session_id: str) -> SessionFigures:
        """What a session came to, so far or at its end."""

    async def jobs_received(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[int]:
        """The jobs that came in with a session, beyond one, in order."""


class SignalLog(LogReader, Protocol):
    """The log, for whoever writes it as well."""

    async def start_session(self, session_id: str, hub_url: Address, host: str) -> None:
        """Record that a session began, with the hub's address as it may be shown."""

    async def end_session(self, session_id: str) -> None:
        """Record that it ended in order."""

    async def delete_session(self, session_id: str) -> int:
        """Delete a session and its signals, in pieces that hold nobody up; returns how many signals those were.

        Cut off in the middle it is still there, with what is left of it. Its jobs stay: they belong to the queue.
        """

    def log(self, signals: Sequence[Signal], session_id: str) -> None:
        """Write signals soon, in order and before anything that is asked for later. Callable in any thread.

        Holds the caller up while too many wait, unless that is because nothing can be written: then what is beyond the
        limit is lost, and counted. What comes after the end is left out.
        """

    def watch_log(self, listener: Callable[[StoreError], None]) -> None:
        """Call `listener`, in the loop's thread, when signals cannot be written, once until they can, and with how
        many were lost.
        """

    async def flush_log(self) -> None:
        """Return when all signals that wait are written. Raises StoreError where they cannot be now."""

    @property
    def log_trouble(self) -> str:
        """Why signals cannot be written at this moment; empty while they can."""
