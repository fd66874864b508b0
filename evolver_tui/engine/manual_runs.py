"""Runs of a draft that a person asks for while it waits for a decision; they are kept as long as the session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node_run import NodeRun, told_calls
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.signal_catalogue.author_signals import NODE_TRIED, NodeTried
from evolver_tui.engine.node_runs import NodeRuns, Trial
from evolver_tui.engine.signals import SignalBus

MOST_KEPT: Final = 5
"""Runs of one draft; the latest ones."""


class ManualRuns:
    """Runs drafts by hand, one run of each at a time."""

    def __init__(self, runs: NodeRuns, bus: SignalBus, person: str, *, dry_seconds: float) -> None:
        """Args:
        person: who runs them.
        dry_seconds: how long a run may take whose tools answer dry; a live one may take as long as any.
        """
        self._runs = runs
        self._bus = bus
        self._person = person
        self._dry_seconds = dry_seconds
        self._kept: dict[int, tuple[NodeRun, ...]] = {}
        self._begun: Counter[int] = Counter()
        self._running: set[int] = set()

    def of(self, question_id: int) -> tuple[NodeRun, ...]:
        """The runs of the draft that a question is about, the latest one first."""
        return self._kept.get(question_id, ())

    def is_running(self, question_id: int) -> bool:
        """Whether that draft is being run at this moment."""
        return question_id in self._running

    async def run(self, asked: OpenQuestion, value: Mapping[str, Any], *, is_live: bool = False) -> NodeRun:
        """Run the draft that a question is about on an input, to its end or a limit's. Cancelling ends it.

        Args:
            is_live: whether its tools answer in earnest, which may cost money.

        Raises:
            NodeError: there is no draft, or it is being run already.
            SandboxError: nothing here can hold it, or no process can be started.
        """
        subject = ReviewSubject.of(asked)
        if self.is_running(asked.id):
            raise NodeError("This draft is being run by hand at this moment.", "Wait for its end.")
        draft, name = subject.draft, f"by hand {self._begun[asked.id] + 1}"
        seconds = None if is_live else self._dry_seconds
        self._running.add(asked.id)
        try:
            trial = Trial(draft.node_id, draft.code, subject.report.tools, name, value, seconds, is_live)
            run = await self._runs.try_out(trial)
        finally:
            self._running.discard(asked.id)
        self._begun[asked.id] += 1
        self._kept[asked.id] = (run, *self.of(asked.id))[:MOST_KEPT]
        self._tell(asked, draft.node_id, run)
        return run

    def _tell(self, asked: OpenQuestion, node_id: str, run: NodeRun) -> None:
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
        told = NODE_TRIED(payload, level="info" if run.succeeded else "warning")
        self._bus.emit(told, task_id=asked.task_id, job=asked.job)
