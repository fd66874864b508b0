"""What is needed of the database to learn from decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from evolver_tui.engine.readers import DecisionReader


class LearningStore(DecisionReader, Protocol):
    """Decisions, and what was learned of them."""

    async def keep_learned(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a JSON value under a name, in the place of the one before. Raises StoreError."""
