"""What is kept of training runs that are served, so that a restart changes nothing for whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class KeptTraining(NamedTuple):
    """A training session."""

    session_id: str
    state_json: str
    """How it stands, as `engine.training.progress_session` writes it: ASCII."""
    next_line: int
    """The number of the first line of its records that was not taken yet."""
    updated_at: float
    """When the latest of it was taken, in seconds since 1970."""
    ended_at: float | None = None


class KeptMoment(NamedTuple):
    """What was told of one moment of a session."""

    number: int
    """Counts within the session, from 1."""
    model: int
    step: int
    metrics_json: str
    """ASCII."""


class TrainingStore(Protocol):
    """Training sessions and their history."""

    async def training_sessions(self) -> Sequence[KeptTraining]:
        """All that are kept. Raises StoreError."""

    async def training_moments(self, session_id: str) -> Sequence[KeptMoment]:
        """The history of one, in its order. Raises StoreError."""

    async def keep_training(self, session: KeptTraining, added: Sequence[KeptMoment], removed: Sequence[int]) -> None:
        """Keep how a session stands, with what came to its history and, by their numbers, without what left it.

        What is kept already stays as it is. Raises StoreError: nothing was written.
        """

    async def forget_training(self, session_ids: Sequence[str]) -> None:
        """Forget sessions with their history. Raises StoreError."""
