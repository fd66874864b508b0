"""Signals of a session: its beginning and end, its box, its log, its workers."""

from typing import Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue.common_payloads import ByPerson, Failure, Nothing, Notice


class SessionStarted(TypedDict):
    """Who writes, and on which host."""

    backend: str
    host: str


class SessionExported(TypedDict):
    """Which file was written."""

    path: str
    format: str


class SessionDeleted(TypedDict):
    """Which session, how many signals it had told, and who deleted it."""

    session: str
    signals: int
    by: str


class WorkerEnded(TypedDict):
    """Which process, how it ended, the jobs that it held, and what it wrote last."""

    pid: int
    how: str
    jobs: list[int]
    last_words: NotRequired[str]


class WorkerPaused(TypedDict):
    """What does not work and why, also in a few words, the seconds to the next try, and how many were in vain."""

    shared: str
    error: str
    brief: str
    retry_in: float
    tries: int


class WorkerResumed(TypedDict):
    """What works again, and for how many seconds it did not."""

    shared: str
    seconds: float


class BudgetNear(TypedDict):
    """Whose bound (`day` or `session`), what was spent of it, in which unit (a currency or `tokens`), and as words."""

    scope: str
    spent: float
    limit: float
    unit: str
    notice: str


class BudgetAllowed(TypedDict):
    """Whose bound, who allowed as much again, and what was spent by then."""

    scope: str
    by: str
    spent: float


class SignalsLost(TypedDict):
    """How many are missing."""

    signals: int


class BoxFound(TypedDict):
    """How: `full`, `guard` or `none`; why not better, and what would raise it."""

    tier: str
    reason: NotRequired[str]
    way_out: NotRequired[str]


SESSION_STARTED: Final = SignalType(
    "session.started", SessionStarted, "session", "A session opened the database and begins."
)
SESSION_ENDED: Final = SignalType("session.ended", Nothing, "session", "A session ends in order.")
SESSION_EXPORTED: Final = SignalType(
    "session.exported", SessionExported, "session", "A session's log was written to a file."
)
SESSION_DELETED: Final = SignalType(
    "session.deleted", SessionDeleted, "session", "A person deleted a past session with its signals; its jobs stay."
)
SANDBOX_STANDING: Final = SignalType(
    "sandbox.standing",
    BoxFound,
    "session",
    "It was found how nodes are held here; a warning where nothing holds them.",
    "info",
)
SANDBOX_UNHELD: Final = SignalType(
    "sandbox.unheld",
    ByPerson,
    "session",
    "A person lets nodes run here without a box until the session ends.",
    "warning",
)
CONFIG_NOTICE: Final = SignalType(
    "config.notice", Notice, "session", "Something that the config names cannot be used as it stands.", "warning"
)
WORKER_PAUSED: Final = SignalType(
    "worker.paused", WorkerPaused, "worker", "Something shared does not work; what needs it waits.", "warning"
)
WORKER_RESUMED: Final = SignalType(
    "worker.resumed", WorkerResumed, "worker", "What is shared works again; what waited goes on.", "info"
)
BUDGET_NEAR: Final = SignalType(
    "budget.near", BudgetNear, "budget", "So much is spent that the author will pause before long.", "warning"
)
BUDGET_ALLOWED: Final = SignalType(
    "budget.allowed", BudgetAllowed, "budget", "A person lets the author go on over a bound that is used up."
)
WORKER_ENDED: Final = SignalType(
    "worker.ended",
    WorkerEnded,
    "worker process",
    "The process of other people's routines ended in the middle of jobs.",
    "warning",
)
LOG_ERROR: Final = SignalType(
    "log.error",
    Failure,
    "session",
    "Signals cannot be logged at this moment; told once until that goes again.",
    "error",
)
SIGNALS_LOST: Final = SignalType(
    "log.signals_lost", SignalsLost, "database", "The database was away so long that signals were not logged.", "error"
)
