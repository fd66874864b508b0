"""How one job leaves for a file or a storage, and comes in from there.

The database goes first, both ways: a job is `exported` before its bundle is written, and its bundle is removed from a
storage after the job came in. What is broken off in between can be done again by the same command, and loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from evolver_tui.cli.job_commands import DONE, FAILED, INTERRUPTED, JobResult, find_job, job_of_task, job_shown
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import BundleError, EvolverError, StoreError, UsageError
from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.task import Task
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import Store


class BundleTarget(Protocol):
    """Where a bundle can be put. Calls block."""

    def held(self) -> str:
        """The id of the bundle that lies there; empty for none. Raises UsageError where no bundle can be put."""

    def put(self, bundle: Bundle) -> str:
        """Write it; returns where, or nothing where that was standard output. Raises StoreError."""


class BundleSource(Protocol):
    """Where a bundle lies. Calls block."""

    def take(self) -> Bundle:
        """Read it. Raises UsageError, StoreError, BundleError."""

    def let_go(self) -> tuple[bool, str]:
        """Remove it from a storage, as its job is here; a file stays.

        Returns:
            Whether all is well, and what is to be said, in sentences or not at all.
        """


@dataclass(frozen=True, slots=True)
class Departure:
    """A job that is `exported`, and its bundle."""

    row: QueueRow
    bundle: Bundle


async def depart(store: Store, inbox: Inbox, name: str, held: str) -> Departure:
    """Let a waiting job leave; one that left already gives the same bundle again.

    Args:
        held: the id of the bundle that lies where this one is to be put; empty for none.

    Raises:
        UsageError: another bundle lies there; nothing was changed.
        NotWaiting: the job runs, is over, or is unknown.
    """
    detail = await find_job(store, name)
    if held and (detail.row.state is not JobState.EXPORTED or detail.bundle != held):
        raise UsageError("There is another job's bundle already.", "Name another file; nothing was changed.")
    return Departure(detail.row, await inbox.export_job(detail.row.job))


def hand_over(departure: Departure, target: BundleTarget) -> JobResult:
    """Put the bundle of a job that left where it belongs.

    Raises:
        StoreError: it could not be written; the job is exported and the same command writes it again.
    """
    row, bundle = departure.row, departure.bundle
    left = f"{job_shown(row)} has left the queue here, and its bundle is kept in the database."
    again = "Then run the same command again: it writes the same bundle."
    try:
        place = target.put(bundle)
    except EvolverError as error:
        raise StoreError(f"{error.message} {left}", f"{error.way_out} {again}".strip()) from None
    except KeyboardInterrupt:
        return JobResult(
            None, said=f"{left} It was not written. To write it, run the same command again.", exit_code=INTERRUPTED
        )
    said = f"{job_shown(row)} left for {safe_text(place or 'standard output', 500)}. Import it where it is to go on."
    value: dict[str, Any] = {"job": row.job, "task_id": row.task_id, "bundle": bundle.id, "to": place}
    return JobResult(value if place else None, said=said)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job that is here."""

    row: QueueRow
    bundle: Bundle
    refusal: BundleError | None = None
    """What is said where it came in before."""


async def arrive(store: Store, inbox: Inbox, bundle: Bundle) -> Arrival:
    """Let a job come in, in the state in which it left. Raises BundleError, unless this very bundle came in before."""
    try:
        job = await inbox.import_job(bundle)
    except BundleError as refusal:
        came = await job_of_task(store, Task.from_raw(bundle.job_state["task"]).id)
        if came is None or came.bundle != bundle.id or came.row.state is JobState.EXPORTED:
            raise
        return Arrival(came.row, bundle, refusal)
    row = await store.row(job)
    assert row is not None  # it came in a moment ago, and rows are never removed
    return Arrival(row, bundle)


def settle_in(arrival: Arrival, source: BundleSource) -> JobResult:
    """Remove the bundle of a job that is here; exit code 1 where it still lies there.

    An import that was broken off before that is brought to its end by the next one.

    Raises:
        BundleError: the job came in before.
    """
    row, bundle = arrival.row, arrival.bundle
    is_well, sentence = source.let_go()
    if arrival.refusal is not None:
        raise BundleError(arrival.refusal.message, sentence or arrival.refusal.way_out)
    value = {
        "job": row.job,
        "task_id": row.task_id,
        "state": row.state.value,
        "bundle": bundle.id,
        "exported_by": bundle.exported_by,
        "host": bundle.host,
    }
    sender = f"{safe_text(bundle.exported_by, 100)} on {safe_text(bundle.host, 100)}"
    said = f"{job_shown(row)} came in from {sender}; it is {row.state.value}."
    return JobResult(value, str(row.job), f"{said} {sentence}".strip(), DONE if is_well else FAILED)
