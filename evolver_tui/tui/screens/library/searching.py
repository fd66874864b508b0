"""Looking through the code of many nodes, a bounded part at a time, so that it can be left at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.duplicate_groups import Alike, DuplicateGroups

if TYPE_CHECKING:
    from evolver_tui.core.node_listing import CodeMatch, ListedNode
    from evolver_tui.engine.library_keeper import WholeLibrary

AT_ONCE: Final = 200
"""Nodes whose code is read in one go."""
MOST_MATCHES: Final = 300
"""Nodes that are shown for what stands in their code."""
MOST_COMPARED: Final = 20_000
"""Nodes that are held against each other."""


async def find_in_code(
    files: WholeLibrary, nodes: Sequence[ListedNode], text: str
) -> AsyncIterator[tuple[Sequence[CodeMatch], str]]:
    """What was found so far, and how far it is, in a few words. Raises NodeError."""
    found: list[CodeMatch] = []
    for start in range(0, len(nodes), AT_ONCE):
        part = [(each.node_id, each.version) for each in nodes[start : start + AT_ONCE]]
        found += await asyncio.to_thread(files.find_in_code, part, text)
        done = start + len(part)
        if len(found) >= MOST_MATCHES:
            yield found[:MOST_MATCHES], f"the first {MOST_MATCHES} in code, of {done:,} looked through"
            return
        if done < len(nodes):
            yield tuple(found), f"{100 * done // len(nodes)} % of the code looked through"
    yield tuple(found), f"{len(found):,} in code"


async def find_duplicates(
    files: WholeLibrary, nodes: Sequence[ListedNode]
) -> AsyncIterator[tuple[Sequence[Alike] | None, str]]:
    """How far it is, in a few words, and at the end the groups. Raises NodeError."""
    groups = DuplicateGroups()
    compared = nodes[:MOST_COMPARED]

    def take(part: Sequence[tuple[str, int]]) -> None:
        groups.add((node_id, code) for node_id, _, code in files.codes(part))

    for start in range(0, len(compared), AT_ONCE):
        part = [(each.node_id, each.version) for each in compared[start : start + AT_ONCE]]
        await asyncio.to_thread(take, part)
        yield None, f"{100 * (start + len(part)) // len(compared)} % compared"
    yield tuple(groups.groups()), ""
