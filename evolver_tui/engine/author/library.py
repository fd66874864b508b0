"""What the author needs of the library of approved nodes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord, NodeVersion
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.node_use import VersionUse
from evolver_tui.engine.node_uses import NodeUses


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
    id: str = ""
    """Which approval it is, of all that were ever made; empty where nobody counts them."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approval was about: enough to find the version that it made."""

    id: str
    """As in `Approval`."""
    sha256: str
    task_id: str


@dataclass(frozen=True, slots=True)
class VersionStanding:
    """How a version stands that an approval made."""

    made: NodeVersion
    current: NodeVersion
    use: VersionUse
    """Its runs since it was approved."""


@dataclass(frozen=True, slots=True)
class RemovedNode:
    """What was taken out of the library and not purged."""

    node_id: str
    version: int
    """The current one of a whole node, or the one that was taken out."""
    by: str
    at: str
    """ISO 8601, UTC, ending in Z."""
    is_whole: bool
    """Whether it is the node with all its versions, which can be brought back."""


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

    @property
    def uses(self) -> NodeUses:
        """How often its nodes ran in earnest."""

    def save(
        self, draft: NodeDraft, report: CheckReport, approval: Approval, runs: Sequence[NodeRun] = ()
    ) -> NodeRecord:
        """Put a version into the library atomically. Saving the same bytes for the same task again changes nothing.

        Args:
            runs: what the draft was seen to do; those that gave an output are kept as its examples, without secrets.

        Raises:
            NodeReplaced: another version than the approved one would be replaced; nothing was changed.
            ApprovalWithdrawn: it was taken back meanwhile; nothing was changed.
            NodeError: the id is invalid or the folder cannot be written; nothing was changed.
            ConfigError: what is secret cannot be found out; nothing was changed.
        """

    def latest(self, node_id: str) -> NodeRecord | None:
        """The current version's record, or None."""

    def examples(self, node_id: str) -> KeptExamples:
        """What the current version was seen to do, and what a person put beside it for that. Raises NodeError."""

    def edited_sha256(self, node_id: str) -> str:
        """The digest of a main.py that was changed by hand since it was saved; empty where none was."""

    def edited_code(self, node_id: str) -> str | None:
        """A main.py that was changed by hand since it was saved; None where none was. Raises NodeError."""

    def set_aside(self, node_id: str, by: str) -> bool:
        """Let nobody run a node until a person reinstates it; False where it is set aside already. Raises NodeError."""

    def standing_of(self, node_id: str, approved: Approved) -> VersionStanding | None:
        """How the version stands that an approval made; None where it is not here. Raises NodeError."""

    def withdraw(self, node_id: str, approved: Approved, by: str) -> NodeVersion | None:
        """Let a node be what it was before an approval was saved, which is never saved again; None for nothing.

        Raises:
            NodeReplaced: another version took its place since; nothing was changed.
            NodeError: the folder cannot be written.
        """

    def remove(self, node_id: str, by: str) -> NodeRecord:
        """Take a node out with all its versions, which are kept until they are purged. Raises NodeError."""

    def bring_back(self, node_id: str) -> NodeRecord:
        """Put the node of this id that was taken out last back as it was. Raises NodeError."""

    def kept(self, node_id: str) -> Sequence[KeptCopy]:
        """Every main.py that was changed by hand before another version took its place, oldest first."""

    def code(self, node_id: str, version: int | None = None) -> str:
        """A version's code (default: current). Raises NodeError, NodeChanged."""

    def mark(self) -> object:
        """Equal as long as no node came, changed or went; to be asked often."""

    def digests(self) -> Mapping[str, tuple[int, str]]:
        """Every node's current version and its code's digest, by id. Raises NodeError."""

    def list(self) -> Sequence[NodeRecord]:
        """The current record of every node in use, by id; retired ones are none."""
