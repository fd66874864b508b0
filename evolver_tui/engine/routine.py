"""The durable routine: an async function that can stop at a question and go on later, elsewhere, from its journal.

A routine runs from its top each time it is taken up. Steps that were done answer from the journal, so nothing that has
a side effect stands outside a step. Steps and questions have names, never positions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from evolver_tui.core.job import Outcome
from evolver_tui.core.question import Answer, Question, QuestionKind
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.ports import Claim, Store
from evolver_tui.engine.signals import SignalBus

T = TypeVar("T")


class Suspended(BaseException):
    """The routine stopped at a question that is committed. Not an Exception: no routine swallows it by accident."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a routine ended: what came of it, and `<node id> v<version>` where a node was saved."""

    outcome: Outcome
    node: str = ""


class Run:
    """One taking-up of one job: what a routine is given."""

    def __init__(self, claim: Claim, store: Store, bus: SignalBus, session_id: str) -> None:
        self.job = claim.job
        self.task = claim.task
        self.attempt = claim.attempt
        self._fence = claim.fence
        self._journal = dict(claim.journal)
        self._unread = set(claim.journal)
        self._store = store
        self._bus = bus
        self._session_id = session_id

    async def step(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` once and keep its JSON result; when it was done before, answer from the journal.

        Raises:
            StaleLease: another worker holds the job; the result was not kept.
        """
        if name in self._journal:
            self._unread.discard(name)
            kept: T = self._journal[name]
            return kept
        self._unread.clear()
        value = await work()
        await self._store.record_step(self.job, self._fence, name, value, self._session_id)
        self._journal[name] = value
        return value

    async def ask(self, question: Question) -> Answer:
        """The answer to `question`; without one yet, commit question and waiting state and stop here."""
        return Answer.from_json_value(await self.wait_for(question))

    async def wait_for(self, question: Question) -> dict[str, Any]:
        """What a person answered, as JSON: an `Answer` to a question, a `Decision` to a review."""
        if question.name in self._journal:
            self._unread.discard(question.name)
            answer: dict[str, Any] = self._journal[question.name]
            return answer
        name = "review.requested" if question.kind is QuestionKind.REVIEW else "question.asked"
        reason = "review" if question.kind is QuestionKind.REVIEW else "user_input"
        signals = (
            self._stamp(name, {"question": question.name, "message": question.message}, level="warning"),
            self._stamp("job.paused", {"reason": reason, "question": question.name}),
        )
        await self._store.pause(self.job, self._fence, question, self._session_id, signals)
        self._bus.relay(signals)
        raise Suspended

    def emit(self, name: str, payload: dict[str, Any] | None = None, level: str = "info") -> None:
        """Tell what is going on. Silent while the journal is read again, since it was told the first time."""
        if not self._unread:
            self._bus.emit(name, payload, level=level, task_id=self.task.id, job=self.job)

    def _stamp(self, name: str, payload: dict[str, Any], level: str = "info") -> Signal:
        return self._bus.stamp(name, payload, level=level, task_id=self.task.id, job=self.job)


Routine = Callable[[Run, Task], Awaitable[Result]]
"""Raises EvolverError when it cannot go on: the job is failed with that sentence and can be retried."""
