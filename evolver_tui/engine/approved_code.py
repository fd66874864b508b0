"""Code that was approved, for drafts to be held against."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from evolver_tui.core.errors import EvolverError, NodeError
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.engine.author.library import Library

if TYPE_CHECKING:
    from evolver_tui.core.estimate.unlike_lines import ApprovedCode

_MOST: Final = 500
"""Nodes that are read, those that were approved last."""
_SECONDS_KEPT: Final = 60.0
"""What was approved since is not among them for so long."""


class ApprovedNodes:
    """The library's nodes that a person approved, read when a draft is held against them and that was long ago.

    Args:
        now: seconds.
    """

    def __init__(self, library: Library, now: Callable[[], float]) -> None:
        self._library = library
        self._now = now
        self._code: ApprovedCode | None = None
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def unlike_lines(self, code: str) -> frozenset[int]:
        """Lines of a draft that are unlike them; none while there are too few, or where they cannot be read."""
        async with self._reading:
            approved = self._code
            if approved is None or self._now() - self._read_at > _SECONDS_KEPT:
                try:
                    self._code = approved = await asyncio.to_thread(self._read)
                except EvolverError:
                    return frozenset()
                self._read_at = self._now()
            found = await asyncio.to_thread(approved.unlike_lines, code)
        return frozenset(each.line for each in found)

    def _read(self) -> ApprovedCode:
        from evolver_tui.core.estimate.unlike_lines import ApprovedCode

        records = [record for record in self._library.list() if record.decided_by != UNREVIEWED]
        codes = []
        for record in sorted(records, key=lambda record: record.decided_at)[-_MOST:]:
            try:
                codes.append(self._library.code(record.node_id))
            except NodeError:  # changed by hand since: nobody approved that
                continue
        return ApprovedCode(codes)
