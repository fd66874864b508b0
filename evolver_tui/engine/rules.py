"""Rules in a session: they hear what it tells, and what they ask for is done by the session's own parts.

What is heard waits in a bounded queue; it is folded in a thread, since expressions may take a moment, and what is due
is done in the event loop, one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from evolver_tui.core.answer_rule import AnswerRule
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.rule import (
    ActionKind,
    Firing,
    Rule,
    RuleSet,
    States,
    Trouble,
    fold,
    is_of_a_rule,
    kept_states,
    next_due,
    subject_of,
)
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.inbox_signals import QUESTION_ASKED
from evolver_tui.core.signal_catalogue.rule_signals import RULE_LOADED
from evolver_tui.core.signal_catalogue.session_signals import CONFIG_NOTICE
from evolver_tui.engine.clock import Clock
from evolver_tui.engine.rule_actions import RuleActions
from evolver_tui.engine.signals import SignalBus

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


class RuleFile(Protocol):
    """Where the rules stand."""

    def look(self) -> RuleSet | None:
        """The rules, where the file is another than at the look before; else None. Blocks for a moment."""


class RememberedAnswers(Protocol):
    """The answers that persons had remembered."""

    async def in_force(self) -> Sequence[AnswerRule]:
        """Those that may answer now; of several that cover a question, the first one that fits answers."""

    async def catch_up(self, rule: AnswerRule) -> object:
        """Answer what waits and is covered by one."""


class _Ears:
    """Knows which signals concern some rule, by their names."""

    __slots__ = ("_known", "_rules")

    def __init__(self, rules: Sequence[Rule], *names: str) -> None:
        """Args:
        names: of signals that are wanted besides.
        """
        self._rules = rules
        self._known = dict.fromkeys(names, True)

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
        actions: RuleActions,
        remembered: RememberedAnswers | None = None,
    ) -> None:
        """Args:
        file: None for none.
        actions: does what they ask for.
        remembered: what is looked at whenever something is asked; None for none.
        """
        self._file = file
        self._remembered = remembered
        self._bus = bus
        self._clock = clock
        self._session_id = session_id
        self.actions = actions
        self.found = RuleSet()
        """Those that are in force, and what is wrong with others."""
        self._active: Sequence[Rule] = ()
        self._ears = self._ears_for(())
        self._states: States = {}
        self._queue: deque[tuple[Signal, float]] = deque()
        self._passed_over = 0
        self._is_armed = self._is_busy = self._is_listening = False
        self._news, self._rested = asyncio.Event(), asyncio.Event()
        self._alarm: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_blind = False
        """Whether signals were passed over, or a rule is left out: nobody knows what it would have made of them."""
        self._told_problems: set[str] = set()
        self._has_told = False
        """Whether it was told last that there are rules, or problems."""

    # --- life

    async def open(self) -> None:
        """Read the file and begin to hear; `tell` says what was read."""
        if self._file is None and self._remembered is None:
            return
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._work())]
        if self._file is not None:
            await self._take_in()
            self._tasks.append(asyncio.create_task(self._follow()))
        if self._remembered is not None:
            self._listen(True)
            self._tasks.append(asyncio.create_task(self._catch_up(self._remembered)))

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
        self._tasks = []
        self._rested.set()
        self._set_alarm(None)

    async def look(self) -> None:
        """Look at the file, and let it count, and tell of it, if it changed."""
        if await self._take_in():
            self.tell()

    async def _take_in(self) -> bool:
        """Let the file count if it changed; whether it did."""
        assert self._file is not None
        found = await asyncio.to_thread(self._file.look)
        if found is None:
            return False
        await self.settled()
        if not found.is_readable:
            found = replace(found, rules=self.found.rules)
        self._states = kept_states(self.found.rules, found.rules, self._states)
        self.found, self._active, self._ears = found, found.rules, self._ears_for(found.rules)
        self.actions.forget_failures()
        self._listen(bool(found.rules) or self._remembered is not None)
        self._news.set()
        return True

    def tell(self) -> None:
        """Tell which rules there are, if there are or were any, and what is wrong with others."""
        problems = [str(problem) for problem in self.found.problems]
        for problem in problems:
            if problem not in self._told_problems:
                self._bus.emit(CONFIG_NOTICE({"notice": problem}))
        self._told_problems = set(problems)
        has_any = self.found != RuleSet()
        if has_any or self._has_told:
            self._bus.emit(RULE_LOADED({"rules": len(self.found.rules), "problems": len(problems)}))
        self._has_told = has_any

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the looking
                self.actions.fail("", "", repr(error))

    async def _catch_up(self, remembered: RememberedAnswers) -> None:
        """Answer what was asked while nobody heard it, as when a session ended in between."""
        try:
            for rule in await remembered.in_force():
                await remembered.catch_up(rule)
        except Exception as error:  # noqa: BLE001 - what is asked from here on is answered all the same
            self.actions.fail("", ActionKind.ANSWER, str(error))

    def _ears_for(self, rules: Sequence[Rule]) -> _Ears:
        return _Ears(rules, *(() if self._remembered is None else (QUESTION_ASKED.name,)))

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
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left who would do anything
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
                self.actions.fail("", "", repr(error))
            finally:
                self._is_busy = False
                self._rested.set()
            self._set_alarm(next_due(self._active, self._states))

    async def _take(self) -> None:
        heard: list[tuple[Signal | None, float]] = [self._queue.popleft() for _ in range(len(self._queue))]
        now = self._clock.now()
        remembered = await self._remembered_for(heard)
        firings, troubles = await asyncio.to_thread(self._fold, [*heard, (None, now)], remembered)
        for trouble in troubles:
            self._tell_trouble(trouble)
        for some in _side_by_side(firings):
            await asyncio.gather(*map(self.actions.act, some))
        passed_over, self._passed_over = self._passed_over, 0
        if passed_over:
            self._is_blind = True
            self.actions.fail("", "", f"{passed_over:,} signals came too fast, and no rule looked at them.")

    async def _remembered_for(self, heard: Iterable[tuple[Signal | None, float]]) -> Sequence[Rule]:
        """The remembered answers as rules, where something is asked."""
        is_asked = any(signal is not None and signal.name == QUESTION_ASKED.name for signal, _ in heard)
        if self._remembered is None or not is_asked:
            return ()
        try:
            return [rule.as_rule() for rule in await self._remembered.in_force()]
        except EvolverError as error:
            self.actions.fail("", ActionKind.ANSWER, str(error))
            return ()

    def _fold(
        self, heard: Iterable[tuple[Signal | None, float]], remembered: Sequence[Rule]
    ) -> tuple[list[Firing], list[Trouble]]:
        firings: list[Firing] = []
        troubles: list[Trouble] = []
        for signal, now in heard:
            self._states, fired, unclear = fold(self._active, self._states, signal, now)
            firings += fired
            firings += fold(remembered, {}, signal, now).firings  # a name of theirs may be one of the file's as well
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
        """Once for each rule, however often it is; where a signal was too much to be judged, a person reviews."""
        rule, error = trouble.rule, trouble.error
        if error.is_too_much and any(action.kind is ActionKind.REVIEW for action in rule.actions):
            self.actions.let_review(trouble.signal)
        if error.is_final:
            self._is_blind = True
            self.actions.fail(rule.name, "if", f"{error} It is left out until the file changes.")
        else:
            self.actions.fail(rule.name, "if", str(error), once=True)

    async def needs_review(self, job: int) -> bool:
        """Whether a person has to review this job's draft, after all that was told so far; in doubt, one has to.

        Raises StoreError.
        """
        await self.settled()
        is_wanted = any(action.kind is ActionKind.REVIEW for rule in self.found.rules for action in rule.actions)
        return (self._is_blind and is_wanted) or await self.actions.needs_review(job)


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
