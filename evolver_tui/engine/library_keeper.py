"""What a person may do with approved nodes: look them over, roll them back, retire them.

Whatever is done is told on the bus. The library itself is files, which are read and written in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from evolver_tui.core.node import NodeRecord
from evolver_tui.core.node_listing import CodeMatch, NodeDetails, Overview, Retirement
from evolver_tui.core.signal_catalogue.author_signals import (
    NODE_REMOVED,
    NODE_RESTORED,
    NODE_RETIRED,
    NODE_ROLLED_BACK,
)
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.signals import SignalBus


class WholeLibrary(Library, Protocol):
    """The library for whoever looks it over. Every method blocks for files and raises NodeError."""

    def read(self, node_id: str, version: int | None = None) -> tuple[NodeRecord, str]:
        """A version's record and code (default: the current one). Raises NodeChanged as well."""

    def overview(self) -> Overview:
        """Every node, retired ones among them, without opening those that the index has."""

    def details(self, node_id: str) -> NodeDetails | None:
        """What its folder says of a node; None where there is none."""

    def versions(self, node_id: str) -> Sequence[NodeRecord]:
        """Every approved version that can be read, oldest first."""

    def retirement(self, node_id: str) -> Retirement | None:
        """Who retired a node, and when; None for one in use."""

    def codes(self, nodes: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int, str]]:
        """Node, version and code of these, for reading alone; what cannot be read is left out."""

    def find_in_code(self, nodes: Sequence[tuple[str, int]], text: str) -> Sequence[CodeMatch]:
        """Which of these versions have a text in their code, whatever its case."""

    def rollback(self, node_id: str, version: int, decided_by: str) -> NodeRecord:
        """Make an old version's bytes current again, as a further version. Raises NodeChanged as well."""

    def retire(self, node_id: str, by: str) -> NodeRecord:
        """Take a node out of use; every version stays."""

    def restore(self, node_id: str) -> NodeRecord:
        """Put a retired node into use again."""


class LibraryKeeper:
    """Changes a library for one person, and tells of it."""

    def __init__(self, files: WholeLibrary, bus: SignalBus, person: str) -> None:
        self.files = files
        self._bus = bus
        self._person = person

    async def roll_back(self, node_id: str, version: int) -> NodeRecord:
        """Make an older version's code current again; the record is a further version's. Raises NodeError."""
        before = await asyncio.to_thread(self.files.latest, node_id)
        record = await asyncio.to_thread(self.files.rollback, node_id, version, self._person)
        if before is not None and record.version != before.version:
            told = NODE_ROLLED_BACK({
                "node_id": node_id, "to_version": version, "version": record.version, "before": before.version,
                "sha256": record.sha256, "by": self._person,
            })  # fmt: skip
            self._bus.emit(told)
        return record

    async def retire(self, node_id: str) -> NodeRecord:
        """Take a node out of use. Raises NodeError."""
        record = await asyncio.to_thread(self.files.retire, node_id, self._person)
        self._bus.emit(NODE_RETIRED({"node_id": node_id, "version": record.version, "by": self._person}))
        return record

    async def restore(self, node_id: str) -> NodeRecord:
        """Put a retired node into use again, or a removed one back as it was. Raises NodeError."""

        def restore() -> NodeRecord:
            is_here = self.files.latest(node_id) is not None
            return self.files.restore(node_id) if is_here else self.files.bring_back(node_id)

        record = await asyncio.to_thread(restore)
        self._bus.emit(NODE_RESTORED({"node_id": node_id, "version": record.version, "by": self._person}))
        return record

    async def remove(self, node_id: str) -> NodeRecord:
        """Take a node out of the library; its versions are kept until they are purged. Raises NodeError."""
        record = await asyncio.to_thread(self.files.remove, node_id, self._person)
        self._bus.emit(NODE_REMOVED({"node_id": node_id, "version": record.version, "by": self._person}))
        return record
