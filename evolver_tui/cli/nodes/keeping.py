"""What `evolver-tui nodes` does when it changes nodes or compares them, without arguments being parsed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.cli.nodes.operations import read_version
from evolver_tui.cli.output import Result, table
from evolver_tui.core.duplicate_groups import DuplicateGroups
from evolver_tui.core.errors import StoreError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal
from evolver_tui.engine.library_keeper import LibraryKeeper
from evolver_tui.engine.signals import SignalBus, get_signal_registry
from evolver_tui.settings.workspace import Workspace

_AT_ONCE = 500
"""Nodes whose code is in memory at a time."""


async def keep(workspace: Workspace, library: NodeFiles, work: Callable[[LibraryKeeper], Awaitable[Result]]) -> Result:
    """Change the library, and put what was told into this workspace's log, where there is one.

    The library is changed whatever the database is like: what cannot be logged is said.
    """
    from evolver_tui.wiring import COMMANDS, lacks_database, make_store

    told: list[Signal] = []
    bus = SignalBus(COMMANDS, time.time, told.extend, get_signal_registry())
    result = await work(LibraryKeeper(library, bus, workspace.reviewer))
    if told and not lacks_database(workspace):
        store = make_store(workspace)
        try:
            await store.open()
            store.log(told, COMMANDS)
            await store.close()
        except StoreError as error:
            return replace(result, message=f"It is done, but is not in the log: {error}")
    return result


async def rollback_node(keeper: LibraryKeeper, node_id: str, version: str) -> Result:
    """Make an old version current again. Raises NodeError, UsageError."""
    number = read_version(version)
    record = await keeper.roll_back(node_id, number)
    same = "is current, with its approved bytes" if record.version == number else f"has the bytes of v{number} again"
    return Result(record.to_json_value(), f"{record.node_version} {same}.")


async def retire_node(keeper: LibraryKeeper, node_id: str) -> Result:
    """Take a node out of use. Raises NodeError."""
    record = await keeper.retire(node_id)
    words = f"{record.node_version} is retired: in no list, and nobody runs it. Its versions stay in the library."
    return Result(record.to_json_value(), f"{words}\nTo use it again: evolver-tui nodes restore {node_id}")


async def remove_node(keeper: LibraryKeeper, node_id: str) -> Result:
    """Take a node out with all its versions, which are kept. Raises NodeError."""
    record = await keeper.remove(node_id)
    lines = (
        f"{record.node_version} is out of the library; all its versions are kept.",
        f"To get it back: evolver-tui nodes restore {node_id}. For good: evolver-tui nodes purge {node_id}.",
    )
    return Result({"node_id": node_id, "version": record.version, "removed": True}, "\n".join(lines))


async def restore_node(keeper: LibraryKeeper, node_id: str) -> Result:
    """Put a retired node into use again, or a removed one back as it was. Raises NodeError."""
    record = await keeper.restore(node_id)
    return Result(record.to_json_value(), f"{record.node_version} is in use again, as it was.")


def find_duplicates(library: NodeFiles) -> Result:
    """Groups of nodes in use whose code is nearly the same. Raises NodeError."""
    nodes = [each for each in library.overview().nodes if each.retirement is None]
    known = {each.node_id: each for each in nodes}
    groups = DuplicateGroups()
    for start in range(0, len(nodes), _AT_ONCE):
        wanted = [(each.node_id, each.version) for each in nodes[start : start + _AT_ONCE]]
        groups.add((node_id, code) for node_id, _, code in library.codes(wanted))
    found = [*groups.groups()]
    rows = [("ALIKE", "NODE", "VERSION", "TITLE")]
    for group in found:
        for index, node_id in enumerate(group.names):
            node = known[node_id]
            alike = f"{100 * group.least:.0f} %" if index == 0 else ""
            rows.append((alike, node_id, f"v{node.version}", safe_text(node.title, 60)))
    value = {
        "compared": len(groups),
        "groups": [{"nodes": [*group.names], "least_alike": round(group.least, 3)} for group in found],
    }
    return Result(value, table(rows) if found else f"Of {len(groups):,} nodes no two are nearly the same.")
