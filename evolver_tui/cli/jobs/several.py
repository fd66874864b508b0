"""One decision about several drafts, each of them or none, without arguments being parsed or anything printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from evolver_tui.cli.jobs.operations import review_of_job
from evolver_tui.cli.jobs.reading import job_label
from evolver_tui.cli.output import Result
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NotAllWaiting, NotWaiting
from evolver_tui.core.job import JobDetail
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.store import Store

_DONE: Final = {DecisionKind.APPROVE: "approved", DecisionKind.REJECT: "rejected"}


async def approve_jobs(store: Store, inbox: Inbox, names: Sequence[str]) -> Result:
    """Approve the drafts that are there, of low and medium risk. Raises as `decide_jobs`."""
    return await decide_jobs(store, inbox, names, _approval)


def _approval(subject: ReviewSubject) -> Decision:
    return Decision(DecisionKind.APPROVE, sha256=subject.draft.sha256, replaces=subject.replaced_sha256)


async def decide_jobs(
    store: Store, inbox: Inbox, names: Sequence[str], decide: Callable[[ReviewSubject], Decision]
) -> Result:
    """Decide about several drafts together.

    Args:
        names: jobs' numbers or their tasks' ids; one that is named twice counts once.
        decide: what is decided about a draft, as it is beside the library at this moment.

    Raises:
        NotWaiting: one of them cannot be decided like this, or somebody was faster; nothing was written for any.
        NodeError: one of them holds no draft that could be read.
    """
    jobs: dict[int, JobDetail] = {}
    decisions: dict[int, Decision] = {}
    subjects: dict[int, ReviewSubject] = {}
    for name in names:
        detail, question, _ = await review_of_job(store, name)
        jobs[question.id] = detail
        subjects[question.id] = ReviewSubject.of(await inbox.as_of_now(question))
        decisions[question.id] = decide(subjects[question.id])
    try:
        await inbox.decide_all(decisions)
    except NotAllWaiting as error:
        why = [f"{job_label(jobs[question].row)}: {refusal.message}" for question, refusal in error.refused.items()]
        raise NotWaiting(" ".join(why), f"Nothing was decided about any of the {len(decisions):,}.") from None
    kind = next(iter(decisions.values())).kind
    value = [
        {
            "job": detail.row.job,
            "task_id": detail.row.task_id,
            "node_id": subjects[question].draft.node_id,
            "sha256": subjects[question].draft.sha256,
        }
        for question, detail in jobs.items()
    ]
    lines = [f"{safe_text(each.draft.node_id, 100)} v{each.version} {each.draft.sha256}" for each in subjects.values()]
    goes_back = [bool(decisions[question].reason) and each.rejects_left != 0 for question, each in subjects.items()]
    done = "sent back" if all(goes_back) else "rejected or sent back" if any(goes_back) else _DONE[kind]
    are = "1 draft is" if len(jobs) == 1 else f"{len(jobs):,} drafts are"
    text = "\n".join(lines) if kind is DecisionKind.APPROVE else ""
    return Result({"decision": kind.value, "decided": value}, text, f"{are} {done}.")
