"""A node's examples, run again and held against what was approved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeRecord
from evolver_tui.core.node_example import Difference, KeptExamples, NodeExample, differences
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.node_runs import NodeRuns, Trial, try_all


class ExampleLibrary(Protocol):
    """What has nodes with examples. Calls block for files and raise NodeError."""

    def read(self, node_id: str, version: int | None = None) -> tuple[NodeRecord, str]:
        """A version's record and code (default: the current one). Raises NodeChanged as well."""

    def examples(self, node_id: str) -> KeptExamples:
        """What the current version was seen to do."""


@dataclass(frozen=True, slots=True)
class TestedExample:
    """What came of one example."""

    name: str
    error: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def state(self) -> str:
        """`failed`, `differs` or `ok`."""
        return "failed" if self.error else "differs" if self.differences else "ok"

    def to_json_value(self) -> dict[str, Any]:
        """What came of it as JSON."""
        found = [{"path": each.path, "expected": each.expected, "output": each.output} for each in self.differences]
        return {"name": self.name, "state": self.state, "error": self.error, "differences": found}

    def lines(self) -> Iterator[str]:
        """What came of it, safe to draw."""
        yield f"  {self.state:<7}  {safe_text(self.name, 100)}" + (f": {self.error}" if self.error else "")
        yield from (f"           {difference}" for difference in self.differences)


@dataclass(frozen=True, slots=True)
class TestedNode:
    """What came of one node's examples."""

    name: str
    """As its version is shown, or its id."""
    examples: tuple[TestedExample, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentences about files that are no examples."""
    error: str = ""
    """Why it was not run."""

    def to_json_value(self) -> dict[str, Any]:
        """What came of them as JSON."""
        examples = [example.to_json_value() for example in self.examples]
        return {"node": self.name, "examples": examples, "problems": [*self.problems], "error": self.error}

    def lines(self) -> Iterator[str]:
        """What came of them, safe to draw."""
        yield self.name if self.examples or self.error else f"{self.name}: no example"
        for example in self.examples:
            yield from example.lines()
        yield from (f"  left out  {safe_text(problem, 300)}" for problem in self.problems)
        if self.error:
            yield f"  failed   {safe_text(self.error, 300)}"


async def run_node_examples(library: ExampleLibrary, runs: NodeRuns, node_id: str) -> TestedNode:
    """Run the examples of a node; tools answer as they did then, and dry where they are asked something else.

    Raises:
        SandboxError: nothing here can hold a node.
    """
    try:
        record, code = await asyncio.to_thread(library.read, node_id)
        kept = await asyncio.to_thread(library.examples, node_id)
    except NodeError as error:
        return TestedNode(node_id, error=str(error))
    trial = Trial(record.node_id, code, record.tools, "", {})
    trials = [
        replace(trial, name=example.name, input=example.input, answers=example.answers) for example in kept.examples
    ]
    done = await try_all(runs, trials)
    tested = (_tested(example, run) for example, run in zip(kept.examples, done, strict=True))
    return TestedNode(str(record.node_version), tuple(tested), kept.problems)


def _tested(example: NodeExample, run: NodeRun) -> TestedExample:
    if run.output is None:
        return TestedExample(example.name, safe_text(run.error, 300))
    return TestedExample(example.name, differences=tuple(differences(example.output, run.output)))
