"""A job in the hands of a worker: what it took, from whom, and what it has room for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evolver_tui.core.job import AUTHOR
from evolver_tui.core.routine_state import DeferredEvent, SharedState
from evolver_tui.core.task import Task
from evolver_tui.core.worker_identity import WorkerIdentity

BUILT_IN_ROUTINES: Mapping[str, str] = {AUTHOR: ""}
"""What a worker that knows the built-in author alone tells `claim`."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A worker that held a job and neither ended it nor gave it back."""

    owner: WorkerIdentity
    """The process, as it named itself in `claim`."""
    has_ended: bool
    """Whether its end is proven; if not, its lease came to an end, and it may live."""
    takeovers: int
    """How often the job was taken over so, this time included, since a person last answered or retried it."""
    how: str = ""
    """How it ended, where somebody has seen that, e.g. "was ended by signal 9 (SIGKILL)"."""

    def __str__(self) -> str:
        """Which process it was and how it left, as a part of a sentence."""
        how = "ended in the middle of it" if self.has_ended else "was not heard of until its lease was over"
        return f"{self.owner.shown} {self.how or how}"


class Place(NamedTuple):
    """Where in the queue a job waited."""

    rank: int
    since: float
    """From when on, in seconds since 1970 by the database's clock."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker takes at this moment."""

    resumed: Collection[str] | None = None
    """Routines whose resumed jobs it takes; None for those of every routine that it can run."""
    generates: bool = True
    """Whether it takes jobs that are new or wait for their turn at the model."""
    held: Collection[int] = ()
    """What it holds already: not left behind, even where the lease has ended meanwhile."""
    apart: Collection[int] = ()
    """Jobs that wait for something that does not work."""
    turns: bool = False
    """Whether it takes the author's jobs that wait for their turn at the model, where it takes no new ones."""

    def resumed_of(self, routines: Collection[str]) -> Collection[str]:
        """Those of a worker's routines whose resumed jobs it takes."""
        return routines if self.resumed is None else self.resumed


ALL_ROOM = Room()


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds. `fence` goes with every write; a stale one is refused."""

    job: int
    fence: int
    task: Task
    attempt: int
    journal: Mapping[str, Any]
    """Name to JSON value of every journaled step, and to the answer of every answered question."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Name to the digest of the arguments with which a step was done; without those of which it is not known."""
    routine: str = AUTHOR
    """Which routine works on it."""
    source_hash: str = ""
    """Of the routine's source, as this worker named it when it took the job; kept with the job."""
    source_changed: bool = False
    """Whether the routine's source is another one than when the job was taken up before."""
    deferred: Sequence[DeferredEvent] = ()
    """What was deferred and not yet told, in order."""
    shared: SharedState = field(default_factory=SharedState)
    is_resumed: bool = False
    """Whether it was begun before (answered, tried again, left behind) and is not known to need the model next."""
    left_behind: LeftBehind | None = None
    """Whose work goes on with this claim; None for a job that waited."""
    takeovers: int = 0
    """How often it was taken over since a person last answered or retried it."""
    place: Place | None = None
    """Where it waited; None for one that somebody else held."""
