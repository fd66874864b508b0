"""The durable routine: an async function that can stop at a question and go on later, elsewhere, from its journal.

A routine runs from its top each time it is taken up. Steps that were done answer from the journal, so nothing that has
a side effect stands outside a step. Steps and questions have names, never positions. What a routine tells, defers or
shares between two steps that were done was told, deferred or shared the first time, and is left out; what follows the
latest of them, or a step or question that its source did not have then, counts as new.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import reprlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from evolver_tui.core.address import show_addresses
from evolver_tui.core.answer_rule import told_of
from evolver_tui.core.claim import Claim
from evolver_tui.core.errors import RoutineError, StepTimeout, StoreError
from evolver_tui.core.job import Outcome
from evolver_tui.core.journal import ASIDE, BEGAN, RESULT, SAID, UNSURE, VALUE, is_own_name
from evolver_tui.core.question import Answer, Question
from evolver_tui.core.question_kinds import check_question, kind_of
from evolver_tui.core.routine_state import DeferredEvent, Progress
from evolver_tui.core.signal import LEVELS, Level, Observation, Signal, SignalContext
from evolver_tui.core.signal_catalogue.routine_signals import STEP_ARGUMENTS_CHANGED, STEP_MAY_HAVE_BEGUN, STEP_RETRIED
from evolver_tui.core.signal_catalogue.task_signals import JOB_PAUSED
from evolver_tui.core.spending import Spent
from evolver_tui.core.task import Task
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.durable.endings import LEASE_SECONDS, ONCE, Needs, Retry, Suspended
from evolver_tui.engine.durable.probing import Probing
from evolver_tui.engine.durable.saying import Saying
from evolver_tui.engine.durable.shared import SharedData, SharedLog, shared_state
from evolver_tui.engine.durable.unsure_step import Settled, settled_by, unsure_step
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.signals import SignalBus

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Result:
    """How a routine ended: what came of it, and `<node id> v<version>` where a node was saved."""

    outcome: Outcome
    node: str = ""


@dataclass(frozen=True, slots=True)
class SaidBy:
    """Who observed what a routine passes on: the kind of its source, and which model."""

    source: str
    backend: str


Insist = Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]


async def _once(write: Callable[[], Awaitable[object]]) -> object:
    return await write()


class Run:
    """One taking-up of one job: what a routine is given."""

    def __init__(
        self,
        claim: Claim,
        store: WorkerStore,
        bus: SignalBus,
        clock: Clock,
        session_id: str,
        *,
        probing: Probing | None = None,
        insist: Insist | None = None,
    ) -> None:
        """`insist` makes a write as often as it takes; None makes it once."""
        self.job = claim.job
        self.task = claim.task
        self._routine = claim.routine
        self.attempt = claim.attempt
        self.source_hash = claim.source_hash
        """Of the routine's source, as it is kept with the job; empty where it has none."""
        self.fence = claim.fence
        """Of the claim: the number that grows with each."""
        self._journal = dict(claim.journal)
        self._digests = claim.digests
        self._left_behind = claim.left_behind
        self._may_have_begun = claim.left_behind is not None
        """Whether a step that is reached now may have begun before: until the first of them is done."""
        steps = (name for name in claim.journal if not name.startswith(ASIDE))
        self._places = {name: place for place, name in enumerate(steps)}
        self._read: set[int] = set()
        self._place = -1
        """Of the journal's step that was read last; beyond the last one while what is done is new."""
        self._last_unread = len(self._places) - 1
        self._used: set[str] = set()
        self._spendings = 0
        self._deferred: list[DeferredEvent] | None = None
        self.store_error: StoreError | None = None
        """What the store said to the last write that it refused. A routine may raise such errors of its own."""
        self._store = store
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self.probing = probing or Probing()
        self._insist = insist or _once
        self.shared_data = SharedData(claim.shared.data, lambda: not self.is_replaying)
        """What the routine's steps and its readers share: a mapping of JSON values. Set keys; do not change values."""
        self.shared_log = SharedLog(claim.shared.log, clock.now, lambda: not self.is_replaying)
        """A list of JSON objects that grows at its end."""
        self.saying = Saying()
        """What is said to whoever asked for the job."""

    @property
    def is_replaying(self) -> bool:
        """Whether what is done at this moment was done before: a later step than the last one is in the journal."""
        return self._place < self._last_unread

    def _reach(self, name: str) -> None:
        """Go on from this step, which is in the journal or is done now."""
        self._place = self._places.get(name, len(self._places))
        self._read.add(self._place)
        while self._last_unread in self._read:
            self._last_unread -= 1

    # --- steps

    def knows(self, name: str) -> bool:
        """Whether the journal has a step or an answer of this name."""
        return name in self._journal

    async def step(
        self,
        name: str,
        work: Callable[..., Awaitable[T]],
        *arguments: Any,
        timeout: float | None = None,
        retry: Retry = ONCE,
        repeat: bool = True,
        **named_arguments: Any,
    ) -> T:
        """Do `work` once and keep its JSON result; when it was done before, answer from the journal.

        The result is what JSON makes of it, the first time as well: a tuple comes back as a list.

        Args:
            name: unique within the routine; a repeated step carries its number in its name.
            work: is called with the arguments that follow. Where they differ from those of the journaled result, a
                signal says so and the journaled result stands.
            timeout: seconds for one attempt.
            retry: how often it is tried.
            repeat: False for what must not be done twice. Its beginning is committed first, and where it began before
                and no result is known, a person is asked what became of it instead.

        Raises:
            StepTimeout: the last attempt took too long.
            StaleLease: another worker holds the job; the result was not kept.
            RoutineError: the name was used before in this routine, `repeat` does not go with `retry`, or the person
                gave the step up.
        """
        self._use(name)
        if not repeat and retry.attempts > 1:
            raise RoutineError(f"Step {name!a} is not to be repeated and has a retry.", "Leave out one of both.")
        digest = digest_of(arguments, named_arguments)
        if name in self._journal:
            self._reach(name)
            await self.saying.say(self._journal.get(SAID + name, ""), is_repeat=True)
            if digest != self._digests.get(name, digest):
                self._bus.emit(STEP_ARGUMENTS_CHANGED({"step": name}), **self._context)
            kept: T = self._journal[name]
            return kept
        self._reach(name)

        async def attempt() -> T:
            await self.saying.take_back(name)
            with self.saying.within(name):
                return await work(*arguments, **named_arguments)

        self.tell_if_begun(name)
        settled = None if repeat else await self._begin(name)
        value = await self._try(name, attempt, timeout, retry) if settled is None else settled.value
        said = self.saying.of(name)
        await self._record(name, value, digest, {SAID + name: said} if said else {})
        self.saying.keep(name)
        self._may_have_begun = False
        result: T = json.loads(json.dumps(value)) if isinstance(value, dict | list | tuple) else value
        self._journal[name] = result
        return result

    async def _begin(self, name: str) -> Settled | None:
        """Commit that a step begins. Where it began before, a person says what became of it: None to do it now."""
        before = self._journal.get(BEGAN + name)
        times = 0 if before is None else before["times"]
        settled = None
        if before is not None:
            question = unsure_step(f"{UNSURE}{name} {times}", name, before["at"], self._left_behind)
            settled = settled_by(Answer.from_json_value(await self._wait_for(question, "unsure_step")))
        if settled is None or settled.is_given_up:
            await self._record(BEGAN + name, {"times": times + 1, "at": self._clock.now()})
        if settled is not None and settled.is_given_up:
            raise RoutineError(f"Step {name!a} was given up by a person.", "Retry the task to decide about it again.")
        return settled

    async def _try(self, name: str, attempt: Callable[[], Awaitable[T]], timeout: float | None, retry: Retry) -> T:
        number = 1
        while True:
            try:
                return await _within(name, attempt, timeout)
            except retry.on as error:
                if number >= retry.attempts:
                    raise
                wait = retry.wait_after(number)
                why = show_addresses(str(error))
                self.tell(STEP_RETRIED({"step": name, "attempt": number, "error": why, "retry_in": wait}))
                await self._clock.sleep(wait)
                number += 1

    async def _record(self, name: str, value: Any, digest: str = "", beside: Mapping[str, Any] = _NOTHING) -> None:
        progress = replace(self.take_progress(), values=beside)
        await self.commit(
            lambda: self._store.record_step(
                self.job, self.fence, name, value, self._session_id, digest=digest, progress=progress
            )
        )

    async def commit(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write what was done, however long the database is away: it is not to be done again for that."""
        try:
            await self._insist(write)
        except StoreError as error:
            self.store_error = error
            raise

    def _use(self, name: str) -> None:
        if not isinstance(name, str):
            raise RoutineError(f"The name {reprlib.repr(name)} of a step is no text.", "Name steps by text.")
        if is_own_name(name):
            raise RoutineError(f"The name {name!a} is the runtime's own.", "Choose another.")
        if name in self._used:
            raise RoutineError(
                f"The routine uses the name {name!a} twice.", "Give each step and each question a name of its own."
            )
        self._used.add(name)

    def require(self, shared: str) -> None:
        """Stop here unless this job may use something that jobs share: it works, and for a `MODEL` it is its turn.

        Called within a step, before anything that it tells or does.
        """
        if not self.probing.may_use(shared):
            raise Needs(shared)

    async def spend(self, model: str, spent: Spent) -> None:
        """Keep what one generation took, once, whatever becomes of what was written: it is paid for."""
        self._spendings += 1
        nth = self._spendings
        await self.commit(
            lambda: self._store.record_spending(self.job, self.fence, nth, self._session_id, model, spent)
        )
        await self.probing.has_spent()

    # --- values that are replaced

    async def record_result(self, value: Any) -> None:
        """Journal what the routine returned, once. Raises StaleLease."""
        if RESULT not in self._journal:
            await self._record(RESULT, value)

    async def set_value(self, name: str, value: Any, beside: Mapping[str, Any] = _NOTHING) -> None:
        """Journal a JSON value in the place of the one before, and others `beside` it at once. Raises StaleLease."""
        await self._record(VALUE + name, value, beside={VALUE + each: other for each, other in beside.items()})
        self._may_have_begun = False
        for each, other in {**beside, name: value}.items():
            self._journal[VALUE + each] = other

    def value(self, name: str) -> Any:
        """What was set last under this name; None where nothing was."""
        return self._journal.get(VALUE + name)

    async def set_own(self, name: str, value: Any) -> None:
        """The same for an entry of the runtime's own, by the whole of its name."""
        await self._record(name, value)
        self._journal[name] = value

    def own(self, name: str) -> Any:
        """The entry of the runtime's own; None where there is none."""
        return self._journal.get(name)

    async def renew_lease(self) -> None:
        """Make sure, before something that cannot be taken back, that the job is still ours. Raises StaleLease."""
        await self.commit(lambda: self._store.renew(self.job, self.fence, LEASE_SECONDS))

    keep, kept, hold = set_value, value, renew_lease
    """Other names of these, which routines may use as well."""

    # --- questions

    async def ask(self, question: Question, reason: str = "") -> Answer:
        """The answer to `question`; without one yet, commit question and waiting state and stop here."""
        return Answer.from_json_value(await self.wait_for(question, reason))

    async def wait_for(self, question: Question, reason: str = "") -> dict[str, Any]:
        """What a person answered, as JSON: an `Answer` to a question, a `Decision` to a review.

        Args:
            reason: why the job waits, in a word; empty takes `user_input` or `review`.

        Raises:
            QuestionError: no person can be asked that.
            RoutineError: the name was used before in this routine, or a review holds no draft.
        """
        check_question(question)
        self._use(question.name)
        return await self._wait_for(question, reason)

    async def _wait_for(self, question: Question, reason: str) -> dict[str, Any]:
        if question.name in self._journal:
            self._reach(question.name)
            answer: dict[str, Any] = self._journal[question.name]
            await self.saying.answered(question, answer)
            return answer
        kind = kind_of(question.kind)
        kind.check(question)
        reason = reason or kind.reason
        signals = (
            self._stamp(kind.asked(told_of(question, self._routine, self.task.type))),
            self._stamp(JOB_PAUSED({"reason": reason, "question": question.name})),
        )
        beside = await self.saying.before_question(question)
        progress = replace(self.take_progress(), values=beside)
        await self.commit(
            lambda: self._store.pause(
                self.job, self.fence, question, self._session_id, signals, reason=reason, progress=progress
            )
        )
        self._bus.relay(signals)
        await self.saying.asked(question)
        raise Suspended

    # --- telling

    async def say(self, text: str) -> None:
        """Say the next piece of an answer to whoever asked for this job, as a chat does; else nobody hears it.

        What is said while the journal is read again was said before. An answer is said whole, once, whatever happens;
        where it had to be begun again, whoever listens takes the later one.

        Raises:
            RoutineError: this is no text, or more than one job may say.
        """
        if not isinstance(text, str):
            raise RoutineError(f"The routine says {reprlib.repr(text)}, which is no text.", "Say text.")
        await self.saying.say(text, is_repeat=self.is_replaying)

    def tell_if_begun(self, step: str) -> None:
        """Tell of a step that begins now and may have begun before, with a worker that left the job behind."""
        if self._may_have_begun:
            observation = STEP_MAY_HAVE_BEGUN({"step": step, "worker": str(self._left_behind)})
            self._bus.emit(observation, **self._context)

    def emit(self, name: str, payload: Mapping[str, Any] | None = None, level: str = "info") -> None:
        """Tell what is going on, by a name of the routine's own. Raises RoutineError for what is no signal."""
        _check_signal(name, payload, level)
        self.tell(Observation(name, payload or {}, cast(Level, level)))

    def tell(self, observation: Observation, said_by: SaidBy | None = None) -> None:
        """Tell what is going on, by one of the program's own signals.

        Args:
            said_by: who observed it, where the program only passes it on.
        """
        if not self.is_replaying:
            context = self._context
            if said_by is not None:
                context |= {"source": said_by.source, "backend": said_by.backend}
            self._bus.emit(observation, **context)

    def defer(self, name: str, payload: Mapping[str, Any] | None = None) -> None:
        """Tell something when the job is taken up again, before anything else happens, or at its end.

        It is committed with the step or question that follows. Raises RoutineError for what is no signal.
        """
        _check_signal(name, payload)
        if not self.is_replaying:
            event = DeferredEvent(name, payload or {}, self._clock.now())
            self._deferred = [*(self._deferred or ()), event]

    def take_progress(self) -> Progress:
        """What the next write has to carry: shared data and log where they changed, and all deferred events."""
        return Progress(shared_state(self.shared_data, self.shared_log), self._deferred)

    @property
    def deferred(self) -> tuple[DeferredEvent, ...]:
        """What was deferred since the job was taken up."""
        return tuple(self._deferred or ())

    @property
    def _context(self) -> SignalContext:
        return {"task_id": self.task.id, "job": self.job}

    def _stamp(self, observation: Observation) -> Signal:
        return self._bus.stamp(observation, **self._context)


def _check_signal(name: object, payload: object, level: object = "info") -> None:
    """A plug-in has no type checker at its side, and what cannot be logged must not come to the log."""
    if not (isinstance(name, str) and name and isinstance(payload, Mapping | None) and level in LEVELS):
        raise RoutineError(
            f"The routine tells of {reprlib.repr(name)}, which is no signal.",
            f"Give a name, a mapping as its payload, and one of {', '.join(LEVELS)} as its level.",
        )


async def _within(name: str, attempt: Callable[[], Awaitable[T]], timeout: float | None) -> T:
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            return await attempt()
    except TimeoutError:
        if not deadline.expired():
            raise
        raise StepTimeout(f"Step {name!a} took longer than {timeout:g} s.", "Retry the task.") from None


def digest_of(arguments: tuple[Any, ...], named_arguments: Mapping[str, Any]) -> str:
    """What two calls with equal arguments have in common: 16 hexadecimal digits.

    Arguments that are not JSON count by their type alone; where even that cannot be said, by their number.
    """
    try:
        text = json.dumps(
            [arguments, named_arguments],
            sort_keys=True,
            separators=(",", ":"),
            default=lambda value: type(value).__name__,
        )
    except (TypeError, ValueError, RecursionError):  # keys that have no order, or a value that holds itself
        text = f"{len(arguments)} {sorted(named_arguments)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


Routine = Callable[[Run, Task], Awaitable[Any]]
"""Returns a `Result`, or any JSON value: then the job ended with the outcome `done`, and the journal has the value.

Raises EvolverError when it cannot go on: the job is failed with that sentence and can be retried.
"""


def source_hash(routine: Routine) -> str:
    """What tells a routine from its changed source: 16 hexadecimal digits of its module's file.

    A routine that has a `source_hash` of its own gives that. Empty where there is no file.
    """
    own = getattr(routine, "source_hash", None)
    if isinstance(own, str):
        return own
    name = getattr(routine, "__module__", "") or type(routine).__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    return _hash_of(file) if file else ""


@cache
def _hash_of(file: str) -> str:
    """Of a file whose code this process runs, whatever stands in it later."""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError:
        return ""
