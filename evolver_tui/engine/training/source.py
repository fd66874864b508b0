"""Where training runs are seen: a folder, a file that somebody writes, a progress server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from evolver_tui.core.training.training_run import TrainingRun


class SourceStanding(NamedTuple):
    """How a source is read at present."""

    place: str
    """Its address or path, as shown."""
    way: str
    """How it is read: `websocket`, `polling`, `http`, `run file`, `folder`, `TensorBoard`, `trackio`, ..."""
    is_up: bool
    reason: str = ""
    """Why it is not, or what is amiss, as a sentence; empty where all is well."""


class RunSource(Protocol):
    """Runs of one place, while it is open. Everything of it happens in the event loop but the reading of files."""

    @property
    def standing(self) -> SourceStanding:
        """How it is read at present."""

    @property
    def runs(self) -> Mapping[str, TrainingRun]:
        """Runs by id. The objects stay the same and grow; of those that nobody follows only the latest may be known."""

    @property
    def changes(self) -> int:
        """Counts all that changed."""

    async def open(self) -> None:
        """Begin to read. A place that is not there yet is waited for. Raises UsageError for what can be none."""

    async def close(self) -> None:
        """Let go of it."""

    def follow(self, run_id: str) -> None:
        """This run is looked at: read the whole of it, and what comes, until another one is followed."""


class SettlingSource(RunSource, Protocol):
    """One of which it is known when all was read that there is at present."""

    async def settled(self) -> None:
        """Wait for that, or until it is clear that it cannot be read for now."""

    @property
    def needs_name(self) -> bool:
        """Whether it shows no run but those that are followed."""


class NoSource:
    """Stands for a place that can be none, and says why."""

    def __init__(self, place: str, reason: str) -> None:
        self.standing = SourceStanding(place, "nothing", False, reason)
        self.runs: Mapping[str, TrainingRun] = {}
        self.changes = 0

    async def open(self) -> None:
        """There is nothing to read."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    def follow(self, run_id: str) -> None:
        """There are no runs."""


SourceMaker = Callable[[str], RunSource]
"""Makes the source of a path or URL, not opened. Raises UsageError for what can be none."""
