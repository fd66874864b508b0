"""Runs of approved nodes that a person asks for by hand; the session keeps the latest, and they are no uses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from evolver_tui.core.node_run import NodeRun
from evolver_tui.engine.example_runs import ExampleLibrary
from evolver_tui.engine.manual_runs import RunsByHand
from evolver_tui.engine.node_runs import NodeRuns, Trial
from evolver_tui.engine.signals import SignalBus


class NodeTrials(RunsByHand[str]):
    """Runs of current versions; the key is a node's id."""

    def __init__(
        self, library: ExampleLibrary, runs: NodeRuns, bus: SignalBus, person: str, *, dry_seconds: float
    ) -> None:
        super().__init__(runs, bus, person, dry_seconds=dry_seconds)
        self._library = library

    async def run(self, node_id: str, value: Mapping[str, Any], *, is_live: bool = False) -> NodeRun:
        """Run a node's current version on an input, to its end or a limit's. Cancelling ends it.

        Raises:
            NodeError, NodeChanged: there is no such node, it is not the one that was approved, or it runs already.
            SandboxError: nothing here can hold it, or no process can be started.
        """

        async def trial(name: str) -> Trial:
            record, code = await asyncio.to_thread(self._library.read, node_id)
            name = f"v{record.version} {name}"
            return Trial(node_id, code, record.tools, name, value, self._seconds(is_live), is_live)

        return await self._try_out(node_id, node_id, trial)
