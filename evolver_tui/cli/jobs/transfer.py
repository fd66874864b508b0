"""Exporting one job into a file or a storage, and importing it from there.

The database goes first, both ways: a job is `exported` before its bundle is written, and its bundle is removed from a
storage after the job came in. What is broken off in between can be done again by the same command, and loses nothing.
"""

from __future__ import annotations

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.jobs.bundles import BundleSource, BundleTarget
from evolver_tui.cli.jobs.reading import find_job, job_label, job_of_task, with_open
from evolver_tui.cli.output import Result
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import BundleError, EvolverError, StoreError, UsageError
from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.task import Task
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import Store


def export_job(store: Store, inbox: Inbox, name: str, target: BundleTarget) -> Result:
    """Export a waiting job; one that was exported already gives the same bundle again.

    Raises:
        UsageError: another bundle lies there; nothing was changed.
        NotWaiting: the job runs, is over, or is unknown.
        StoreError: the bundle could not be written; the job is exported, and the same command writes it again.
    """
    held = target.bundle_id()
    row, bundle = with_open(store, lambda: _exported(store, inbox, name, held))
    left = f"{job_label(row)} has left the queue here, and its bundle is kept in the database."
    again = "Then run the same command again: it writes the same bundle."
    try:
        place = target.write(bundle)
    except EvolverError as error:
        raise StoreError(f"{error.message} {left}", f"{error.way_out} {again}".strip()) from None
    except KeyboardInterrupt:
        not_written = f"{left} It was not written. To write it, run the same command again."
        return Result(None, message=not_written, exit_code=ExitCode.INTERRUPTED)
    where = safe_text(place or "standard output", 500)
    value = {"job": row.job, "task_id": row.task_id, "bundle": bundle.id, "to": place} if place else None
    return Result(value, message=f"{job_label(row)} left for {where}. Import it where it is to go on.")


async def _exported(store: Store, inbox: Inbox, name: str, held: str) -> tuple[QueueRow, Bundle]:
    """The job as it was before, and its bundle. What lies where that is to be put has to be this bundle, or nothing."""
    detail = await find_job(store, name)
    if held and (detail.row.state is not JobState.EXPORTED or detail.bundle != held):
        raise UsageError("There is another job's bundle already.", "Name another file; nothing was changed.")
    return detail.row, await inbox.export_job(detail.row.job)


def import_job(store: Store, inbox: Inbox, source: BundleSource) -> Result:
    """Import a job in the state in which it was exported; exit code 1 where its bundle still lies in a storage.

    An import that was broken off before the bundle was removed is brought to its end by the next one.

    Raises:
        BundleError: the bundle cannot be used, or its job came in before.
    """
    bundle = source.read()
    row, refusal = with_open(store, lambda: _imported(store, inbox, bundle))
    is_well, sentence = source.remove()
    if refusal is not None:
        raise BundleError(refusal.message, sentence or refusal.way_out)
    value = {
        "job": row.job,
        "task_id": row.task_id,
        "state": row.state.value,
        "bundle": bundle.id,
        "exported_by": bundle.exported_by,
        "host": bundle.host,
    }
    sender = f"{safe_text(bundle.exported_by, 100)} on {safe_text(bundle.host, 100)}"
    message = f"{job_label(row)} came in from {sender}; it is {row.state.value}. {sentence}"
    return Result(value, str(row.job), message.strip(), ExitCode.DONE if is_well else ExitCode.FAILED)


async def _imported(store: Store, inbox: Inbox, bundle: Bundle) -> tuple[QueueRow, BundleError | None]:
    """The job that is here, and what is said where it came in with this very bundle before. Raises BundleError."""
    try:
        job = await inbox.import_job(bundle)
    except BundleError as refusal:
        came = await job_of_task(store, Task.from_raw(bundle.job_state["task"]).id)
        if came is None or came.bundle != bundle.id or came.row.state is JobState.EXPORTED:
            raise
        return came.row, refusal
    row = await store.row(job)
    assert row is not None  # it came in a moment ago, and rows are never removed
    return row, None
