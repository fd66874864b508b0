"""Signals of routines and their steps."""

from typing import Final, TypedDict

from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue.common_payloads import Notice


class Step(TypedDict):
    """Its name in the routine."""

    step: str


class StepRetried(TypedDict):
    """Its name, which attempt failed and why, and the seconds until the next one."""

    step: str
    attempt: int
    error: str
    retry_in: float


class StepUnsure(TypedDict):
    """Its name, and who may have begun it."""

    step: str
    worker: str


class RoutineName(TypedDict):
    """Which; `author` is the built-in one."""

    routine: str


class GraphNode(TypedDict):
    """Its name; in a subgraph `outer/inner`."""

    node: str


STEP_RETRIED: Final = SignalType("step.retried", StepRetried, "routine", "A step failed and is tried again.", "warning")
STEP_ARGUMENTS_CHANGED: Final = SignalType(
    "step.arguments_changed",
    Step,
    "routine",
    "A step that was done is called with other arguments; its result stands.",
    "warning",
)
STEP_MAY_HAVE_BEGUN: Final = SignalType(
    "step.may_have_begun",
    StepUnsure,
    "routine",
    "A step begins that a worker may have begun before it was lost.",
    "warning",
)
ROUTINE_SOURCE_CHANGED: Final = SignalType(
    "routine.source_changed",
    RoutineName,
    "worker",
    "A job goes on under another source than it began under.",
    "warning",
)
ROUTINE_RELOADED: Final = SignalType(
    "routine.reloaded", RoutineName, "worker process", "A plug-in's changed file was loaded.", "info"
)
GRAPH_NODE: Final = SignalType("graph.node", GraphNode, "graph", "A node of a LangGraph graph is done.", "info")
GRAPH_ANSWER_UNUSED: Final = SignalType(
    "graph.answer_unused", Notice, "graph", "A graph did not ask again for what was answered.", "warning"
)
