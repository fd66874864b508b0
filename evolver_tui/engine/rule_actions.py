"""What a rule asks for, done by the parts of a session that a person's keys use as well."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import EvolverError, NotWaiting
from evolver_tui.core.failure_run import SOME_TIMES
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.rule import PAUSE, RULE, ActionKind, Firing, Rule, RuleAction
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal, SignalContext
from evolver_tui.core.signal_catalogue.author_signals import NODE_SET_ASIDE
from evolver_tui.core.signal_catalogue.rule_signals import RULE_FAILED, RULE_FIRED, RuleFired
from evolver_tui.engine.answer_rules import AnswerRules
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.readers import JobReader
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.subscription import Subscription

_MOST_ERROR_CHARACTERS: Final = 300
_OF_JOBS: Final = frozenset((ActionKind.TAG, ActionKind.PRIORITY, ActionKind.REVIEW))

Send = Callable[[str, Signal], None]
"""Hands a signal to the listener of this name. Raises EvolverError where there is none."""


class RuleActions:
    """Does what rules ask for, and tells of it: nothing where nothing changed by it."""

    def __init__(
        self, bus: SignalBus, *, hub: Subscription, inbox: Inbox, remembered: AnswerRules, jobs: JobReader,
        library: Library, send: Send,
    ) -> None:  # fmt: skip
        self._bus = bus
        self._hub = hub
        self._inbox = inbox
        self._remembered = remembered
        self._jobs = jobs
        self._library = library
        self.send = send
        """Reaches the listeners that have a name."""
        self._failures: Counter[tuple[str, str]] = Counter()
        self._unmarked: set[str | int] = set()
        """Jobs and task ids that a person has to review, and of which the database does not know that."""

    async def act(self, firing: Firing) -> None:
        """Do what is due."""
        rule, signal = firing.rule, firing.signal
        done: list[RuleAction] = []
        marks = [action for action in firing.actions if action.kind in _OF_JOBS]
        for action in firing.actions:
            if action.kind not in _OF_JOBS and await self._attempt(rule, [action], self._do(action, firing)):
                done.append(action)
        job = next((key for key in _keys_of(signal) if isinstance(key, int)), None)
        if marks:
            marked = await self._attempt(rule, marks, self._mark(rule, marks, signal))
            done += marks if marked else []
            job = marked or job
        if done:
            self._tell(firing, done, job)

    async def needs_review(self, job: int) -> bool:
        """Whether a rule wanted a person to review this job's draft. Raises StoreError."""
        detail = await self._jobs.job(job)
        if job in self._unmarked or (detail is not None and detail.row.task_id in self._unmarked):
            return True
        return detail is not None and detail.marks.needs_review

    def let_review(self, signal: Signal) -> None:
        """Let a person review whatever comes of the job that a signal is about, as long as this session runs."""
        self._unmarked.update(_keys_of(signal))

    def forget_failures(self) -> None:
        """Tell of what fails as if it were the first time."""
        self._failures.clear()

    def fail(self, rule: str, action: str, error: str, *, once: bool = False) -> None:
        """Tell that something could not be done.

        Args:
            once: not again for the same rule and action, however often it is.
        """
        self._failures[rule, action] += 1
        failures = self._failures[rule, action]
        if failures == 1 or (not once and failures in SOME_TIMES):
            told = safe_text(show_addresses(error), _MOST_ERROR_CHARACTERS)
            self._bus.emit(
                RULE_FAILED({"rule": rule, "action": action, "error": told, "failures": failures}), rule=rule
            )

    async def _attempt(self, rule: Rule, actions: Sequence[RuleAction], work: Awaitable[int]) -> int:
        """What the work gives; 0 where it could not be done."""
        try:
            return await work
        except EvolverError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a listener does, the other rules go on
            problem = repr(error)
        is_answer = any(action.kind is ActionKind.ANSWER for action in actions)
        self.fail(rule.name, ", ".join(map(str, actions)), problem, once=is_answer)
        return 0

    def _tell(self, firing: Firing, done: Sequence[RuleAction], job: int | None) -> None:
        payload: RuleFired = {
            "rule": firing.rule.name,
            "signal": firing.signal.name,
            "actions": [str(action) for action in done],
        }
        notices = [action.value for action in done if action.kind is ActionKind.NOTIFY]
        if notices:
            payload["notice"] = notices[0]
        if any(action.kind is ActionKind.SET_ASIDE for action in done):
            payload["node_id"] = str(firing.signal.payload.get("node_id"))
        if firing.held_back:
            payload["held_back"] = firing.held_back
        context: SignalContext = {"rule": firing.rule.name}
        task_id = firing.signal.context.get("task_id")
        if isinstance(task_id, str):
            context["task_id"] = task_id
        if job is not None:
            context["job"] = job
        self._bus.emit(RULE_FIRED(payload, level="warning" if notices else None), **context)

    # --- each kind

    async def _do(self, action: RuleAction, firing: Firing) -> bool:
        """Whether it changed something. Raises EvolverError."""
        rule, signal = firing.rule, firing.signal
        match action.kind:
            case ActionKind.SEND:
                self.send(action.value, Signal(signal.name, signal.payload, {**signal.context, RULE: rule.name}))
            case ActionKind.INTAKE:
                return self._hold(rule, is_pause=action.value == PAUSE)
            case ActionKind.SET_ASIDE:
                return await self._set_aside(rule, signal)
            case ActionKind.ANSWER:
                return await self._answer(int(action.value), signal)
        return True

    def _hold(self, rule: Rule, *, is_pause: bool) -> bool:
        """Raises NotWaiting."""
        if self._hub.is_paused is is_pause:
            return False
        if not is_pause and not self._hub.paused_by:
            raise NotWaiting("A person holds the hub's messages back.", "No rule lets them come again.")
        self._hub.pause(is_pause, rule.name)
        return True

    async def _set_aside(self, rule: Rule, signal: Signal) -> bool:
        """Raises NodeError, NotWaiting."""
        node_id = signal.payload.get("node_id")
        if not isinstance(node_id, str):
            raise NotWaiting(f"{signal.name} names no node.", "Name a signal that does, as node.saved.")
        is_changed = await asyncio.to_thread(self._library.set_aside, node_id, f"rule {rule.name}")
        if is_changed:
            self._bus.emit(NODE_SET_ASIDE({"node_id": node_id, "by": f"rule {rule.name}"}), rule=rule.name)
        return is_changed

    async def _answer(self, number: int, signal: Signal) -> bool:
        """Raises QuestionError, StoreError."""
        job = await self._job_of(signal)
        return job is not None and await self._remembered.give(number, job, str(signal.payload.get("question")))

    async def _mark(self, rule: Rule, actions: Sequence[RuleAction], signal: Signal) -> int:
        """The job that was changed by it; 0 for none. Raises NotWaiting, StoreError."""
        change = MarkChange(
            tags=tuple(action.value for action in actions if action.kind is ActionKind.TAG),
            priority=next((action.value for action in actions if action.kind is ActionKind.PRIORITY), ""),
            needs_review=any(action.kind is ActionKind.REVIEW for action in actions),
            note=f"Rule {rule.name}: {', '.join(map(str, actions))}.",
        )
        if change.needs_review:
            self.let_review(signal)  # it counts from here on, whether or not it can be written
        job = await self._job_of(signal)
        if job is None:
            raise NotWaiting("The signal is about no job.", "Name a signal that tells of one.")
        is_changed = await self._inbox.mark(job, change, rule=rule.name)
        if change.needs_review:
            self._unmarked.difference_update(_keys_of(signal))
        return job if is_changed else 0

    async def _job_of(self, signal: Signal) -> int | None:
        """Raises StoreError."""
        keys = _keys_of(signal)
        job = next((key for key in keys if isinstance(key, int)), None)
        task_id = next((key for key in keys if isinstance(key, str)), None)
        return job if job is not None or task_id is None else await self._jobs.job_of_task(task_id)


def _keys_of(signal: Signal) -> Sequence[str | int]:
    """The job and the task id that a signal names."""
    job, task_id = signal.context.get("job"), signal.context.get("task_id")
    keys: list[str | int] = []
    if isinstance(job, int) and not isinstance(job, bool):
        keys.append(job)
    if isinstance(task_id, str):
        keys.append(task_id)
    return keys
