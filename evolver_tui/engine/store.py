"""The database as a whole, for whoever opens it and hands its parts to those who need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evolver_tui.core.errors import StoreBroken
from evolver_tui.engine.answer_rule_store import AnswerRuleReader, AnswerRuleStore
from evolver_tui.engine.chat_store import ChatStore
from evolver_tui.engine.durable.worker_store import WorkerStore
from evolver_tui.engine.inbox_store import InboxStore
from evolver_tui.engine.intake import IntakeStore
from evolver_tui.engine.learning_store import LearningStore
from evolver_tui.engine.readers import DecidedReader, DecisionReader, JobReader, QueueReader, SpendingReader
from evolver_tui.engine.signal_log import LogReader, SignalLog
from evolver_tui.engine.training_store import TrainingStore


class ReadStore(
    QueueReader, JobReader, DecisionReader, DecidedReader, SpendingReader, LogReader, AnswerRuleReader, Protocol
):
    """Everything durable, for whoever reads it and changes nothing."""

    async def open(self) -> None:
        """Open the database, bring its layout up to date. Raises StoreError for a layout newer than this program."""

    async def close(self) -> None:
        """Commit what was accepted and let go of the file."""


class Store(
    IntakeStore, WorkerStore, InboxStore, AnswerRuleStore, SignalLog, ChatStore, LearningStore, TrainingStore,
    ReadStore, Protocol,
):  # fmt: skip
    """Everything durable."""

    def watch(self, listener: Callable[[bool], None]) -> None:
        """Call `listener`, in the loop's thread, soon after another process changed jobs or questions here.

        It is told whether a job may wait for a worker.
        """

    def watch_broken(self, listener: Callable[[StoreBroken], None]) -> None:
        """Call `listener`, in the loop's thread, once it is known that nothing more can be written here."""
