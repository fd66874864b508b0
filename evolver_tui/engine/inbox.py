"""What a person does with jobs: decide, answer, retry, cancel, move. With a running session beside it, or without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from evolver_tui.core.answer_rule import AnswerRule
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import (
    AlreadyAnswered,
    EvolverError,
    NotAllWaiting,
    NotWaiting,
    StoreBroken,
    StoreBusy,
    StoreError,
)
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.made_decision import DecidedKind, MadeDecision
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.core.question_kinds import KINDS, kind_of
from evolver_tui.core.signal import Observation, Signal, SignalContext
from evolver_tui.core.signal_catalogue.inbox_signals import DECISION_UNDONE
from evolver_tui.core.signal_catalogue.task_signals import (
    JOB_CANCELLED,
    JOB_EXPORTED,
    JOB_IMPORTED,
    JOB_MARKED,
    JOB_RENEWED,
    JOB_RESTORED,
    RESENT_DROPPED,
    TASK_RETRIED,
    JobImported,
    JobMarkedBy,
)
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.inbox_store import GivenAnswer, InboxStore
from evolver_tui.engine.question_kinds import as_of_now
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.undo import Undone, Withdrawals, check_library, told

_AT_ONCE = 200
"""Jobs that are retried, or answered, side by side: they share a commit."""


class AnsweredAlike(NamedTuple):
    """What became of questions that were answered together."""

    answered: Sequence[OpenQuestion]
    left_out: Sequence[OpenQuestion]
    """Those that somebody else was faster with."""


class Inbox:
    """Everything a person may do with a job, each exactly once.

    Args:
        person: who decides and answers here.
        host: this machine's name, for what is moved.
        new_id: a name for a bundle that no other has.
        library: what is approved here is held against, where it would be saved there; None knows of none.
        on_change: called after each change, so that a worker of this process looks at the queue.
        on_cancel: called with a job that was cancelled, so that a worker of this process lets go of it.
        has_session: False where no session runs: what is done is told in the log of the session that a job came in
            with, and `session_id` serves for jobs that come in here.
    """

    def __init__(
        self,
        store: InboxStore,
        bus: SignalBus,
        *,
        session_id: str,
        person: str,
        host: str,
        new_id: Callable[[], str],
        library: Library | None = None,
        on_change: Callable[[], None] = lambda: None,
        on_cancel: Callable[[int], None] = lambda job: None,
        has_session: bool = True,
    ) -> None:
        self._store = store
        self._bus = bus
        self._session_id = session_id
        self._person = person
        self._host = host
        self._new_id = new_id
        self._library = library
        self._on_change = on_change
        self._on_cancel = on_cancel
        self._has_session = has_session
        self._seen: set[int] = set()
        self._withdrawals = Withdrawals(store, library, bus)

    async def as_of_now(self, question: OpenQuestion) -> OpenQuestion:
        """The same question, about what its subject is beside the library at this moment. Raises NodeError."""
        return await as_of_now(question, self._library)

    async def seen(self, question_id: int) -> None:
        """Keep when a question first lay before a person, whole: how long it waited for that is a figure.

        As often as one likes; the first time counts. Raises StoreError.
        """
        if question_id not in self._seen:
            await self._store.seen(question_id)
            self._seen.add(question_id)

    async def decide(self, question_id: int, decision: Decision) -> None:
        """Decide a review.

        Raises:
            AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to decide.
            NodeChanged: an approve that names other bytes than the draft's, or other ones than it would replace.
            NameNotTyped: an approve of a draft of high risk without its node's name.
            NodeError: an approve of a draft that a check forbids, an edit without code, or a response without words.
        """
        await self.reply(question_id, decision)

    async def answer(self, question_id: int, answer: Answer) -> None:
        """Answer a question; `cancel` leaves it open.

        Raises:
            AlreadyAnswered, NotWaiting: somebody was faster, or there is nothing to answer.
            QuestionError: the content does not fit the form.
        """
        if answer.action is AnswerAction.CANCEL:
            return
        await self.reply(question_id, answer)

    async def answer_alike(self, question_id: int, answer: Answer) -> AnsweredAlike:
        """Give the same answer to every other open question that asks the same, each once.

        Those that somebody else answered meanwhile, or whose job ended, are left out.

        Args:
            question_id: one of them, open or answered.

        Raises:
            QuestionError: the content does not fit the form.
        """
        answered, left_out = list[OpenQuestion](), list[OpenQuestion]()
        alike = await self._store.alike(question_id) if answer.action is not AnswerAction.CANCEL else ()
        for start in range(0, len(alike), _AT_ONCE):
            batch = alike[start : start + _AT_ONCE]
            results = await asyncio.gather(*(self.answer(each.id, answer) for each in batch), return_exceptions=True)
            for question, result in zip(batch, results, strict=True):
                if result is None:
                    answered.append(question)
                elif isinstance(result, (AlreadyAnswered, NotWaiting)):
                    left_out.append(question)
                else:
                    raise result
        return AnsweredAlike(answered, left_out)

    async def reply(self, question_id: int, answer: object) -> None:
        """Answer a question of any kind with what such a question is answered with.

        Raises:
            AlreadyAnswered, NotWaiting: somebody was faster, or the question wants an answer of another kind.
            EvolverError: the answer does not fit, as the kind says.
        """
        given = await self._given(question_id, answer)
        await self._store.answer(
            given.question_id, given.value, self._person, given.session_id, given.signals, host=self._host
        )
        self._tell(given.signals)

    async def _given(self, question_id: int, answer: object) -> GivenAnswer:
        """An answer that fits its question as it is now, and what is told of it. Raises as `reply`."""
        question = await self._store.question(question_id)
        if question is None:  # answered or unknown: the store knows which, and by whom
            await self._store.answer(question_id, {}, "", self._session_id)
            raise NotWaiting(f"There is no question {question_id}.", "Nothing was changed.")
        kind = kind_of(question.question.kind)
        if not isinstance(answer, kind.answer_type):
            fitting = next((each.name for each in KINDS.values() if isinstance(answer, each.answer_type)), "that")
            raise NotWaiting(f"This job waits for a {kind.name}, not a {fitting}.")
        if isinstance(answer, Decision) and answer.kind is DecisionKind.APPROVE:
            answer = replace(answer, id=self._new_id())
        reply = kind.reply(await self.as_of_now(question), answer, self._person)
        session_id, signals = await self._stamped(question.job, reply.told)
        return GivenAnswer(question.id, reply.value, session_id, signals)

    async def answer_by_rule(self, rule: AnswerRule, question_id: int) -> bool:
        """Give a remembered answer to an open question that it covers; False where it is not given.

        A review is never answered so, nor what the runtime asks by itself, nor what an undo opened again.

        Raises:
            QuestionError: the answer does not fit the form as it is asked, or the rule answered this job too often.
        """
        question = await self._store.question(question_id)
        detail = await self._store.job(question.job) if question is not None else None
        if question is None or detail is None or not rule.covers(question, detail.routine, self._session_id):
            return False
        name = question.question.name
        reply = kind_of(question.question.kind).reply(question, rule.answer, rule.giver)
        change = MarkChange(note=f"{rule.giver[:1].upper()}{rule.giver[1:]} answered {name!r}.")
        session_id, told = await self._stamped(question.job, reply.told)
        marking: JobMarkedBy = {"by": rule.giver, "note": change.note}
        _, marked = await self._stamped(question.job, JOB_MARKED(marking), rule=rule.name)
        given = GivenAnswer(question.id, reply.value, session_id, told)
        try:
            await self._store.answer_by_rule(rule.id, given, rule.giver, change, marked, host=self._host)
        except (AlreadyAnswered, NotWaiting):
            return False
        self._tell((*told, *marked))
        return True

    async def decide_all(self, decisions: Mapping[int, Decision]) -> None:
        """Decide several reviews at once, or none of them.

        Args:
            decisions: a question's number to what is decided. An approve of a draft of high risk is refused without its
                node's name here as well.

        Raises:
            NotAllWaiting: somebody was faster with some, or their decisions do not fit; says which, and why.
        """
        given, refused = list[GivenAnswer](), dict[int, EvolverError]()
        for question_id, decision in decisions.items():
            try:
                given.append(await self._given(question_id, decision))
            except (StoreBusy, StoreBroken):
                raise
            except EvolverError as error:
                refused[question_id] = error
        if refused:
            raise NotAllWaiting(refused)
        await self._store.answer_all(given, self._person, host=self._host)
        self._tell([signal for each in given for signal in each.signals])

    async def retry(self, job: int) -> None:
        """Queue a failed job again; what it had finished is kept. Raises NotWaiting."""
        session_id, signals = await self._stamped(job, TASK_RETRIED({}))
        await self._store.retry(job, session_id, signals)
        self._tell(signals)

    async def retry_all(self, failed_with: str = "") -> Sequence[int]:
        """Queue every failed job again, or those whose error holds a text in any case; returns which, in their order.

        One that somebody else retried meanwhile is left out.
        """
        failed = await self._store.failed_jobs(failed_with)
        retried = []
        for start in range(0, len(failed), _AT_ONCE):
            batch = failed[start : start + _AT_ONCE]
            results = await asyncio.gather(*(self.retry(job) for job in batch), return_exceptions=True)
            for job, result in zip(batch, results, strict=True):
                if result is None:
                    retried.append(job)
                elif not isinstance(result, NotWaiting):
                    raise result
        return retried

    async def cancel(self, job: int) -> None:
        """End a job, whether it waits or runs. Raises NotWaiting."""
        session_id, signals = await self._stamped(job, JOB_CANCELLED({"by": self._person}))
        await self._store.cancel(job, session_id, signals, by=self._person, host=self._host)
        self._tell(signals)
        self._on_cancel(job)

    async def restore(self, job: int) -> None:
        """Put a rejected or cancelled job back where it was: at the question or review that ended it, or in the queue.

        Raises:
            NotWaiting: it is neither, somebody restored it before, or no person's answer rejected it.
        """
        session_id, signals = await self._stamped(job, JOB_RESTORED({"by": self._person}))
        await self._store.restore(job, session_id, signals, by=self._person)
        self._tell(signals)

    async def last_decision(self) -> MadeDecision | None:
        """What this person decided last, in any session of the database, and nobody took back; None for nothing."""
        return await self._store.latest_decision_by(self._person)

    async def last_decision_about(self, job: int) -> MadeDecision | None:
        """What anybody decided last about a job, and nobody took back; None for nothing."""
        return await self._store.latest_decision(job)

    async def undo(self, decision: MadeDecision, *, accepts_use: bool = False) -> Undone:
        """Take a decision back: its job is where it was before it, and the library what it was.

        Args:
            accepts_use: also where a node was run that goes out of the library by that.

        Raises:
            NotWaiting: it was taken back, it is not the last one about its job, or what was done with it cannot be
                forgotten.
            NodeReplaced: another version took the place of the node that was approved.
            NodeUsed: that node was run, or may have been.
            NodeError: the library cannot be read.
        """
        await check_library(self._library, decision, accepts_use=accepts_use)
        job = decision.job
        session_id, signals = await self._stamped(job, DECISION_UNDONE(told(decision, self._person)))
        await self._store.undo(decision.id, self._person, session_id, signals)
        self._tell(signals)
        self._on_cancel(job)
        if decision.kind != DecidedKind.APPROVE.value:
            return Undone(decision)
        try:
            withdrawn, problem = await self._withdrawals.catch_up(decision.id)
        except StoreError as error:
            withdrawn, problem = None, str(error)
        return Undone(decision, withdrawn, problem)

    async def take_resent(self, job: int) -> None:
        """Begin a job anew with the other content that the hub sent; what was saved of it stays. Raises NotWaiting."""
        session_id, signals = await self._stamped(job, JOB_RENEWED({"by": self._person}))
        await self._store.take_resent(job, session_id, signals)
        self._tell(signals)
        self._on_cancel(job)

    async def drop_resent(self, job: int) -> None:
        """Let the other content go that the hub sent for a job. Raises NotWaiting."""
        session_id, signals = await self._stamped(job, RESENT_DROPPED({"by": self._person}))
        await self._store.drop_resent(job, session_id, signals)
        self._tell(signals)

    async def mark(self, job: int, change: MarkChange, *, rule: str) -> bool:
        """Put something on a job; False where it is there already.

        Args:
            rule: which one wants that.

        Raises:
            NotWaiting: there is no such job, or it was moved away.
        """
        payload: JobMarkedBy = {"by": f"rule {rule}", "note": change.note}
        if change.tags:
            payload["tags"] = list(change.tags)
        if change.priority:
            payload["priority"] = change.priority
        if change.needs_review:
            payload["needs_review"] = True
        session_id, signals = await self._stamped(job, JOB_MARKED(payload), rule=rule)
        is_changed = await self._store.mark(job, change, session_id, signals)
        if is_changed:
            self._tell(signals)
        return is_changed

    async def export_job(self, job: int) -> Bundle:
        """Let a waiting job leave for another machine; the same bundle again for one that left. Raises NotWaiting."""
        bundle_id = self._new_id()
        session_id, signals = await self._stamped(job, JOB_EXPORTED({"by": self._person, "bundle": bundle_id}))
        bundle = await self._store.export_job(job, self._person, self._host, bundle_id, session_id, signals)
        if bundle.id == bundle_id:
            self._tell(signals)
        return bundle

    async def import_job(self, bundle: Bundle) -> int:
        """Let a job come in, in the state in which it left; returns its number here. Raises BundleError."""
        payload: JobImported = {
            "by": self._person,
            "bundle": bundle.id,
            "exported_by": bundle.exported_by,
            "from": bundle.host,
        }
        signals = (self._bus.stamp(JOB_IMPORTED(payload)),)
        job = await self._store.import_job(bundle, self._session_id, signals)
        self._tell(signals)
        return job

    async def _stamped(self, job: int, observation: Observation, rule: str = "") -> tuple[str, tuple[Signal, ...]]:
        """The session whose log tells of this, and the signal that does. Raises NotWaiting for an unknown job."""
        detail = await self._store.job(job)
        if detail is None:
            raise NotWaiting(f"There is no job {job}.", "Nothing was changed.")
        session_id = self._session_id if self._has_session else detail.session_id
        context: SignalContext = {"task_id": detail.row.task_id, "job": job, "session_id": session_id}
        if rule:
            context["rule"] = rule
        return session_id, (self._bus.stamp(observation, **context),)

    def _tell(self, signals: Sequence[Signal]) -> None:
        self._bus.relay(signals)
        self._on_change()
