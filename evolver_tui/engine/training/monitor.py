"""Watches the training runs of several places, for a screen or a shell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.source import RunSource, SourceMaker

TrainingMonitorMaker = Callable[[], "TrainingMonitor"]
"""Makes a monitor, and imports what it needs; called in a thread. Raises EvolverError where there can be none."""


class WatchedRun(NamedTuple):
    """A run and where it is seen."""

    source: RunSource
    run: TrainingRun

    @property
    def key(self) -> tuple[str, str]:
        """What no other run here has."""
        return self.source.standing.place, self.run.run_id


class TrainingMonitor:
    """All runs of its places, while it is open."""

    def __init__(self, sources: Sequence[RunSource], make_source: SourceMaker) -> None:
        self.sources = list(sources)
        self._make_source = make_source

    async def open(self) -> None:
        """Begin to read. What is wrong with a place is told by its standing."""
        await asyncio.gather(*(source.open() for source in self.sources))

    async def close(self) -> None:
        """Let go of all places."""
        await asyncio.gather(*(source.close() for source in self.sources))

    async def watch(self, place: str) -> RunSource:
        """Watch a further path or URL; one that is watched already is given back. Raises UsageError."""
        source = self._make_source(place)
        for known in self.sources:
            if known.standing.place == source.standing.place:
                return known
        await source.open()
        self.sources.append(source)
        return source

    @property
    def changes(self) -> int:
        """Counts all that changed."""
        return sum(source.changes for source in self.sources) + len(self.sources)

    @property
    def runs(self) -> list[WatchedRun]:
        """Every run: those that train first, the latest told of on top."""
        found = [WatchedRun(source, run) for source in self.sources for run in source.runs.values()]
        return sorted(found, key=lambda each: (each.run.is_over, -each.run.last_at))
