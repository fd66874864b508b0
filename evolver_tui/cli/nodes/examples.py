"""What `evolver-tui nodes test` does, without arguments being parsed or anything printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.output import Result
from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeRecord
from evolver_tui.core.node_example import Difference, NodeExample, differences
from evolver_tui.core.node_run import NodeRun
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.node_runs import NodeRuns, Trial, try_all


@dataclass(frozen=True, slots=True)
class _Tested:
    """What came of one example."""

    name: str
    error: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def state(self) -> str:
        return "failed" if self.error else "differs" if self.differences else "ok"

    def to_json_value(self) -> dict[str, Any]:
        found = [{"path": each.path, "expected": each.expected, "output": each.output} for each in self.differences]
        return {"name": self.name, "state": self.state, "error": self.error, "differences": found}

    def lines(self) -> Iterator[str]:
        yield f"  {self.state:<7}  {safe_text(self.name, 100)}" + (f": {self.error}" if self.error else "")
        yield from (f"           {difference}" for difference in self.differences)


@dataclass(frozen=True, slots=True)
class _TestedNode:
    """What came of one node's examples."""

    name: str
    """As its version is shown, or its id."""
    examples: tuple[_Tested, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentences about files that are no examples."""
    error: str = ""
    """Why it was not run."""

    def to_json_value(self) -> dict[str, Any]:
        examples = [example.to_json_value() for example in self.examples]
        return {"node": self.name, "examples": examples, "problems": [*self.problems], "error": self.error}

    def lines(self) -> Iterator[str]:
        yield self.name if self.examples or self.error else f"{self.name}: no example"
        for example in self.examples:
            yield from example.lines()
        yield from (f"  left out  {safe_text(problem, 300)}" for problem in self.problems)
        if self.error:
            yield f"  failed   {safe_text(self.error, 300)}"


async def run_examples(library: NodeFiles, runs: NodeRuns, node_id: str | None) -> Result:
    """Run the examples of a node, None for all, and hold what comes out against what was approved.

    Tools answer as they did then, and dry where they are asked something else.

    Returns:
        The result; its exit code is 1 when an output differs, a run fails, or a node cannot be read.

    Raises:
        NodeError: there is no such node.
        SandboxError: nothing here can hold a node.
    """
    unreadable: tuple[str, ...] = ()
    if node_id is None:
        survey = library.survey()
        records, unreadable = survey.records, survey.problems
    elif (record := library.latest(node_id)) is not None:
        records = (record,)
    else:
        raise NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")
    nodes = [await _test_node(library, runs, record) for record in records]
    counts = Counter(example.state for node in nodes for example in node.examples)
    lines = [line for node in nodes for line in node.lines()]
    lines += [safe_text(problem, 300) for problem in unreadable]
    is_good = not (counts["failed"] or counts["differs"] or unreadable or any(node.error for node in nodes))
    value = {"nodes": [node.to_json_value() for node in nodes], "problems": [*unreadable]}
    text = "\n".join([*lines, _summary(counts, node_id)])
    return Result(value, text, exit_code=ExitCode.DONE if is_good else ExitCode.FAILED)


def _summary(counts: Counter[str], node_id: str | None) -> str:
    if not counts:
        whose = "There is no example" if node_id is None else f"{node_id} has no example"
        return f"{whose}: a node's first ones are kept when a draft that was tried is approved."
    told = ", ".join(f"{counts[state]:,} {state}" for state in ("ok", "differs", "failed") if counts[state])
    return f"{counts.total():,} {'example' if counts.total() == 1 else 'examples'}: {told}."


async def _test_node(library: NodeFiles, runs: NodeRuns, record: NodeRecord) -> _TestedNode:
    try:
        record, code = library.read(record.node_id)
        kept = library.examples(record.node_id)
    except NodeError as error:
        return _TestedNode(record.node_id, error=str(error))
    trial = Trial(record.node_id, code, record.tools, "", {})
    trials = [
        replace(trial, name=example.name, input=example.input, answers=example.answers) for example in kept.examples
    ]
    done = await try_all(runs, trials)
    tested = (_tested(example, run) for example, run in zip(kept.examples, done, strict=True))
    return _TestedNode(str(record.node_version), tuple(tested), kept.problems)


def _tested(example: NodeExample, run: NodeRun) -> _Tested:
    if run.output is None:
        return _Tested(example.name, safe_text(run.error, 300))
    return _Tested(example.name, differences=tuple(differences(example.output, run.output)))
