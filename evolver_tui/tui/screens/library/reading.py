"""What is read of the library in threads, for the table and for the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.tui.screens.library.names import Order
from evolver_tui.tui.screens.library.panes.node_table import NodeRow, in_order

if TYPE_CHECKING:
    from evolver_tui.core.node import NodeRecord
    from evolver_tui.core.node_listing import NodeDetails
    from evolver_tui.core.node_use import NodeUse
    from evolver_tui.engine.library_keeper import WholeLibrary


class ReadLibrary(NamedTuple):
    """What is known of every node."""

    rows: Sequence[NodeRow]
    uses: Mapping[str, NodeUse]
    problems: Sequence[str]
    """A sentence for each folder that cannot be read."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the card shows of a node as its folder has it."""

    record: NodeRecord
    code: str
    versions: Sequence[NodeRecord]
    examples: KeptExamples
    use: NodeUse
    problem: str = ""
    """What is wrong with its bytes, as a sentence."""


def read_library(files: WholeLibrary, order: Order) -> ReadLibrary:
    """Every node, in an order. Raises NodeError."""
    overview = files.overview()
    uses = files.uses.all()
    rows = [NodeRow(node, node.words) for node in overview.nodes]
    return ReadLibrary(in_order(rows, uses, order), uses, overview.problems)


def read_details(files: WholeLibrary, rows: Sequence[NodeRow]) -> Sequence[tuple[NodeRow, NodeDetails]]:
    """The details of these; what cannot be read is left out."""
    found = []
    for row in rows:
        try:
            details = files.details(row.node.node_id)
        except NodeError:
            continue
        if details is not None:
            found.append((row, details))
    return found


def read_facts(files: WholeLibrary, node_id: str) -> NodeFacts | None:
    """What its folder has; None where there is no such node. Raises NodeError."""
    record = files.latest(node_id)
    if record is None:
        return None
    problem = ""
    try:
        files.read(node_id)
    except NodeError as error:
        problem = str(error)
    try:
        code = files.code(node_id, record.version)
    except NodeError as error:
        code, problem = "", str(error)
    return NodeFacts(record, code, files.versions(node_id), files.examples(node_id), files.uses.of(node_id), problem)
