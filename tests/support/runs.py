"""Runs of nodes that never ran, for what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolver_tui.core.node_run import NodeRun, ToolExchange


def a_run(name: str = "sample 1", output: Mapping[str, Any] | None = None, error: str = "", **other: Any) -> NodeRun:
    """A run that gave this output, `{}` without one, or failed with this error."""
    given = {} if output is None and not error else output
    told = {
        "input": {"id": "x"}, "stdout": "", "stderr": "", "seconds": 0.06, "cpu_seconds": 0.05, "memory_mb": 30.6,
        "tier": "full", "exit_code": 0,
    }  # fmt: skip
    return NodeRun(**{"name": name, "output": given, "error": error, **told, **other})


def a_call(answer: str, prompt: str = "a text", arguments: str = "", error: str = "") -> ToolExchange:
    """A call of the summarizer."""
    return ToolExchange("summarizer", prompt, arguments, answer, error, 0.1)
