"""What the author needs of the library of approved nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord


@dataclass(frozen=True, slots=True)
class Approval:
    """Why a draft may enter the library."""

    decided_by: str
    decided_at: str
    """ISO 8601, UTC, ending in Z."""
    task_id: str
    task_type: str
    tags: tuple[str, ...] = ()
    replaces: str | None = None
    """The digest of the version whose place it may take; empty for none, None for whichever there is."""


class Library(Protocol):
    """The folder of approved nodes. Calls block for a file or two; the engine makes them in a thread."""

    @property
    def place(self) -> str:
        """Host and folder: what tells this library from others."""

    def save(self, draft: NodeDraft, report: CheckReport, approval: Approval) -> NodeRecord:
        """Put a version into the library atomically. Saving the same bytes for the same task again changes nothing.

        Raises:
            NodeReplaced: another version than the approved one would be replaced; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
        """

    def latest(self, node_id: str) -> NodeRecord | None:
        """The current version's record, or None."""

    def code(self, node_id: str, version: int | None = None) -> str:
        """A version's code (default: current). Raises NodeError, NodeChanged."""

    def list(self) -> Sequence[NodeRecord]:
        """Every node's current record, by id."""
