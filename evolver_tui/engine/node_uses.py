"""Which nodes ran in earnest, how often and when last: the promise that `adapters/nodes` keeps.

A use is a run of an approved node by a command, a chat or another node. Tries of drafts and runs of examples are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from evolver_tui.core.node_use import NodeUse


class NodeUses(Protocol):
    """What is known of a library's runs. Calls block for a file."""

    def of(self, node_id: str) -> NodeUse:
        """What is known of one node; a use counts from its beginning. Raises NodeError."""

    def all(self) -> Mapping[str, NodeUse]:
        """What is known of every node that ran, by id. Raises NodeError."""
