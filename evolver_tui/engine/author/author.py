"""The built-in routine: route, ask what is missing, write, check, try, have it reviewed, save."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import LIBRARY, NodeError, NodeReplaced
from evolver_tui.core.job import Outcome
from evolver_tui.core.journal import SAVING
from evolver_tui.core.likeness import LikeProgram
from evolver_tui.core.node import CheckReport, NodeDraft, NodeVersion, sha256_of
from evolver_tui.core.node_run import Tryout, told_calls
from evolver_tui.core.question import AnswerAction, Question, QuestionKind
from evolver_tui.core.question_kinds.review import UNREVIEWED, ReviewSubject
from evolver_tui.core.signal_catalogue.author_signals import (
    NODE_CHECKED,
    NODE_REPLACED,
    NODE_REUSED,
    NODE_SAVED,
    NODE_TRIED,
    NODE_WRITTEN,
    NodeSaved,
    NodeTried,
    NodeWritten,
)
from evolver_tui.core.signal_catalogue.inbox_signals import REVIEW_DECIDED, ReviewDecided
from evolver_tui.core.task import Task
from evolver_tui.core.times import utc_text
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Backend
from evolver_tui.engine.author.details import details_question, missing_fields
from evolver_tui.engine.author.library import Approval, Library
from evolver_tui.engine.author.prompt import author_prompt
from evolver_tui.engine.author.review import subject_in
from evolver_tui.engine.author.token_costs import PriceList
from evolver_tui.engine.author.tryouts import complaint, try_draft
from evolver_tui.engine.author.writer import Writer
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.node_runs import NodeRuns

ROUTER = "task_to_workflow_router"
"""The tool whose definition instructs the author."""

AutoReview = Callable[[CheckReport], bool]
"""Whether a draft is approved without asking anybody (a headless run's rule)."""


@dataclass(frozen=True, slots=True)
class AuthorLimits:
    """How often the author tries."""

    rejects: int = 3
    """A draft is sent back with a reason at most so often."""
    writes: int = 4
    """One draft is asked for at most so often when the model fails or answers badly."""
    repairs: int = 2
    """A draft that fails its try goes back at most so often before a person is asked."""
    try_seconds: float = 20.0
    """A draft may take so long for one input when it is tried."""


class Author:
    """The routine as a callable object; it holds what does not belong to one job."""

    def __init__(
        self,
        backend: Backend,
        library: Library,
        clock: Clock,
        tools: Collection[ToolDefinition],
        limits: AuthorLimits = AuthorLimits(),
        auto_review: AutoReview | None = None,
        runs: NodeRuns | None = None,
        prices: PriceList = PriceList(),
    ) -> None:
        """`runs` tries each draft before it is judged; None tries none. `prices` are what models cost."""
        self.find_like: Callable[[int, NodeDraft], Awaitable[Sequence[LikeProgram]]] = _nothing_like
        """What a job's draft is like, of the library and of what waits beside it."""
        self._library = library
        self._clock = clock
        self._router = next(tool for tool in tools if tool.name == ROUTER)
        self._tools = [tool for tool in tools if tool is not self._router]
        self._limits = limits
        self._auto_review = auto_review
        self._runs = runs
        self.needs_person: Callable[[int], Awaitable[bool]] = _nobody
        """Whether a person has to review a job's draft, whatever else would approve it."""
        self._writer = Writer(backend, clock, [tool.name for tool in self._tools], prices, limits.writes)
        self.live = self._writer.live
        """Job to what is written for it at this moment."""

    def stop(self, job: int, by: str) -> bool:
        """Stop the model while it writes for a job, which fails by that; False where it writes nothing for it.

        Args:
            by: who wants that.
        """
        return self._writer.stop(job, by)

    async def __call__(self, run: Run, task: Task) -> Result:
        """Work on one task to its end, or to its next question."""
        answers = await self._details(run, task)
        if answers is None:
            return Result(Outcome.REJECTED)
        task_type = str(answers.get("llmTaskType") or task.type)
        draft = await self._write(run, 1, answers, (), "")
        reasons: list[str] = []
        number, rejects, repairs, save = 1, 0, 0, "save"
        is_chosen = False  # by a person, who edited or approved it: nobody else changes it
        while True:
            report = await self._check(run, number, draft)
            tryout = await self._try(run, number, draft, report, repairs)
            failure = complaint(tryout) if tryout and not is_chosen else ""
            if failure and self._is_repaired(run, number, repairs):
                number, repairs = number + 1, repairs + 1
                draft = await self._write(run, number, answers, reasons, draft.code, failure)
                continue
            left = self._limits.rejects - rejects
            subject = ReviewSubject(draft, report, 1, len(reasons) + 1, rejects_left=left, tryout=tryout)
            decision = await self._review(run, number, subject)
            number += 1
            if decision.kind is DecisionKind.APPROVE:
                saved = await self._save(run, save, subject, decision, task_type)
                if saved is not None:
                    return saved
                save = f"save {number}"  # what it would replace is not what was approved: it is reviewed again
                is_chosen = True
                continue
            if decision.kind is DecisionKind.EDIT:
                draft = replace(
                    draft, code=decision.code, author=f"edited by {decision.by}", tokens=None, addressed=(), spent=None
                )
                is_chosen = True
                continue
            if decision.kind is DecisionKind.REUSE:
                reused = await self._reuse(run, f"reuse {number}", decision)
                if reused is not None:
                    return reused
                continue  # it is not there any longer: the draft is reviewed again
            reasons.append(decision.reason)
            rejects += decision.kind is DecisionKind.REJECT
            if not decision.reason or rejects > self._limits.rejects:
                return Result(Outcome.REJECTED)
            draft, is_chosen, repairs = await self._write(run, number, answers, reasons, draft.code), False, 0

    async def _details(self, run: Run, task: Task) -> Mapping[str, Any] | None:
        """What a person says that the task does not; None where nobody would."""
        answers: dict[str, Any] = {}
        for name in ("details", "languages"):  # the kind of task, once it is known, may need languages
            missing = missing_fields(task, answers)
            if not missing:
                break
            answer = await run.ask(details_question(name, missing))
            if answer.action is not AnswerAction.ACCEPT:
                return None
            answers |= answer.content
        return answers

    async def _write(
        self,
        run: Run,
        number: int,
        answers: Mapping[str, Any],
        reasons: Sequence[str],
        previous_code: str,
        failed_run: str = "",
    ) -> NodeDraft:
        prompt = author_prompt(self._router, self._tools, run.task, answers, reasons, previous_code, failed_run)

        async def write(*asked: object) -> dict[str, Any]:
            draft = await self._writer.write(run, prompt, has_reason=bool(reasons))
            payload: NodeWritten = {
                "node_id": draft.node_id,
                "workflow_name": draft.title,
                "tools": list(draft.tools_used),
                "author": draft.author,
                "seconds": draft.seconds,
            }
            run.tell(NODE_WRITTEN(payload))
            return draft.to_json_value()

        asked = (answers, reasons, previous_code, *([failed_run] if failed_run else []))
        return NodeDraft.from_json_value(await run.step(f"write {number}", write, *asked))

    async def _check(self, run: Run, number: int, draft: NodeDraft) -> CheckReport:
        async def check(code: str) -> dict[str, Any]:
            run.probing.step_aside()
            names = {tool.name for tool in self._tools}
            report = await asyncio.to_thread(check_draft, code, names)
            can_be_approved, risk = report.can_be_approved, report.risk.value
            run.tell(NODE_CHECKED({"node_id": draft.node_id, "risk": risk, "can_be_approved": can_be_approved}))
            return report.to_json_value()

        return CheckReport.from_json_value(await run.step(f"check {number}", check, draft.code))

    async def _try(self, run: Run, number: int, draft: NodeDraft, report: CheckReport, repairs: int) -> Tryout | None:
        """Run the draft in a box; None where it cannot be, or where it was decided about without that."""
        name, runs = f"try {number}", self._runs
        was_decided = run.knows(f"review {number}") and not run.knows(name)
        if runs is None or was_decided or not report.can_be_approved:
            return None

        async def work(code: str) -> dict[str, Any]:
            run.probing.step_aside()
            before = await asyncio.to_thread(self._library.examples, draft.node_id)
            tryout = await try_draft(
                runs, draft, report, run.task.raw, before, seconds=self._limits.try_seconds, repairs=repairs
            )
            error = tryout.problem or next((each.error for each in tryout.failed), "")
            payload: NodeTried = {
                "node_id": draft.node_id,
                "inputs": len(tryout.runs),
                "succeeded": len(tryout.runs) - len(tryout.failed),
                "box": tryout.tier,
            }
            if error:
                payload["error"] = error
            if calls := told_calls(tryout.runs):
                payload["tool_calls"] = calls
            run.tell(NODE_TRIED(payload, level="warning" if error else "info"))
            return tryout.to_json_value()

        return Tryout.from_json_value(await run.step(name, work, draft.code))

    def _is_repaired(self, run: Run, number: int, repairs: int) -> bool:
        """Whether a draft that failed its try goes back before it is reviewed: what was done stands."""
        if run.knows(f"review {number}"):
            return False
        return repairs < self._limits.repairs or run.knows(f"write {number + 1}")

    async def _review(self, run: Run, number: int, subject: ReviewSubject) -> Decision:
        name, draft = f"review {number}", subject.draft
        subject = await subject_in(self._library, subject, run.task.id)
        if not run.knows(name):
            subject = replace(subject, like=tuple(await self.find_like(run.job, draft)))
        if await self._is_saved_unread(run, name, subject):
            decision = Decision(
                DecisionKind.APPROVE, sha256=draft.sha256, by=UNREVIEWED, replaces=subject.replaced_sha256
            )

            async def approve() -> dict[str, Any]:
                payload: ReviewDecided = {"kind": decision.kind.value, "by": UNREVIEWED, "node_id": draft.node_id}
                run.tell(REVIEW_DECIDED(payload, level="info"))
                return decision.to_json_value()

            return Decision.from_json_value(await run.step(name, approve))
        message = f"{draft.node_id}: approve, edit or reject?"
        question = Question(name, message, kind=QuestionKind.REVIEW, subject=subject.to_json_value())
        return Decision.from_json_value(await run.wait_for(question))

    async def _is_saved_unread(self, run: Run, name: str, subject: ReviewSubject) -> bool:
        if self._auto_review is None or not _may_be_saved_unread(subject) or not self._auto_review(subject.report):
            return False
        return run.knows(name) or not await self.needs_person(run.job)

    async def _reuse(self, run: Run, name: str, decision: Decision) -> Result | None:
        """End with a node that is there already; None where by now it has other bytes, or is gone."""

        async def reuse(node: str, sha256: str) -> dict[str, Any]:
            run.require(LIBRARY)
            wanted = NodeVersion.read(node)
            try:
                code = await asyncio.to_thread(self._library.code, wanted.node_id, wanted.version) if wanted else ""
            except NodeError as error:
                run.tell(NODE_REPLACED({"node_id": wanted.node_id if wanted else "", "error": str(error)}))
                return {"node_id": ""}
            if wanted is None or sha256_of(code) != sha256:
                run.tell(NODE_REPLACED({"node_id": node[:64], "error": "It has other bytes than were chosen."}))
                return {"node_id": ""}
            payload: NodeSaved = {"node_id": wanted.node_id, "version": wanted.version, "sha256": sha256}
            run.tell(NODE_REUSED(payload))
            return dict(payload)

        found = await run.step(name, reuse, decision.node, decision.sha256)
        return Result(Outcome.APPROVED, decision.node) if found["node_id"] else None

    async def _save(
        self, run: Run, name: str, subject: ReviewSubject, decision: Decision, task_type: str
    ) -> Result | None:
        """Save what was approved; None where by now it would replace another version than was approved."""
        draft, report = subject.draft, subject.report
        if decision.sha256 != draft.sha256 or not report.can_be_approved:
            raise NodeError("What was approved is not what would be saved.", "Retry the task and review it again.")

        async def save(sha256: str, task_type: str) -> dict[str, Any]:
            run.require(LIBRARY)
            # Only for who holds the job still, and so that whoever takes the approval back knows where to look.
            await run.set_own(SAVING, {"library": self._library.place})
            tags = (UNREVIEWED,) if decision.by == UNREVIEWED else ()
            now = utc_text(self._clock.now())
            approval = Approval(decision.by, now, run.task.id, task_type, tags, decision.replaces, decision.id)
            seen = subject.tryout.runs if subject.tryout else ()
            try:
                record = await asyncio.to_thread(self._library.save, draft, report, approval, seen)
            except NodeReplaced as error:
                run.tell(NODE_REPLACED({"node_id": draft.node_id, "error": str(error)}))
                return {"node_id": ""}
            payload: NodeSaved = {"node_id": record.node_id, "version": record.version, "sha256": record.sha256}
            run.tell(NODE_SAVED(payload))
            return dict(payload)

        saved = await run.step(name, save, draft.sha256, task_type)
        return (
            Result(Outcome.APPROVED, str(NodeVersion(saved["node_id"], saved["version"]))) if saved["node_id"] else None
        )


async def _nothing_like(job: int, draft: NodeDraft) -> Sequence[LikeProgram]:
    return ()


async def _nobody(job: int) -> bool:
    return False


def _may_be_saved_unread(subject: ReviewSubject) -> bool:
    """No rule approves a draft of high risk or one that failed its try, or puts one in the place of what was read."""
    has_failed = subject.tryout is not None and bool(subject.tryout.failed)
    may_be_approved = subject.report.can_be_approved and not subject.is_approved_by_name
    return may_be_approved and not has_failed and not (subject.replaces and subject.replaces.was_read)
