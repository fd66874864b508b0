"""Trying a draft before a person judges it, and what its author is told when that fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from evolver_tui.core.errors import SandboxError
from evolver_tui.core.node import CheckReport, NodeDraft
from evolver_tui.core.node_example import KeptExamples
from evolver_tui.core.node_run import Tryout, cut, inputs_to_try
from evolver_tui.engine.node_runs import NodeRuns, Trial, try_all

_MOST_EXAMPLES: Final = 5
"""Examples of the version before that a draft is tried with."""
_MOST_TOLD: Final = 1_500
"""Characters of an input, and of what was written, that the author is told."""


async def try_draft(
    runs: NodeRuns,
    draft: NodeDraft,
    report: CheckReport,
    task: Mapping[str, Any],
    before: KeptExamples,
    *,
    seconds: float,
    repairs: int,
) -> Tryout:
    """Run a draft on its sample inputs, on an empty object, on one with a field missing, and on what the version before
    was seen to do; tools answer dry, or as they did then.

    Args:
        task: as its sender wrote it.
        before: the examples of the version that it would replace.
        seconds: how long each run may take.
        repairs: how many drafts failed their try before this one.
    """
    examples = before.examples[:_MOST_EXAMPLES]
    known = [example.input for example in examples]
    trial = Trial(draft.node_id, draft.code, report.tools, "", {}, seconds)
    trials = [
        replace(trial, name=name, input=value)
        for name, value in inputs_to_try(draft.sample_inputs, task)
        if value not in known
    ]
    expected: list[Mapping[str, Any] | None] = [None] * len(trials)
    for number, example in enumerate(examples, 1):
        name = f"v{before.version} example {number}"
        trials.append(replace(trial, name=name, input=example.input, answers=example.answers))
        expected.append(example.output)
    try:
        done = await try_all(runs, trials)
    except SandboxError as error:
        return Tryout((), str(error), repairs)
    compared = (replace(run, expected=output) for run, output in zip(done, expected, strict=True))
    return Tryout(tuple(compared), repairs=repairs)


def complaint(tryout: Tryout) -> str:
    """What the author is told of a try that failed: the run's own words; empty where every run gave an output."""
    if not tryout.failed:
        return ""
    run = tryout.failed[0]
    lines = [
        f"The program was run on {len(tryout.runs)} inputs and failed on {len(tryout.failed)}.",
        f"With the input {cut(json.dumps(run.input, ensure_ascii=False), _MOST_TOLD)}: {run.error}",
    ]
    for stream, text in (("stdout", run.stdout), ("stderr", run.stderr)):
        if text.strip():
            lines.append(f"{stream} ended with: {text[-_MOST_TOLD:].strip()}")
    others = dict.fromkeys(each.error for each in tryout.failed[1:] if each.error != run.error)
    lines += [f"On another input: {error}" for error in others]
    return "\n".join(lines)
