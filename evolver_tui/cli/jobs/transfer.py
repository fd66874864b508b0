"""Exporting one job into a file or a storage, and importing it from there.

The database goes first, both ways: a job is `exported` before its bundle is written, and its bundle is removed from a
storage after the job came in. What is broken off in between can be done again by the same command, and loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.jobs.operations import find_job, job_label, job_of_task
from evolver_tui.cli.output import Result
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import BundleError, EvolverError, StoreError, UsageError
from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.task import Task
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import Store


class BundleTarget(Protocol):
    """Where a bundle can be put. Calls block."""

    def bundle_id(self) -> str:
        """The id of the bundle that lies there; empty for none. Raises UsageError where no bundle can be put."""

    def write(self, bundle: Bundle) -> str:
        """Write it; returns where, or nothing where that was standard output. Raises StoreError."""


class BundleSource(Protocol):
    """Where a bundle lies. Calls block."""

    def read(self) -> Bundle:
        """Read it. Raises UsageError, StoreError, BundleError."""

    def remove(self) -> tuple[bool, str]:
        """Remove it from a storage, as its job is here; a file stays.

        Returns:
            Whether all is well, and what is to be said, in sentences or not at all.
        """


@dataclass(frozen=True, slots=True)
class ExportedJob:
    """A job that is `exported`, and its bundle."""

    row: QueueRow
    bundle: Bundle


async def export_job(store: Store, inbox: Inbox, name: str, held: str) -> ExportedJob:
    """Export a waiting job; one that was exported already gives the same bundle again.

    Args:
        held: the id of the bundle that lies where this one is to be put; empty for none.

    Raises:
        UsageError: another bundle lies there; nothing was changed.
        NotWaiting: the job runs, is over, or is unknown.
    """
    detail = await find_job(store, name)
    if held and (detail.row.state is not JobState.EXPORTED or detail.bundle != held):
        raise UsageError("There is another job's bundle already.", "Name another file; nothing was changed.")
    return ExportedJob(detail.row, await inbox.export_job(detail.row.job))


def write_bundle(exported: ExportedJob, target: BundleTarget) -> Result:
    """Write the bundle of an exported job where it belongs.

    Raises:
        StoreError: it could not be written; the job is exported and the same command writes it again.
    """
    row, bundle = exported.row, exported.bundle
    left = f"{job_label(row)} has left the queue here, and its bundle is kept in the database."
    again = "Then run the same command again: it writes the same bundle."
    try:
        place = target.write(bundle)
    except EvolverError as error:
        raise StoreError(f"{error.message} {left}", f"{error.way_out} {again}".strip()) from None
    except KeyboardInterrupt:
        return Result(
            None,
            message=f"{left} It was not written. To write it, run the same command again.",
            exit_code=ExitCode.INTERRUPTED,
        )
    where = safe_text(place or "standard output", 500)
    value: dict[str, Any] = {"job": row.job, "task_id": row.task_id, "bundle": bundle.id, "to": place}
    return Result(
        value if place else None, message=f"{job_label(row)} left for {where}. Import it where it is to go on."
    )


@dataclass(frozen=True, slots=True)
class ImportedJob:
    """A job that is here, and the bundle that it came in."""

    row: QueueRow
    bundle: Bundle
    refusal: BundleError | None = None
    """What is said where it came in before."""


async def import_job(store: Store, inbox: Inbox, bundle: Bundle) -> ImportedJob:
    """Import a job in the state in which it was exported. Raises BundleError, unless this bundle came in before."""
    try:
        job = await inbox.import_job(bundle)
    except BundleError as refusal:
        came = await job_of_task(store, Task.from_raw(bundle.job_state["task"]).id)
        if came is None or came.bundle != bundle.id or came.row.state is JobState.EXPORTED:
            raise
        return ImportedJob(came.row, bundle, refusal)
    row = await store.row(job)
    assert row is not None  # it came in a moment ago, and rows are never removed
    return ImportedJob(row, bundle)


def finish_import(imported: ImportedJob, source: BundleSource) -> Result:
    """Remove the bundle of a job that is here; exit code 1 where it still lies there.

    An import that was broken off before that is brought to its end by the next one.

    Raises:
        BundleError: the job came in before.
    """
    row, bundle = imported.row, imported.bundle
    is_well, sentence = source.remove()
    if imported.refusal is not None:
        raise BundleError(imported.refusal.message, sentence or imported.refusal.way_out)
    value = {
        "job": row.job,
        "task_id": row.task_id,
        "state": row.state.value,
        "bundle": bundle.id,
        "exported_by": bundle.exported_by,
        "host": bundle.host,
    }
    sender = f"{safe_text(bundle.exported_by, 100)} on {safe_text(bundle.host, 100)}"
    message = f"{job_label(row)} came in from {sender}; it is {row.state.value}."
    return Result(value, str(row.job), f"{message} {sentence}".strip(), ExitCode.DONE if is_well else ExitCode.FAILED)
