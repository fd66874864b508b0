"""Runs of approved nodes that a person asks for by hand; they are kept as long as the session, and are no uses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node_run import NodeRun, told_calls
from evolver_tui.core.signal_catalogue.author_signals import NODE_TRIED, NodeTried
from evolver_tui.engine.example_runs import ExampleLibrary
from evolver_tui.engine.manual_runs import MOST_KEPT
from evolver_tui.engine.node_runs import NodeRuns, Trial
from evolver_tui.engine.signals import SignalBus


class NodeTrials:
    """Runs a node's current version on an input, one run of each node at a time."""

    def __init__(
        self, library: ExampleLibrary, runs: NodeRuns, bus: SignalBus, person: str, *, dry_seconds: float
    ) -> None:
        """The arguments are those of `ManualRuns`."""
        self._library = library
        self._runs = runs
        self._bus = bus
        self._person = person
        self._dry_seconds = dry_seconds
        self._kept: dict[str, tuple[NodeRun, ...]] = {}
        self._begun: Counter[str] = Counter()
        self._running: set[str] = set()

    def of(self, node_id: str) -> tuple[NodeRun, ...]:
        """The latest runs of a node, the last one first."""
        return self._kept.get(node_id, ())

    def is_running(self, node_id: str) -> bool:
        """Whether it is being run at this moment."""
        return node_id in self._running

    async def run(self, node_id: str, value: Mapping[str, Any], *, is_live: bool = False) -> NodeRun:
        """Run it, to its end or a limit's. Cancelling ends it.

        Raises:
            NodeError, NodeChanged: there is no such node, it is not the one that was approved, or it runs already.
            SandboxError: nothing here can hold it, or no process can be started.
        """
        if self.is_running(node_id):
            raise NodeError(f"{node_id} is being run by hand at this moment.", "Wait for its end.")
        self._running.add(node_id)
        try:
            record, code = await asyncio.to_thread(self._library.read, node_id)
            name = f"v{record.version} by hand {self._begun[node_id] + 1}"
            seconds = None if is_live else self._dry_seconds
            run = await self._runs.try_out(Trial(node_id, code, record.tools, name, value, seconds, is_live))
        finally:
            self._running.discard(node_id)
        self._begun[node_id] += 1
        self._kept[node_id] = (run, *self.of(node_id))[:MOST_KEPT]
        payload: NodeTried = {
            "node_id": node_id, "inputs": 1, "succeeded": int(run.succeeded), "box": run.tier, "by": self._person,
            "live": run.is_live,
        }  # fmt: skip
        if run.error:
            payload["error"] = run.error
        if calls := told_calls([run]):
            payload["tool_calls"] = calls
        self._bus.emit(NODE_TRIED(payload, level="info" if run.succeeded else "warning"))
        return run
