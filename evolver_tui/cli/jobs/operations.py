"""What `evolver-tui jobs ...` does, without arguments being parsed or anything printed. No worker runs here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from evolver_tui.cli.jobs import views
from evolver_tui.cli.jobs.answers import FormInput, answer_content
from evolver_tui.cli.jobs.question_kinds import text_of
from evolver_tui.cli.jobs.views import JobView
from evolver_tui.cli.output import Result, table
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NodeChanged, NodeError, NotWaiting, UsageError
from evolver_tui.core.job import JobDetail, JobState, QueueKey, QueueRow, is_built_in
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import utc_text
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import Store

_PAGE = 1_000

T = TypeVar("T")


def with_open(store: Store, work: Callable[[], Awaitable[T]]) -> T:
    """Do this while the store is open."""

    async def do() -> T:
        await store.open()
        try:
            return await work()
        finally:
            await store.close()

    return asyncio.run(do())


# --- finding ---------------------------------------------------------------------------------------------------------


async def find_job(store: Store, name: str) -> JobDetail:
    """The job of this number or task id; `job:` or `task:` before it says which of both is meant.

    Raises:
        NotWaiting: there is none.
        UsageError: one job has this number and another this task id.
    """
    kind, separator, rest = name.partition(":")
    is_kind_given = bool(separator) and kind in ("job", "task")
    wanted = rest if is_kind_given else name
    by_number = await _by_number(store, wanted) if not is_kind_given or kind == "job" else None
    by_task = await job_of_task(store, wanted) if not is_kind_given or kind == "task" else None
    if by_number is not None and by_task is not None and by_number.row.job != by_task.row.job:
        shown = safe_text(wanted, 40)
        raise UsageError(
            f"{shown} is the number of job {by_number.row.job} and the task id of job {by_task.row.job}.",
            f"Write job:{shown} or task:{shown}.",
        )
    found = by_number or by_task
    if found is None:
        raise NotWaiting(f"There is no job {safe_text(name, 100)}.", "See `evolver-tui jobs list`.")
    return found


async def _by_number(store: Store, text: str) -> JobDetail | None:
    return await store.job(int(text)) if text.isascii() and text.isdecimal() and len(text) < 20 else None


async def job_of_task(store: Store, task_id: str) -> JobDetail | None:
    """The job of this task, or None."""
    job = await store.job_of_task(task_id) if task_id else None
    return None if job is None else await store.job(job)


def job_label(row: QueueRow) -> str:
    """A job as a sentence begins with it."""
    return f"Job {row.job} ({safe_text(row.task_id, 100)})"


# --- reading ---------------------------------------------------------------------------------------------------------


async def list_jobs(store: Store, states: Collection[JobState], limit: int, now: float) -> Result:
    """Jobs in the queue's order.

    Args:
        states: only jobs in these; empty for all.
        limit: at most so many.
        now: seconds since 1970.
    """
    rows: list[QueueRow] = []
    key: QueueKey | None = None
    there = await _count(store, states)
    while len(rows) < min(limit, there) and (page := await store.rows_after(key, _PAGE)):
        rows += [row for row in page if not states or row.state in states]
        key = page[-1].key
    del rows[limit:]
    cells = [("JOB", "STATE", "AGE", "TASK", "NAME"), *(views.row_cells(row, now) for row in rows)]
    kind = f" {' or '.join(sorted(states))}" if states else ""
    return _listing([views.row_value(row) for row in rows], there, cells, f"There is no{kind} job.")


async def _count(store: Store, states: Collection[JobState]) -> int:
    counts = await store.counts()
    of_state = {
        JobState.PENDING: counts.waiting,
        JobState.RUNNING: counts.running,
        JobState.PAUSED: counts.needs_you,
        JobState.COMPLETED: counts.approved + counts.rejected + counts.skipped + counts.stored + counts.done,
        JobState.FAILED: counts.failed,
        JobState.CANCELLED: counts.cancelled,
        JobState.EXPORTED: counts.exported,
    }
    return sum(of_state[state] for state in states or JobState)


async def list_questions(store: Store, limit: int, now: float) -> Result:
    """What needs a person, asked longest ago first."""
    questions = await store.open_questions(limit)
    there = max(len(questions), (await store.counts()).needs_you)
    cells = [("JOB", "FOR", "AGE", "TASK", "QUESTION"), *(views.open_cells(question, now) for question in questions)]
    return _listing([views.open_value(question) for question in questions], there, cells, "Nothing needs you.")


def _listing(jobs: Sequence[Mapping[str, Any]], there: int, cells: Sequence[Sequence[str]], if_none: str) -> Result:
    """Jobs of which so many are there, and their table with its head."""
    value = {"jobs": jobs, "total": there}
    if not jobs:
        return Result(value, message=if_none)
    cut = f"{len(jobs):,} of {there:,} are shown; --limit shows more." if len(jobs) < there else ""
    return Result(value, table(cells), cut)


async def show_job(store: Store, name: str, now: float) -> Result:
    """One job with everything that is known about it."""
    detail = await find_job(store, name)
    job = detail.row.job
    view = JobView(
        detail,
        await store.open_question_of(job),
        await store.pauses_of(job),
        await store.journal(job),
        await store.shared_of(job),
    )
    return Result(view.to_json_value(), "\n".join(view.lines(now)))


# --- answering -------------------------------------------------------------------------------------------------------


async def answer_job(store: Store, inbox: Inbox, name: str, content: FormInput, *, decline: bool) -> Result:
    """Answer what a job asks.

    Args:
        content: the form's fields as they were typed, or as JSON.
        decline: refuse to answer; then there is no content.

    Raises:
        UsageError: the content does not fit the form.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to answer.
    """
    if decline and content:
        raise UsageError("To decline is to give no answer.", "Leave out either --decline or the fields.")
    detail = await find_job(store, name)
    question = await _open_question(store, detail)
    _expect(Answer, question, detail)
    accept = None if decline else Answer(AnswerAction.ACCEPT, answer_content(question.question, content))
    answer = accept or Answer(AnswerAction.DECLINE)
    await inbox.answer(question.id, answer)
    did = "The question was declined" if decline else "The answer is kept"
    value = {**_identity(detail.row), "question": question.question.name, **answer.to_json_value()}
    return Result(value, message=f"{did}: {job_label(detail.row)} goes on as soon as {_worker(detail)} takes it up.")


def _worker(detail: JobDetail) -> str:
    """Who can go on with a job."""
    if is_built_in(detail.routine):
        return "a worker"
    return f"a worker that knows the routine {safe_text(detail.routine, 100)}"


async def _open_question(store: Store, detail: JobDetail) -> OpenQuestion:
    row = detail.row
    question = await store.open_question_of(row.job)
    if question is not None:
        return question
    answered = [pause for pause in await store.pauses_of(row.job) if pause.answered_at is not None]
    last = ""
    if answered:
        by, at = safe_text(answered[-1].answered_by, 100), utc_text(answered[-1].answered_at or 0.0)
        last = f" {safe_text(answered[-1].question, 100)!r} was answered by {by} at {at}."
    raise NotWaiting(f"{job_label(row)} asks nothing: it is {views.state_text(row)}.{last}", "Nothing was changed.")


# --- deciding --------------------------------------------------------------------------------------------------------


async def approve_job(store: Store, inbox: Inbox, name: str, sha256: str | None = None) -> Result:
    """Approve the draft that is there.

    Args:
        sha256: the digest of the draft that was read; None takes the one that is there.

    Raises:
        NodeChanged: another draft is there.
        NodeError: a check forbids it.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to decide.
    """
    detail, question, _ = await _review(store, name)
    subject = ReviewSubject.of(await inbox.as_of_now(question))
    draft = subject.draft
    if sha256 is not None and sha256.lower() != draft.sha256:
        raise NodeChanged(
            f"{job_label(detail.row)} has another draft: its sha256 is {draft.sha256}.", "Read it, then decide."
        )
    approve = Decision(DecisionKind.APPROVE, sha256=draft.sha256, replaces=subject.replaced_sha256)
    await inbox.decide(question.id, approve)
    value = {
        **_identity(detail.row),
        "decision": DecisionKind.APPROVE.value,
        "node_id": draft.node_id,
        "version": subject.version,
        "sha256": draft.sha256,
    }
    message = f"{job_label(detail.row)} is approved; it is saved as soon as a worker takes it up."
    return Result(value, f"{safe_text(draft.node_id, 100)} v{subject.version} {draft.sha256}", message)


async def decide_job(store: Store, inbox: Inbox, name: str, decision: Decision) -> Result:
    """Reject a draft, answer it in words, or put other code in its place, which is reviewed again.

    Raises:
        NodeError: an edit without code, or a response without words.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to decide.
    """
    detail, question, subject = await _review(store, name)
    await inbox.decide(question.id, decision)
    value = {**_identity(detail.row), "decision": decision.kind.value, "node_id": subject.draft.node_id}
    if decision.reason:
        value["reason"] = decision.reason
    goes_back = bool(decision.reason) and subject.rejects_left != 0
    message = {
        DecisionKind.EDIT: "is edited; the code is checked and comes back for a review",
        DecisionKind.RESPOND: "goes back to the author with these words",
        DecisionKind.REJECT: "goes back to the author" if goes_back else "is rejected, and its task ends",
    }[decision.kind]
    return Result(value, message=f"{job_label(detail.row)} {message}.")


async def _review(store: Store, name: str) -> tuple[JobDetail, OpenQuestion, ReviewSubject]:
    detail = await find_job(store, name)
    question = await _open_question(store, detail)
    _expect(Decision, question, detail)
    if not isinstance(question.subject, ReviewSubject):
        raise NodeError(f"The review of job {detail.row.job} holds no draft.", "Use `evolver-tui jobs cancel`.")
    return detail, question, question.subject


def _expect(answer_type: type, question: OpenQuestion, detail: JobDetail) -> None:
    """Make sure that a question is answered in this way. Raises NotWaiting."""
    kind = question.question.kind
    if kind_of(kind).answer_type is not answer_type:
        text = text_of(kind)
        raise NotWaiting(f"{job_label(detail.row)} {text.waits}", text.way_out.format(job=detail.row.job))


# --- ending, trying again, moving ------------------------------------------------------------------------------------


async def cancel_job(store: Store, inbox: Inbox, name: str) -> Result:
    """End a job, whether it waits or runs. Raises NotWaiting."""
    detail = await find_job(store, name)
    await inbox.cancel(detail.row.job)
    return _state(detail.row, JobState.CANCELLED, "is cancelled")


async def retry_job(store: Store, inbox: Inbox, name: str) -> Result:
    """Queue a failed job again; what it had finished is kept. Raises NotWaiting."""
    detail = await find_job(store, name)
    await inbox.retry(detail.row.job)
    return _state(detail.row, JobState.PENDING, "is queued again")


async def restore_job(store: Store, inbox: Inbox, name: str) -> Result:
    """Put a rejected or cancelled job back where it was. Raises NotWaiting."""
    detail = await find_job(store, name)
    await inbox.restore(detail.row.job)
    row = await store.row(detail.row.job) or detail.row
    again = "waits for a person again" if row.state is JobState.PAUSED else "is queued again"
    return _state(row, row.state, f"is restored: it {again}")


def _state(row: QueueRow, state: JobState, what: str) -> Result:
    """Where a job stands now, and how that is said of it."""
    return Result({**_identity(row), "state": state.value}, message=f"{job_label(row)} {what}.")


def _identity(row: QueueRow) -> dict[str, Any]:
    return {"job": row.job, "task_id": row.task_id}
