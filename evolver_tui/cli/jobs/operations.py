"""What `evolver-tui jobs ...` changes, without arguments being parsed or anything printed. No worker runs here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evolver_tui.cli.jobs import views
from evolver_tui.cli.jobs.answers import FormInput, answer_content
from evolver_tui.cli.jobs.question_kinds import text_of
from evolver_tui.cli.jobs.question_kinds.kind_text import COMMAND
from evolver_tui.cli.jobs.reading import find_job, job_label
from evolver_tui.cli.jobs.remembered import made_value, made_words
from evolver_tui.cli.output import Result
from evolver_tui.core.answer_rule import Breadth
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NameNotTyped, NodeChanged, NodeError, NodeUsed, NotWaiting, UsageError
from evolver_tui.core.job import JobDetail, JobState, Outcome, QueueRow, is_built_in
from evolver_tui.core.likeness import node_of
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import utc_text
from evolver_tui.engine.answer_rules import AnswerRules
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import ReadStore, Store
from evolver_tui.engine.undo import words_of

# --- answering -------------------------------------------------------------------------------------------------------


class Remembering(NamedTuple):
    """How an answer is to be remembered."""

    rules: AnswerRules
    breadth: Breadth
    days: float | None
    """For how long; None for until it is revoked."""


async def answer_job(
    store: Store,
    inbox: Inbox,
    name: str,
    content: FormInput,
    *,
    decline: bool,
    alike: bool = False,
    remember: Remembering | None = None,
) -> Result:
    """Answer what a job asks.

    Args:
        content: the form's fields as they were typed, or as JSON.
        decline: refuse to answer; then there is no content.
        alike: give the same answer to all other jobs that ask the same.
        remember: have it given again by itself.

    Raises:
        UsageError: the content does not fit the form, or cannot be remembered like this.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to answer.
    """
    if decline and content:
        raise UsageError("To decline is to give no answer.", "Leave out either --decline or the fields.")
    detail = await find_job(store, name)
    question = await _open_question(store, detail)
    _expect(Answer, question, detail)
    accept = None if decline else Answer(AnswerAction.ACCEPT, answer_content(question.question, content))
    answer = accept or Answer(AnswerAction.DECLINE)
    if remember is not None:
        remember.rules.check(question, answer, remember.breadth)
    await inbox.answer(question.id, answer)
    did = "The question was declined" if decline else "The answer is kept"
    value = {**_identity(detail.row), "question": question.question.name, **answer.to_json_value()}
    message = f"{did}: {job_label(detail.row)} goes on as soon as {_worker(detail)} takes it up."
    if alike:
        others = await inbox.answer_alike(question.id, answer)
        value["alike"] = [each.job for each in others.answered]
        value["left_out"] = [each.job for each in others.left_out]
        message += f" {len(others.answered):,} that asked the same got it as well."
        if others.left_out:
            message += f" {len(others.left_out):,} had been answered by somebody else meanwhile."
    if remember is not None:
        made = await remember.rules.make(question, answer, remember.breadth, remember.days)
        value |= made_value(made)
        message += made_words(made)
    return Result(value, message=message)


def _worker(detail: JobDetail) -> str:
    """Who can go on with a job."""
    if is_built_in(detail.routine):
        return "a worker"
    return f"a worker that knows the routine {safe_text(detail.routine, 100)}"


async def _open_question(store: ReadStore, detail: JobDetail) -> OpenQuestion:
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


async def approve_job(store: Store, inbox: Inbox, name: str, sha256: str | None = None, typed_name: str = "") -> Result:
    """Approve the draft that is there.

    Args:
        sha256: the digest of the draft that was read; None takes the one that is there.
        typed_name: its node's, as a person typed it; a draft of high risk needs it.

    Raises:
        NodeChanged: another draft is there.
        UsageError: its risk is high, and its node's name was not given; or that of another was.
        NodeError: a check forbids it.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to decide.
    """
    detail, question, _ = await review_of_job(store, name)
    subject = ReviewSubject.of(await inbox.as_of_now(question))
    draft = subject.draft
    if sha256 is not None and sha256.lower() != draft.sha256:
        raise NodeChanged(
            f"{job_label(detail.row)} has another draft: its sha256 is {draft.sha256}.", "Read it, then decide."
        )
    approve = Decision(
        DecisionKind.APPROVE, sha256=draft.sha256, replaces=subject.replaced_sha256, typed_name=typed_name
    )
    try:
        await inbox.decide(question.id, approve)
    except NameNotTyped as error:
        way_out = f"Read it with `{COMMAND} show {question.job}`, then approve it with --name {draft.node_id}."
        raise UsageError(error.message, way_out) from None
    value = {
        **_identity(detail.row),
        "decision": DecisionKind.APPROVE.value,
        "node_id": draft.node_id,
        "version": subject.version,
        "sha256": draft.sha256,
    }
    message = f"{job_label(detail.row)} is approved; it is saved as soon as a worker takes it up."
    return Result(value, f"{safe_text(draft.node_id, 100)} v{subject.version} {draft.sha256}", message)


async def reuse_node(store: Store, inbox: Inbox, name: str, library: Library, node_id: str | None = None) -> Result:
    """End a job with a node that is there, whose current version is used instead of the draft.

    Args:
        node_id: None takes the node that the draft was found to be like.

    Raises:
        UsageError: the draft is like no node, and none was named.
        NodeError: there is no such node, or the library cannot be read.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to decide.
    """
    detail, question, subject = await review_of_job(store, name)
    found = node_of(subject.like)
    if node_id is not None:
        record = library.latest(node_id)
        if record is None:
            raise NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")
        found = record.node_version, record.sha256
    if found is None:
        raise UsageError(f"The draft of {job_label(detail.row)} is like no node.", "Name one with --node NODE.")
    node, sha256 = found
    await inbox.decide(question.id, Decision(DecisionKind.REUSE, node=str(node), sha256=sha256))
    value = {**_identity(detail.row), "decision": DecisionKind.REUSE.value, "node": str(node), "sha256": sha256}
    message = f"{job_label(detail.row)} uses {node}, as soon as a worker takes it up; its draft is not saved."
    return Result(value, f"{node} {sha256}", message)


async def decide_job(store: Store, inbox: Inbox, name: str, decision: Decision) -> Result:
    """Send a draft back, reject it, respond to it in words, or put other code in its place, which is reviewed again.

    Raises:
        NodeError: an edit without code, or a response without words.
        AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to decide.
    """
    detail, question, subject = await review_of_job(store, name)
    await inbox.decide(question.id, decision)
    value = {**_identity(detail.row), "decision": decision.kind.value, "node_id": subject.draft.node_id}
    if decision.reason:
        value["reason"] = decision.reason
    goes_back = bool(decision.reason) and subject.rejects_left != 0
    message = {
        DecisionKind.EDIT: "is edited; the code is checked and comes back for a review",
        DecisionKind.RESPOND: "is responded to; the author writes again",
        DecisionKind.REJECT: "is sent back to the author" if goes_back else "is rejected, and its task ends",
    }[decision.kind]
    return Result(value, message=f"{job_label(detail.row)} {message}.")


async def review_of_job(store: ReadStore, name: str) -> tuple[JobDetail, OpenQuestion, ReviewSubject]:
    """A job that waits for a decision, its question, and the draft that it is about.

    Raises:
        NotWaiting: there is nothing to decide.
        NodeError: its question holds no draft.
    """
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
    return _state(detail.row, JobState.PENDING, "is retried: it is queued again")


async def retry_all_jobs(inbox: Inbox, failed_with: str) -> Result:
    """Queue every failed job again, or those whose error holds a text."""
    return retried_jobs([*await inbox.retry_all(failed_with)], failed_with)


def retried_jobs(retried: Sequence[int], failed_with: str) -> Result:
    """How it is said which jobs are queued again."""
    which = f" with '{safe_text(failed_with, 100)}'" if failed_with else ""
    are = "1 failed job is" if len(retried) == 1 else f"{len(retried):,} failed jobs are"
    message = f"{are} queued again." if retried else f"No job has failed{which}."
    return Result({"retried": len(retried), "jobs": retried}, message=message)


async def restore_job(store: Store, inbox: Inbox, name: str) -> Result:
    """Put a rejected or cancelled job back where it was. Raises NotWaiting."""
    detail = await find_job(store, name)
    await inbox.restore(detail.row.job)
    row = await store.row(detail.row.job) or detail.row
    again = "waits for a person again" if row.state is JobState.PAUSED else "is queued again"
    return _state(row, row.state, f"is restored: it {again}")


async def undo_job(store: Store, inbox: Inbox, name: str, *, accepts_use: bool) -> Result:
    """Take back what was decided last about a job.

    Args:
        accepts_use: also where a node was run that goes out of the library by that.

    Raises:
        NotWaiting: nothing was decided, or what was done with it cannot be forgotten.
        NodeError: it was run, was replaced, or the library cannot be read.
    """
    row = (await find_job(store, name)).row
    made = await inbox.last_decision_about(row.job)
    if made is None:
        raise NotWaiting(f"Nothing that was decided about {job_label(row)} is there to take back.", _see(row))
    try:
        undone = await inbox.undo(made, accepts_use=accepts_use)
    except NodeUsed as error:
        meant = f"If it is meant all the same: evolver-tui jobs undo {row.job} --yes."
        raise NodeUsed(error.message, f"{error.way_out} {meant}".strip()) from None
    now = await store.row(row.job) or row
    value = {
        **_identity(now),
        "state": now.state.value,
        "undone": made.kind,
        "decided_by": made.by,
        "removed": str(undone.withdrawn) if undone.withdrawn is not None else None,
    }
    return Result(value, message=f"{job_label(now)}: {words_of(undone)}")


async def resent_job(store: Store, inbox: Inbox, name: str, *, takes: bool) -> Result:
    """Take the other content that the hub sent for a job's task, or let it go. Raises NotWaiting."""
    row = (await find_job(store, name)).row
    if takes:
        await inbox.take_resent(row.job)
    else:
        await inbox.drop_resent(row.job)
    now = await store.row(row.job) or row
    what = "begins anew with what the hub sent" if takes else "stays what it is: the other content was let go"
    return _state(now, now.state, what)


def _see(row: QueueRow) -> str:
    is_restorable = row.state is JobState.CANCELLED or row.outcome is Outcome.REJECTED
    return f"Write `evolver-tui jobs restore {row.job}`." if is_restorable else "Nothing was changed."


def _state(row: QueueRow, state: JobState, what: str) -> Result:
    """Where a job stands now, and how that is said of it."""
    return Result({**_identity(row), "state": state.value}, message=f"{job_label(row)} {what}.")


def _identity(row: QueueRow) -> dict[str, Any]:
    return {"job": row.job, "task_id": row.task_id}
