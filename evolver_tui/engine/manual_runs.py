"""Runs that a person asks for by hand, e.g. of drafts that wait for a decision; the session keeps the latest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, Generic, TypeVar, Unpack

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node_run import NodeRun, told_calls
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.signal import SignalContext
from evolver_tui.core.signal_catalogue.author_signals import NODE_TRIED, NodeTried
from evolver_tui.engine.node_runs import NodeRuns, Trial
from evolver_tui.engine.signals import SignalBus

MOST_KEPT: Final = 5
"""Runs of one thing; the latest ones."""

Key = TypeVar("Key", bound=Hashable)


class RunsByHand(Generic[Key]):
    """Runs what has a key, one run of each at a time."""

    def __init__(self, runs: NodeRuns, bus: SignalBus, person: str, *, dry_seconds: float) -> None:
        """Args:
        person: who runs them.
        dry_seconds: how long a run may take whose tools answer dry; a live one may take as long as any.
        """
        self._runs = runs
        self._bus = bus
        self._person = person
        self._dry_seconds = dry_seconds
        self._kept: dict[Key, tuple[NodeRun, ...]] = {}
        self._begun: Counter[Key] = Counter()
        self._running: set[Key] = set()

    def of(self, key: Key) -> tuple[NodeRun, ...]:
        """Its runs, the latest one first."""
        return self._kept.get(key, ())

    def is_running(self, key: Key) -> bool:
        """Whether it is being run at this moment."""
        return key in self._running

    async def _try_out(
        self, key: Key, named: str, make: Callable[[str], Awaitable[Trial]], **context: Unpack[SignalContext]
    ) -> NodeRun:
        """Run it once, and tell of that.

        Args:
            named: what it is in a sentence.
            make: makes the trial, called with the run's name.

        Raises:
            NodeError: it is being run already.
            SandboxError: nothing here can hold it, or no process can be started.
        """
        if self.is_running(key):
            raise NodeError(f"{named} is being run by hand at this moment.", "Wait for its end.")
        self._running.add(key)
        try:
            trial = await make(f"by hand {self._begun[key] + 1}")
            run = await self._runs.try_out(trial)
        finally:
            self._running.discard(key)
        self._begun[key] += 1
        self._kept[key] = (run, *self.of(key))[:MOST_KEPT]
        self._tell(trial.node_id, run, context)
        return run

    def _seconds(self, is_live: bool) -> float | None:
        return None if is_live else self._dry_seconds

    def _tell(self, node_id: str, run: NodeRun, context: SignalContext) -> None:
        payload: NodeTried = {
            "node_id": node_id,
            "inputs": 1,
            "succeeded": int(run.succeeded),
            "box": run.tier,
            "by": self._person,
            "live": run.is_live,
        }
        if run.error:
            payload["error"] = run.error
        if calls := told_calls([run]):
            payload["tool_calls"] = calls
        self._bus.emit(NODE_TRIED(payload, level="info" if run.succeeded else "warning"), **context)


class ManualRuns(RunsByHand[int]):
    """Runs of drafts; the key is the number of the question that a draft waits for."""

    async def run(self, asked: OpenQuestion, value: Mapping[str, Any], *, is_live: bool = False) -> NodeRun:
        """Run the draft that a question is about on an input, to its end or a limit's. Cancelling ends it.

        Args:
            is_live: whether its tools answer in earnest, which may cost money.

        Raises:
            NodeError: there is no draft, or it is being run already.
            SandboxError: nothing here can hold it, or no process can be started.
        """
        subject = ReviewSubject.of(asked)
        draft, tools = subject.draft, subject.report.tools

        async def trial(name: str) -> Trial:
            return Trial(draft.node_id, draft.code, tools, name, value, self._seconds(is_live), is_live)

        return await self._try_out(asked.id, "This draft", trial, task_id=asked.task_id, job=asked.job)
