"""Rules in a session: they hear what it tells, and what they ask for is done by the session's own parts.

What is heard waits in a bounded queue; it is folded in a thread, since expressions may take a moment, and what is due
is done in the event loop, one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import EvolverError, NotWaiting
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.rule import (
    PAUSE,
    RULE,
    ActionKind,
    Firing,
    Rule,
    RuleAction,
    RuleSet,
    States,
    Trouble,
    fold,
    is_of_a_rule,
    kept_states,
    next_due,
    subject_of,
)
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal, SignalContext
from evolver_tui.core.signal_catalogue.author_signals import NODE_SET_ASIDE
from evolver_tui.core.signal_catalogue.rule_signals import RULE_FAILED, RULE_FIRED, RULE_LOADED, RuleFired
from evolver_tui.core.signal_catalogue.session_signals import CONFIG_NOTICE
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.inbox import Inbox
from evolver_tui.engine.readers import JobReader
from evolver_tui.engine.signals import SOME_TIMES, SignalBus
from evolver_tui.engine.subscription import Subscription

CAPACITY: Final = 10_000
"""Signals that concern some rule and wait to be looked at; those beyond are passed over, and that is told."""
LOOK_SECONDS: Final = 1.0
"""Between two looks at the file."""
SECONDS_AT_THE_END: Final = 2.0
"""How long a session that ends waits for what its rules have still to do."""
_AT_ONCE: Final = 200
"""Jobs that are marked side by side: they share a commit."""
_MOST_NAMES: Final = 2_000
"""Names of signals of which it is remembered whether they concern a rule."""
_MOST_ERROR_CHARACTERS: Final = 300

Send = Callable[[str, Signal], None]
"""Hands a signal to the listener of this name. Raises EvolverError where there is none."""


class RuleFile(Protocol):
    """Where the rules stand."""

    def look(self) -> RuleSet | None:
        """The rules, where the file is another than at the look before; else None. Blocks for a moment."""


def no_listeners(name: str, signal: Signal) -> None:
    """A `Send` where no listener has a name. Raises NotWaiting."""
    raise NotWaiting(f"There is no listener {safe_text(name, 60)}.", "Name it in the config.")


class _Ears:
    """Knows which signals concern some rule, by their names."""

    __slots__ = ("_known", "_rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._known: dict[str, bool] = {}

    def are_for(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = any(rule.hears(name) for rule in self._rules)
            if len(self._known) < _MOST_NAMES:
                self._known[name] = known
        return known


class Rules:
    """The rules of one session, from `open` to `close`.

    They act on what this session tells and no other. Whatever they do says so by `rule` in its context, and what says
    so is heard by no rule.
    """

    def __init__(
        self,
        file: RuleFile | None,
        bus: SignalBus,
        clock: Clock,
        *,
        session_id: str,
        hub: Subscription,
        inbox: Inbox,
        jobs: JobReader,
        library: Library,
        send: Send = no_listeners,
    ) -> None:
        """Args:
        file: None for none, and no rule.
        """
        self._file = file
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self._hub = hub
        self._inbox = inbox
        self._jobs = jobs
        self._library = library
        self.send = send
        """Reaches the listeners that have a name."""
        self.found = RuleSet()
        """Those that are in force, and what is wrong with others."""
        self._active: Sequence[Rule] = ()
        self._ears = _Ears(())
        self._states: States = {}
        self._queue: deque[tuple[Signal, float]] = deque()
        self._passed_over = 0
        self._is_armed = self._is_busy = self._is_listening = False
        self._news, self._rested = asyncio.Event(), asyncio.Event()
        self._alarm: asyncio.Task[None] | None = None
        self._tasks: Sequence[asyncio.Task[None]] = ()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failures: Counter[tuple[str, str]] = Counter()
        self._told_problems: set[str] = set()
        self._unmarked: set[int] = set()
        """Jobs that a person has to review, which the database does not know."""

    # --- life

    async def open(self) -> None:
        """Read the file and begin to hear."""
        if self._file is None:
            return
        self._loop = asyncio.get_running_loop()
        await self.look()
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._follow())]

    async def close(self) -> None:
        """Do what is due by now, as far as there is time for it, and hear nothing more."""
        if not self._tasks:
            return
        self._listen(False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_AT_THE_END):
                await self.settled()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._tasks = ()
        self._rested.set()
        self._set_alarm(None)

    async def look(self) -> None:
        """Look at the file, and let it count if it changed."""
        assert self._file is not None
        found = await asyncio.to_thread(self._file.look)
        if found is None:
            return
        await self.settled()
        if not found.is_readable:
            found = replace(found, rules=self.found.rules)
        self._states = kept_states(self.found.rules, found.rules, self._states)
        was_empty = self.found == RuleSet()
        self.found, self._active, self._ears = found, found.rules, _Ears(found.rules)
        self._failures.clear()
        problems = [str(problem) for problem in found.problems]
        for problem in problems:
            if problem not in self._told_problems:
                self._bus.emit(CONFIG_NOTICE({"notice": problem}))
        self._told_problems = set(problems)
        if not (was_empty and found == RuleSet()):
            self._bus.emit(RULE_LOADED({"rules": len(found.rules), "problems": len(problems)}))
        self._listen(bool(found.rules))
        self._news.set()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the looking
                self._fail("", "", repr(error), 1)

    def _listen(self, is_wanted: bool) -> None:
        if is_wanted is not self._is_listening:
            self._is_listening = is_wanted
            if is_wanted:
                self._bus.registry.register_all(self._hear, stays=True)
            else:
                self._bus.registry.unregister(self._hear)

    # --- what is heard, in any thread

    def _hear(self, signal: Signal) -> None:
        if (
            not self._ears.are_for(signal.name)
            or is_of_a_rule(signal)
            or signal.context.get("session_id") != self._session_id
        ):
            return
        if len(self._queue) >= CAPACITY:
            self._passed_over += 1
            return
        self._queue.append((signal, self._clock.now()))
        if not self._is_armed and self._loop is not None:
            self._is_armed = True
            self._loop.call_soon_threadsafe(self._news.set)

    # --- what is due

    async def settled(self) -> None:
        """Return when all that was heard so far was looked at, and done."""
        while self._tasks and (self._queue or self._is_busy):
            self._rested.clear()
            await self._rested.wait()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            self._is_busy, self._is_armed = True, False
            try:
                await self._take()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end all rules
                self._fail("", "", repr(error), 1)
            finally:
                self._is_busy = False
                self._rested.set()
            self._set_alarm(next_due(self._active, self._states))

    async def _take(self) -> None:
        heard: list[tuple[Signal | None, float]] = [self._queue.popleft() for _ in range(len(self._queue))]
        now = self._clock.now()
        firings, troubles = await asyncio.to_thread(self._fold, [*heard, (None, now)])
        for trouble in troubles:
            self._tell_trouble(trouble)
        for some in _side_by_side(firings):
            await asyncio.gather(*map(self._act, some))
        passed_over, self._passed_over = self._passed_over, 0
        if passed_over:
            error = f"{passed_over:,} signals came too fast, and no rule looked at them."
            self._bus.emit(RULE_FAILED({"rule": "", "action": "", "error": error, "failures": passed_over}))

    def _fold(self, heard: Iterable[tuple[Signal | None, float]]) -> tuple[list[Firing], list[Trouble]]:
        firings: list[Firing] = []
        troubles: list[Trouble] = []
        for signal, now in heard:
            self._states, fired, unclear = fold(self._active, self._states, signal, now)
            firings += fired
            troubles += unclear
            final = {trouble.rule.name for trouble in unclear if trouble.error.is_final}
            if final:
                self._active = [rule for rule in self._active if rule.name not in final]
        return firings, troubles

    def _set_alarm(self, due: float | None) -> None:
        """Look again at this time, if nothing is heard before."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if due is None else asyncio.create_task(self._ring(due))

    async def _ring(self, due: float) -> None:
        await self._clock.sleep(max(0.0, due - self._clock.now()))
        self._news.set()

    def _tell_trouble(self, trouble: Trouble) -> None:
        """Once for each rule, however often it is."""
        key = (trouble.rule.name, "if")
        self._failures[key] += 1
        if self._failures[key] == 1 or trouble.error.is_final:
            rests = " It is left out until the file changes." if trouble.error.is_final else ""
            self._fail(trouble.rule.name, "if", f"{trouble.error}{rests}", 1)

    # --- what is done

    async def _act(self, firing: Firing) -> None:
        rule, signal = firing.rule, firing.signal
        done: list[RuleAction] = []
        marks = [action for action in firing.actions if action.kind in _OF_JOBS]
        for action in firing.actions:
            if action.kind not in _OF_JOBS and await self._attempt(rule, [action], self._do(action, firing)):
                done.append(action)
        job = _number(signal.context.get("job"))
        if marks:
            job = job if job is not None else await self._job_of(signal)
            if await self._attempt(rule, marks, self._mark(rule, marks, job)):
                done += marks
        if done:
            self._tell(firing, done, job)

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

    async def _attempt(self, rule: Rule, actions: Sequence[RuleAction], work: Awaitable[bool]) -> bool:
        """Whether it was done, and changed something."""
        try:
            return await work
        except EvolverError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a listener does, the other rules go on
            problem = repr(error)
        words = ", ".join(map(str, actions))
        key = (rule.name, words)
        self._failures[key] += 1
        if self._failures[key] in SOME_TIMES:
            self._fail(rule.name, words, problem, self._failures[key])
        return False

    def _fail(self, rule: str, action: str, error: str, failures: int) -> None:
        told = safe_text(show_addresses(error), _MOST_ERROR_CHARACTERS)
        self._bus.emit(RULE_FAILED({"rule": rule, "action": action, "error": told, "failures": failures}), rule=rule)

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

    async def _job_of(self, signal: Signal) -> int | None:
        task_id = signal.context.get("task_id")
        if not isinstance(task_id, str):
            return None
        with contextlib.suppress(EvolverError):
            return await self._jobs.job_of_task(task_id)
        return None

    async def _mark(self, rule: Rule, actions: Sequence[RuleAction], job: int | None) -> bool:
        """Raises NotWaiting, StoreError."""
        if job is None:
            raise NotWaiting("The signal is about no job.", "Name a signal that tells of one.")
        change = MarkChange(
            tags=tuple(action.value for action in actions if action.kind is ActionKind.TAG),
            priority=next((action.value for action in actions if action.kind is ActionKind.PRIORITY), ""),
            needs_review=any(action.kind is ActionKind.REVIEW for action in actions),
            note=f"Rule {rule.name}: {', '.join(map(str, actions))}.",
        )
        if change.needs_review:
            self._unmarked.add(job)
        is_changed = await self._inbox.mark(job, change, rule=rule.name)
        self._unmarked.discard(job)
        return is_changed

    async def needs_review(self, job: int) -> bool:
        """Whether a rule wants a person to review this job's draft, after all that was told so far.

        Raises StoreError.
        """
        await self.settled()
        detail = await self._jobs.job(job)
        return job in self._unmarked or (detail is not None and detail.marks.needs_review)


_OF_JOBS: Final = frozenset((ActionKind.TAG, ActionKind.PRIORITY, ActionKind.REVIEW))


def _side_by_side(firings: Iterable[Firing]) -> Iterator[list[Firing]]:
    """The firings in their order, in groups in which no two are about the same thing."""
    group: dict[str, Firing] = {}
    for firing in firings:
        subject = subject_of(firing.signal)
        if len(group) == _AT_ONCE or subject in group:
            yield [*group.values()]
            group = {}
        group[subject] = firing
    yield [*group.values()]


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
