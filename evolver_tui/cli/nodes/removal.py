"""What `evolver-tui nodes` does about what leaves the library, without arguments being parsed or anything printed."""

from __future__ import annotations

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.cli.output import Result, table
from evolver_tui.core.safe_text import safe_text


def purge_nodes(library: NodeFiles, node_id: str) -> Result:
    """Delete for good what was taken out of a node, or of all for an empty id. Raises NodeError."""
    purged = library.purge(node_id)
    what = "1 thing that was taken out is" if purged == 1 else f"{purged:,} things that were taken out are"
    return Result({"purged": purged}, f"{what} deleted for good." if purged else "Nothing was there to delete.")


def list_removed(library: NodeFiles) -> Result:
    """What was taken out of the library and not purged."""
    removed = library.removed()
    cells = [
        (each.node_id, f"v{each.version}", "the node" if each.is_whole else "a version", safe_text(each.by, 80),
         safe_text(each.at, 40))
        for each in removed
    ]  # fmt: skip
    text = table([("NODE", "VERSION", "WHAT", "BY", "AT"), *cells]) if cells else "Nothing was taken out."
    nodes = [
        {"node_id": each.node_id, "version": each.version, "whole": each.is_whole, "by": each.by, "at": each.at}
        for each in removed
    ]
    return Result({"removed": nodes}, text)
