"""A LangGraph graph as a routine: under our queue, questions, leases and feed.

This door can be imported without LangGraph; `graph_work` imports it when the first such job runs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from evolver_tui.adapters.routines.langgraph.graph_routine import GraphRoutine
from evolver_tui.core.errors import RoutineError

if TYPE_CHECKING:
    from evolver_tui.engine.durable.routine import Routine

INSTALL = "Install the extra: pip install 'evolver-tui[langgraph]', then retry with y."


def is_graph(found: object) -> bool:
    """Whether this is a graph of LangGraph's, compiled or not. Imports nothing."""
    return any(
        kind.__module__.startswith("langgraph.") and kind.__name__ in ("StateGraph", "Pregel")
        for kind in type(found).__mro__
    )


def graph_work(routine: GraphRoutine, *, tracing: bool) -> Routine:
    """The routine that runs a graph. Imports LangGraph, which takes half a second.

    Args:
        tracing: leave LangSmith's tracing as the environment says; without it, it is off.

    Raises:
        RoutineError: LangGraph is missing or too old, or the graph is one that cannot run here.
    """
    if not tracing:
        switch_tracing_off()
    try:
        from evolver_tui.adapters.routines.langgraph.graph_run import GraphRun
    except ImportError as error:
        raise RoutineError(f"LangGraph is missing or too old: {error}.", INSTALL) from None
    return GraphRun(routine, tracing=tracing)


TRACING_VARIABLES = (
    "LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2", "LANGCHAIN_HANDLER",
)  # fmt: skip
"""What asks for tracing when a shell sets it."""


def switch_tracing_off() -> None:
    """Let no graph of this process call LangSmith, whatever its shell says; child processes see it too."""
    os.environ.update(dict.fromkeys(TRACING_VARIABLES, "false"))
    if (utils := sys.modules.get("langsmith.utils")) is not None:
        utils.get_env_var.cache_clear()  # what it read before


def be_strict() -> None:
    """Let LangGraph, when it is imported, read back from a checkpoint only what the graph's own state names."""
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
