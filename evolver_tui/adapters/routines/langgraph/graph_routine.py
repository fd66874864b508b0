"""A graph as its author hands it over. Imports nothing of LangGraph's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.task import Task
from evolver_tui.core.workflow.chat_task import chat_of


def default_input(task: Task) -> Mapping[str, Any]:
    """What a graph is given where nothing else is said; it takes the keys that its state has.

    The hub's object stays under one key: a hub must not fill in any other part of a graph's state.

    Returns:
        `task`: the hub's object. `task_id`, `task_name`, `task_type`: texts. `messages`: of a chat what was said before
        and what the person wrote, else one message of a user that holds the task's name.
    """
    chat = chat_of(task)
    return {
        "task": dict(task.raw),
        "task_id": task.id,
        "task_name": task.name,
        "task_type": task.type,
        "messages": chat.messages if chat is not None else [{"role": "user", "content": task.name}],
    }


@dataclass(frozen=True, slots=True)
class GraphRoutine:
    """A graph, and how a task becomes its input."""

    graph: Any
    """A `StateGraph`, or what its `compile()` gave. It gets a checkpointer of ours."""
    input: Callable[[Task], Any] = default_input
    """What the graph is started with."""
    types: tuple[type, ...] = ()
    """Classes in the graph's state that its annotations do not name. Others are not read back from a checkpoint."""
    declined: Any = None
    """What `interrupt()` returns when the person declines to answer."""
