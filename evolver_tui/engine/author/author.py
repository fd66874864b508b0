"""The built-in routine: route, ask what is missing, write, check, have it reviewed, save."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import BackendError, NodeError, NodeReplaced
from evolver_tui.core.job import Outcome
from evolver_tui.core.node import CheckReport, NodeDraft, NodeVersion
from evolver_tui.core.question import AnswerAction, Question, QuestionKind
from evolver_tui.core.question_kinds.review import UNREVIEWED, ReviewSubject
from evolver_tui.core.router_answer import PartialCode, RouterAnswer, parse
from evolver_tui.core.signal_catalogue import (
    LLM_GENERATION_COMPLETE,
    LLM_GENERATION_ERROR,
    LLM_GENERATION_START,
    NODE_CHECKED,
    NODE_REPLACED,
    NODE_SAVED,
    NODE_WRITTEN,
    REVIEW_DECIDED,
    GenerationCompleted,
    GenerationFailed,
    NodeSaved,
    NodeWritten,
    ReviewDecided,
)
from evolver_tui.core.task import TASK_TYPES, Task
from evolver_tui.core.times import utc_text
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Backend, Prompt, Usage
from evolver_tui.engine.author.library import Approval, Library
from evolver_tui.engine.author.prompt import author_prompt
from evolver_tui.engine.author.review import subject_in
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.routine import Result, Run

ROUTER = "task_to_workflow_router"
"""The tool whose definition instructs the author."""

LONGEST_WAIT_SECONDS = 60.0
"""A provider that asks for a longer pause than this gets the task marked as failed, to be retried by a person."""

AutoReview = Callable[[CheckReport], bool]
"""Whether a draft is approved without asking anybody (a headless run's rule)."""


@dataclass(frozen=True, slots=True)
class LiveDraft:
    """What the author is writing at this moment."""

    job: int
    task_id: str
    code: str
    """The code so far, read out of the unfinished answer."""
    pieces: int
    """Pieces of text that came so far."""
    started_at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class AuthorLimits:
    """How often the author tries."""

    rejects: int = 3
    """A draft is sent back with a reason at most so often."""
    writes: int = 4
    """One draft is asked for at most so often when the model fails or answers badly."""


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
    ) -> None:
        self._backend = backend
        self._library = library
        self._clock = clock
        self._router = next(tool for tool in tools if tool.name == ROUTER)
        self._tools = [tool for tool in tools if tool is not self._router]
        self._limits = limits
        self._auto_review = auto_review
        self.live: LiveDraft | None = None

    async def __call__(self, run: Run, task: Task) -> Result:
        """Work on one task to its end, or to its next question."""
        answers = await self._details(run, task)
        if answers is None:
            return Result(Outcome.REJECTED)
        task_type = str(answers.get("llmTaskType") or task.type)
        draft = await self._write(run, 1, answers, (), "")
        reasons: list[str] = []
        number, rejects, save = 1, 0, "save"
        while True:
            report = await self._check(run, number, draft)
            subject = ReviewSubject(draft, report, 1, len(reasons) + 1, rejects_left=self._limits.rejects - rejects)
            decision = await self._review(run, number, subject)
            number += 1
            if decision.kind is DecisionKind.APPROVE:
                saved = await self._save(run, save, subject, decision, task_type)
                if saved is not None:
                    return saved
                save = f"save {number}"  # what it would replace is not what was approved: it is reviewed again
                continue
            if decision.kind is DecisionKind.EDIT:
                draft = replace(draft, code=decision.code, author=f"edited by {decision.by}", tokens=None)
                continue
            reasons.append(decision.reason)
            rejects += decision.kind is DecisionKind.REJECT
            if not decision.reason or rejects > self._limits.rejects:
                return Result(Outcome.REJECTED)
            draft = await self._write(run, number, answers, reasons, draft.code)

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
        self, run: Run, number: int, answers: Mapping[str, Any], reasons: Sequence[str], previous_code: str
    ) -> NodeDraft:
        prompt = author_prompt(self._router, self._tools, run.task, answers, reasons, previous_code)

        async def write(*asked: object) -> dict[str, Any]:
            run.require_model()
            draft = await self._write_patiently(run, prompt)
            payload: NodeWritten = {
                "node_id": draft.node_id,
                "workflow_name": draft.title,
                "tools": list(draft.tools_used),
                "author": draft.author,
                "seconds": draft.seconds,
            }
            run.tell(NODE_WRITTEN(payload))
            return draft.to_json_value()

        return NodeDraft.from_json_value(await run.step(f"write {number}", write, answers, reasons, previous_code))

    async def _write_patiently(self, run: Run, prompt: Prompt) -> NodeDraft:
        """Ask until a whole, usable answer came, the bounds are reached, or asking again cannot help."""
        label = self._backend.info.label
        for tries_left in reversed(range(self._limits.writes)):
            try:
                return await self._write_once(run, prompt)
            except BackendError as error:
                wait = error.retry_after or min(2.0 ** (self._limits.writes - tries_left), 30.0)
                again = error.retryable and tries_left > 0 and wait <= LONGEST_WAIT_SECONDS
                payload: GenerationFailed = {"error": str(error), "backend": label}
                if again:
                    payload["retry_in"] = wait
                run.tell(LLM_GENERATION_ERROR(payload, level="warning" if again else "error"))
                if not again:
                    raise
            finally:
                self.live = None
            await self._clock.sleep(wait)
        raise AssertionError("the last try returns or raises")

    async def _write_once(self, run: Run, prompt: Prompt) -> NodeDraft:
        info = self._backend.info
        run.tell(LLM_GENERATION_START({"model": info.model, "backend": info.label}))
        started = self._clock.now()
        partial, pieces, usage = PartialCode(), [], Usage()
        async with contextlib.aclosing(self._backend.stream(prompt)) as stream:
            async for piece in stream:
                if isinstance(piece, Usage):
                    usage = piece
                    continue
                pieces.append(piece)
                partial.feed(piece)
                self.live = LiveDraft(run.job, run.task.id, partial.text, len(pieces), started)
        seconds = round(self._clock.now() - started, 3)
        payload: GenerationCompleted = {
            "tokens_generated": usage.completion_tokens,
            "prompt_tokens": usage.prompt_tokens,
            "backend": info.label,
            "seconds": seconds,
        }
        run.tell(LLM_GENERATION_COMPLETE(payload))
        answer = parse("".join(pieces), run.task.id)
        return _draft(answer, info.label, seconds, usage.completion_tokens)

    async def _check(self, run: Run, number: int, draft: NodeDraft) -> CheckReport:
        async def check(code: str) -> dict[str, Any]:
            names = {tool.name for tool in self._tools}
            report = await asyncio.to_thread(check_draft, code, names)
            can_be_approved, risk = report.can_be_approved, report.risk.value
            run.tell(NODE_CHECKED({"node_id": draft.node_id, "risk": risk, "can_be_approved": can_be_approved}))
            return report.to_json_value()

        return CheckReport.from_json_value(await run.step(f"check {number}", check, draft.code))

    async def _review(self, run: Run, number: int, subject: ReviewSubject) -> Decision:
        name, draft, report = f"review {number}", subject.draft, subject.report
        subject = await subject_in(self._library, subject, run.task.id)
        if self._auto_review is not None and _may_be_saved_unread(subject) and self._auto_review(report):
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

    async def _save(
        self, run: Run, name: str, subject: ReviewSubject, decision: Decision, task_type: str
    ) -> Result | None:
        """Save what was approved; None where by now it would replace another version than was approved."""
        draft, report = subject.draft, subject.report
        if decision.sha256 != draft.sha256 or not report.can_be_approved:
            raise NodeError("What was approved is not what would be saved.", "Retry the task and review it again.")

        async def save(sha256: str, task_type: str) -> dict[str, Any]:
            await run.renew_lease()
            tags = (UNREVIEWED,) if decision.by == UNREVIEWED else ()
            now = utc_text(self._clock.now())
            approval = Approval(decision.by, now, run.task.id, task_type, tags, decision.replaces)
            try:
                record = await asyncio.to_thread(self._library.save, draft, report, approval)
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


