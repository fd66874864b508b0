"""Running a node's code that nobody approved yet: the promise that `adapters/nodes` keeps for author and console."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from evolver_tui.core.node_example import KeptAnswer
from evolver_tui.core.node_run import NodeRun

_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """What is run, and on what."""

    node_id: str
    code: str
    tools: Collection[str]
    """Names of the tools that it may call."""
    name: str
    """Of the input, for whoever reads of the run."""
    input: Mapping[str, Any]
    seconds: float | None = None
    """How long it may take; None for as long as any run."""
    is_live: bool = False
    """Whether tools answer as in earnest, which may cost money; where not, they answer dry."""
    answers: Sequence[KeptAnswer] = ()
    """What tools answered in an earlier run on this input, and answer again where they are asked the same."""


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """What a live run of code would really do."""

    tools: tuple[str, ...]
    """The tools that answer in earnest, each with its kind, e.g. `summarizer (llm)`."""
    model: str
    """The model that they may ask; empty for none."""
    calls: int
    """How often it may call them at most."""
    tokens: int
    """How many tokens an answer of the model may have at most."""
    problem: str = ""
    """Why it would be no other than a dry one, as a sentence; empty where it is."""


class NodeRuns(Protocol):
    """Runs code in a box."""

    async def try_out(self, trial: Trial) -> NodeRun:
        """Run code once, to its end or a limit's. Cancelling ends it.

        Raises:
            SandboxError: nothing here can hold it, or no process can be started.
        """
        ...

    def live_terms(self, tools: Collection[str]) -> LiveTerms:
        """What it would mean to run code live that calls these tools."""
        ...


async def try_all(runs: NodeRuns, trials: Iterable[Trial]) -> Sequence[NodeRun]:
    """Run code several times, some at once; the runs in the order of the trials. The first that cannot be ends all.

    Raises:
        SandboxError: nothing here can hold it, or no process can be started.
    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def try_out(trial: Trial) -> NodeRun:
        async with turn:
            return await runs.try_out(trial)

    try:
        async with asyncio.TaskGroup() as group:
            begun = [group.create_task(try_out(trial)) for trial in trials]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [each.result() for each in begun]
