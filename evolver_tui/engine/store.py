"""The database as a whole, for whoever opens it and hands its parts to those who need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evolver_tui.core.errors import StoreBroken
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.inbox_store import InboxStore
from evolver_tui.engine.intake import IntakeStore
from evolver_tui.engine.readers import JobReader, QueueReader
from evolver_tui.engine.signal_log import LogReader, SignalLog


class ReadStore(QueueReader, JobReader, LogReader, Protocol):
    """Everything durable, for whoever reads it and changes nothing."""

    async def open(self) -> None:
        """Open the database, bring its layout up to date. Raises StoreError for a layout newer than this program."""

    async def close(self) -> None:
        """Commit what was accepted and let go of the file."""


class Store(IntakeStore, WorkerStore, InboxStore, SignalLog, ReadStore, Protocol):
    """Everything durable."""

    def watch(self, listener: Callable[[bool], None]) -> None:
        """Call `listener`, in the loop's thread, soon after another process changed jobs or questions here.

        It is told whether a job may wait for a worker.
        """

    def watch_broken(self, listener: Callable[[StoreBroken], None]) -> None:
        """Call `listener`, in the loop's thread, once it is known that nothing more can be written here."""
