"""Whether a graph still has what comes next: LangGraph takes a node that is not there for one that need not run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langgraph._internal._constants import TASKS
from langgraph.pregel import Pregel

from evolver_tui.adapters.routines.langgraph.checkpoints import JournalSaver, OpenStep
from evolver_tui.core.errors import RoutineError

_TO_NODE = "branch:to:"
_JOIN = "join:"
"""How a StateGraph's channels begin that cause a node: one edge's, and an edge's from several nodes."""


def check_way(graph: Pregel[Any, Any, Any, Any], saver: JournalSaver) -> None:
    """Raises RoutineError where what the graph would do next is no longer in it."""
    graphs: dict[tuple[str, ...], Any] = {(): graph}
    graphs.update((tuple(name.split("|")), each) for name, each in graph.get_subgraphs(recurse=True))
    for step in saver.open_steps():
        known = graphs.get(step.path)
        lost = sorted(set(_lost(step, known))) if known is not None else []
        if lost:
            names = ", ".join("/".join((*step.path, each)) for each in lost)
            raise RoutineError(
                f"The graph was changed while the job was stopped: it no longer has {names!a}, which comes next.",
                "Put it back under its name, then retry with y: what was done and answered is kept.",
            )


def _lost(step: OpenStep, graph: Any) -> Iterator[str]:
    """The nodes that are to run and cannot."""
    for name in step.nodes:
        if name not in graph.nodes:
            yield name
    for channel, value in step.values.items():
        node = channel.rpartition(":")[2]
        if channel.startswith(_TO_NODE):
            if channel not in graph.channels:
                yield node
        elif channel.startswith(_JOIN):
            reached = value[0] if isinstance(value, list | tuple) and value else value
            if reached and channel not in graph.channels:
                yield node
        elif channel == TASKS:
            yield from (each.node for each in value if each.node not in graph.nodes)
