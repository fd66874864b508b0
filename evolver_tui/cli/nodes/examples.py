"""What `evolver-tui nodes test` does, without arguments being parsed or anything printed."""

from __future__ import annotations

from collections import Counter

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.output import Result
from evolver_tui.core.errors import NodeError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.example_runs import run_node_examples
from evolver_tui.engine.node_runs import NodeRuns


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
    nodes = [await run_node_examples(library, runs, record.node_id) for record in records]
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
