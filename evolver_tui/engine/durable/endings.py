"""What ends a worker's hold on a job, and what ends the job: leases, takings-over, attempts and retries.

A worker holds a job under a lease, which it renews while it works, and every write carries the fencing number of its
claim. The hold ends

- when the routine comes to its end or to a question, or is cancelled (`ending_of`);
- when the lease was not renewed in time, or its holder is proven to have ended (`is_free`): then the next worker takes
  the job over, which counts, until a person answers or retries the job;
- when that happened too often: the job fails with `given_up`.

An attempt is one time that a job is queued: a person's retry begins the next one. `Retry` is how often one step is
tried within an attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from evolver_tui.core.address import show_addresses
from evolver_tui.core.claim import LeftBehind
from evolver_tui.core.errors import MODEL, EvolverError, GenerationStopped, StoreError
from evolver_tui.core.job import is_built_in

# --- leases

LEASE_SECONDS: Final = 30.0
"""How long a worker holds a job that it does not renew."""
RENEW_SECONDS: Final = LEASE_SECONDS / 3
"""How often it renews what it holds."""
LONGEST_LEASE_SECONDS: Final = 7200.0
"""A lease that would last longer was given by a clock that was wrong: it is cut."""


def is_free(owner: str | None, expires: float | None, now: float, has_ended: Callable[[str], bool]) -> bool:
    """Whether nobody works on a running job any longer.

    Args:
        expires: when its lease ends, in seconds since 1970 by the database's clock, as `now` is.
        has_ended: whether it is proven that this owner's process has ended.
    """
    return owner is None or expires is None or expires <= now or has_ended(owner)


# --- takings-over

MAX_TAKEOVERS: Final = 3
"""How often a job is taken over from workers that left it behind, unless the config says otherwise."""
SUSPECT_TAKEOVERS: Final = 2


def goes_alone(routine: str, takeovers: int) -> bool:
    """Whether a job is held with no other beside it: a plug-in's may be what ends its process, and all in it."""
    return not is_built_in(routine) and takeovers >= SUSPECT_TAKEOVERS


def given_up(left_behind: LeftBehind, last_step: str | None) -> str:
    """Why a job fails that workers die over.

    Args:
        last_step: the name of the last step that was done; None where none was.
    """
    where = "before its first step was done" if last_step is None else f"after the step {last_step!a}"
    times = "once" if left_behind.takeovers == 1 else f"{left_behind.takeovers} times"
    return (
        f"Its worker was lost over it {times}, {where}: the last one, {left_behind}. A crash, a lack of memory, a kill,"
        " or a routine that ends its process does that. Look for the cause, then retry it; finished steps are kept."
    )


# --- attempts at a step


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried, and how long it waits between two tries: `first_wait`, then `factor` times more."""

    attempts: int = 3
    first_wait: float = 1.0
    """Seconds."""
    factor: float = 2.0
    longest_wait: float = 30.0
    """Seconds."""
    on: tuple[type[Exception], ...] = (EvolverError, OSError)
    """What is worth another try; a step that ran out of time counts as an EvolverError."""

    def wait_after(self, attempt: int) -> float:
        """Seconds to wait after a failed attempt, the first being 1."""
        return min(self.first_wait * self.factor ** (attempt - 1), self.longest_wait)


ONCE: Final = Retry(attempts=1)


# --- the end of a routine's run


class Suspended(BaseException):
    """The routine stopped at a question that is committed. Not an Exception: no routine swallows it by accident."""


class Needs(BaseException):
    """The routine came to where it uses something that it may not use here: it is given back, to wait for that."""

    def __init__(self, shared: str) -> None:
        super().__init__(shared)
        self.shared = shared


class Ending(Enum):
    """What becomes of a job after its routine ran."""

    COMPLETED = auto()
    FAILED = auto()
    ASKS = auto()
    """Its question is committed, and it waits for a person."""
    WAITS_FOR_TURN = auto()
    """It came to where it uses something that is busy, or does not work."""
    PAUSED = auto()
    """It met something that does not work, and that other jobs need as well: no fault of its own."""
    GIVEN_BACK = auto()
    """It waits for a worker, as it is."""


def ending_of(routine: asyncio.Task[Any], store_error: StoreError | None) -> tuple[Ending, str]:
    """How a routine's run ended, and the reason where it failed, or what it waits for.

    Args:
        store_error: what the database said to the routine's last write that it refused; a routine may raise such
            errors of its own.
    """
    if routine.cancelled():
        if routine.cancelling():
            return Ending.GIVEN_BACK, ""
        return Ending.FAILED, "The routine cancelled itself."  # given back, it would come again at once
    match routine.exception():
        case None:
            return Ending.COMPLETED, ""
        case Suspended():
            return Ending.ASKS, ""
        case Needs() as needs:
            return Ending.WAITS_FOR_TURN, needs.shared
        case StoreError() as error if error is store_error:
            return Ending.GIVEN_BACK, ""
        case EvolverError() as error:
            return Ending.PAUSED if error.shared else Ending.FAILED, str(error)
        case error:  # a plug-in's or our own mistake ends one job, not the worker
            return Ending.FAILED, f"The routine itself failed: {in_words(error)}."


def unproven(routine: asyncio.Task[Any]) -> str:
    """What of that which jobs share a routine that ended has not shown to work; empty for nothing."""
    fault = None if routine.cancelled() else routine.exception()
    if isinstance(fault, GenerationStopped):
        return MODEL
    return fault.shared if isinstance(fault, EvolverError) else ""


def in_words(error: BaseException | None) -> str:
    """A stranger's exception in words, whatever its own text does."""
    try:
        return f"{type(error).__name__}: {show_addresses(str(error))}"
    except Exception:  # noqa: BLE001 - whatever its text does
        return type(error).__name__