def _may_be_saved_unread(subject: ReviewSubject) -> bool:
    """No rule puts a draft in the place of what a person approved."""
    return subject.report.can_be_approved and not (subject.replaces and subject.replaces.was_read)


def missing_fields(task: Task, answers: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not known before anything can be written: the task's type, and for a translation its languages."""
    missing = []
    task_type = answers.get("llmTaskType") or task.type
    if task_type not in TASK_TYPES:
        missing.append("llmTaskType")
    if task_type == "translate" and not (task.languages or answers.get("languages")):
        missing.append("languages")
    return tuple(missing)


def details_question(name: str, missing: Sequence[str]) -> Question:
    """The form that asks a person for what is missing."""
    properties: dict[str, Any] = {}
    if "llmTaskType" in missing:
        titles = {"summarize": "Summarize a text", "generate": "Generate a text", "translate": "Translate a text"}
        choices = [{"const": value, "title": titles[value]} for value in TASK_TYPES]
        properties["llmTaskType"] = {"type": "string", "title": "Kind of task", "oneOf": choices}
    properties["languages"] = {
        "type": "string",
        "title": "Languages",
        "description": "From and to, e.g. de->en, fr->es" + ("" if "languages" in missing else "; translations only"),
        "maxLength": 200,
        "format": "language-pairs",
    }
    properties["note"] = {"type": "string", "title": "Note for the author", "maxLength": 2000}
    wanted = "what kind of task this is" if "llmTaskType" in missing else "which languages to translate between"
    schema = {"type": "object", "properties": properties, "required": list(missing)}
    return Question(name, f"The task does not say {wanted}.", schema)


def _draft(answer: RouterAnswer, author: str, seconds: float, tokens: int | None) -> NodeDraft:
    return NodeDraft(
        node_id=answer.suggested_node_id,
        title=answer.workflow_name,
        code=answer.workflow_code,
        tools_used=answer.tools_used,
        complexity=answer.complexity,
        author=author,
        seconds=seconds,
        tokens=tokens,
    )
