"""What the author needs of the library of approved nodes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.core.node_run import NodeRun


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


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """A main.py that was changed by hand, kept when another version took its place."""

    version: int
    """The version that it was made of; 0 for none."""
    path: str
    library: str
    """The folder of the library in which it lies."""

    @property
    def way_back(self) -> str:
        """The command that makes a version of it, in a shell of any folder."""
        return f"evolver-tui nodes import {shlex.quote(self.path)} --nodes {shlex.quote(self.library)}"


class Library(Protocol):
    """The folder of approved nodes. Calls block for a file or two; the engine makes them in a thread."""

    @property
    def place(self) -> str:
        """Host and folder: what tells this library from others."""

    def save(
        self, draft: NodeDraft, report: CheckReport, approval: Approval, runs: Sequence[NodeRun] = ()
    ) -> NodeRecord:
        """Put a version into the library atomically. Saving the same bytes for the same task again changes nothing.

        Args:
            runs: what the draft was seen to do; those that gave an output are kept as its examples, without secrets.

        Raises:
            NodeReplaced: another version than the approved one would be replaced; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
            ConfigError: what is secret cannot be found out; nothing was changed.
        """

    def latest(self, node_id: str) -> NodeRecord | None:
        """The current version's record, or None."""

    def examples(self, node_id: str) -> KeptExamples:
        """What the current version was seen to do, and what a person put beside it for that. Raises NodeError."""

    def edited_sha256(self, node_id: str) -> str:
        """The digest of a main.py that was changed by hand since it was saved; empty where none was."""

    def set_aside(self, node_id: str, by: str) -> bool:
        """Let nobody run a node until a person reinstates it; False where it is set aside already. Raises NodeError."""

    def kept(self, node_id: str) -> Sequence[KeptCopy]:
        """Every main.py that was changed by hand before another version took its place, oldest first."""

    def code(self, node_id: str, version: int | None = None) -> str:
        """A version's code (default: current). Raises NodeError, NodeChanged."""

    def list(self) -> Sequence[NodeRecord]:
        """Every node's current record, by id."""
