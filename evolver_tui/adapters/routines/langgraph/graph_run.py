"""Runs a graph as a job: from its last checkpoint, through its interrupts, to its final state."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast

import langsmith
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError, is_invalid_resume
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.types import Command, Interrupt

from evolver_tui.adapters.routines.langgraph.answers import Answers
from evolver_tui.adapters.routines.langgraph.checkpoints import JournalSaver
from evolver_tui.adapters.routines.langgraph.graph_routine import GraphRoutine
from evolver_tui.adapters.routines.langgraph.handover import Handover
from evolver_tui.adapters.routines.langgraph.json_values import to_json_value
from evolver_tui.adapters.routines.langgraph.spoken import Spoken
from evolver_tui.adapters.routines.langgraph.unfinished import check_way
from evolver_tui.core.address import show_addresses
from evolver_tui.core.errors import EvolverError, RoutineError
from evolver_tui.core.signal_catalogue.routine_signals import GRAPH_ANSWER_UNUSED, GRAPH_NODE
from evolver_tui.core.task import Task
from evolver_tui.engine.durable.routine import Run

Graph = Pregel[Any, Any, Any, Any]
Interrupts = Sequence[Interrupt[Any]]

RETRY = "Mend it, then retry with y: nodes that were finished are not run again."


class GraphRun:
    """The routine of one graph.

    Args:
        tracing: leave LangSmith's tracing as the environment says.

    Raises:
        RoutineError: the graph needs what a job's journal cannot give it.
    """

    def __init__(self, routine: GraphRoutine, *, tracing: bool) -> None:
        found = routine.graph
        self._graph: Graph = found.compile() if isinstance(found, StateGraph) else found
        self._routine = routine
        self._tracing = tracing
        _check(self._graph)

    async def __call__(self, run: Run, task: Task) -> Any:
        """Run the graph to its end, or to its next interrupt; returns its final state as JSON."""
        is_heard = run.saying.audience is not None
        saver = JournalSaver(run, self._routine.types, spoken := Spoken() if is_heard else None)
        graph = copy.copy(self._graph)  # its own copy() would forget which classes a checkpoint may hold
        graph.checkpointer = saver
        course = _Course(run, graph, task.id, spoken)
        off = contextlib.nullcontext() if self._tracing else langsmith.tracing_context(enabled=False)
        with off:
            for text in saver.said:
                await run.saying.say(text, is_repeat=True)
            answers = Answers(run, self._routine.declined)
            await answers.read_again()
            given: Any = None
            pending: Interrupts = ()
            if saver.has_begun:
                check_way(graph, saver)
                pending = await course.pending()
            else:
                given = self._routine.input(task)
            while True:
                if pending:
                    given = Command(resume=await answers.to(pending))
                    await course.take_back()
                result, pending = await self._advance(course, given, pending, answers)
                if not pending:
                    return to_json_value(result)

    async def _advance(
        self, course: _Course, given: Any, answered: Interrupts, answers: Answers
    ) -> tuple[Any, Interrupts]:
        """Let the graph go on; returns its output and what it waits for. Answers that it cannot use are refused."""
        handover = Handover(answers.is_meant)
        try:
            with handover.watching():
                output = await course.advance(given)
            answers.lay_aside(handover.taken_back)
            course.tell_unused(answers.lay_aside(each.id for each in answered if each.id not in handover.seen))
            return output, await course.pending(must_end=True)
        except Exception as error:
            pending = await course.pending() if answered and is_invalid_resume(error) else ()
            if not pending:
                raise _as_routine_error(error, course.failed_node) from error
            names = {each.id for each in answered}
            answers.refuse([each for each in pending if each.id in names], str(error))
            return None, pending


class _Course:
    """The graph on its way through one job."""

    def __init__(self, run: Run, graph: Graph, thread_id: str, spoken: Spoken | None) -> None:
        self._run = run
        self._graph = graph
        self._spoken = spoken
        self._config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
        self.failed_node = ""
        """The first node that ended with an error, as `outer/inner`."""

    async def pending(self, *, must_end: bool = False) -> Interrupts:
        """What the graph waits for, in the order of its nodes; nothing when it is at its end or was broken off.

        Raises:
            RoutineError: `must_end`, and it neither waits nor is at its end.
        """
        state = await self._graph.aget_state(self._config)
        if must_end and state.next and not state.interrupts:
            raise RoutineError(f"The graph stopped before {', '.join(state.next)}.", "Retry with y to let it go on.")
        return state.interrupts

    async def advance(self, given: Any) -> Any:
        """Run until the graph ends or interrupts, and say what its models say; returns its output so far.

        A super-step begins after the checkpoint of the one before is committed.
        """
        self.failed_node = ""
        if self._spoken is None:
            return await self._run_to_stop(given, self._config)
        config: RunnableConfig = {**self._config, "callbacks": [self._spoken.handler]}
        running = asyncio.ensure_future(self._run_to_stop(given, config))
        try:
            async for place, text in self._spoken.until(running):
                if text is None:
                    await self._run.saying.take_back(place)
                else:
                    await self._run.saying.say(text, place=place)
        finally:
            running.cancel()
            await asyncio.wait({running})
        return running.result()

    async def take_back(self) -> None:
        """Say anew what nodes that were interrupted said: they run from their tops."""
        if self._spoken is not None:
            self._spoken.forget()
            await self._run.saying.take_back()

    async def _run_to_stop(self, given: Any, config: RunnableConfig) -> Any:
        output: Any = None
        stream = self._graph.astream(given, config, stream_mode=["tasks", "values"], subgraphs=True, durability="sync")
        async with contextlib.aclosing(cast(AsyncGenerator[Any, None], stream)) as chunks:
            async for namespace, mode, chunk in chunks:
                if mode == "values" and not namespace:
                    output = chunk
                elif mode == "tasks" and "result" in chunk:
                    self._tell_end(namespace, chunk)
                elif mode == "tasks":
                    self._run.tell_if_begun(_path_of(namespace, chunk["name"]))
        return output

    def tell_unused(self, answers: Sequence[str]) -> None:
        """A node that asked no longer did so when it ran with the answer."""
        for each in answers:
            self._run.tell(GRAPH_ANSWER_UNUSED({"notice": f"The graph did not ask for {each}."}))

    def _tell_end(self, namespace: Sequence[str], ended: Mapping[str, Any]) -> None:
        """Names alone: what a node was given and returned stays in the checkpoint."""
        name = _path_of(namespace, ended["name"])
        if ended["error"] is not None:
            self.failed_node = self.failed_node or name
        elif not ended["interrupts"]:
            self._run.tell(GRAPH_NODE({"node": name}))


def _path_of(namespace: Sequence[str], node: str) -> str:
    """A node as `outer/inner`."""
    return "/".join([*(part.partition(":")[0] for part in namespace), node])


def _check(graph: Graph) -> None:
    """Refuse what could not be taken up again. Raises RoutineError."""
    graphs: list[Any] = [graph, *(subgraph for _, subgraph in graph.get_subgraphs(recurse=True))]
    for each in graphs:
        if each.interrupt_before_nodes or each.interrupt_after_nodes:
            raise RoutineError(
                "The graph stops at nodes by interrupt_before or interrupt_after, which asks nothing.",
                "Call interrupt() in the node instead.",
            )
        if any(type(channel).__name__ == "DeltaChannel" for channel in each.channels.values()):
            raise RoutineError(
                "The graph's state has a DeltaChannel, which needs all earlier checkpoints; only the latest is kept.",
                "Use a reducer, e.g. Annotated[list, operator.add].",
            )


def _as_routine_error(error: Exception, node: str) -> EvolverError:
    if isinstance(error, EvolverError):
        return error
    if isinstance(error, GraphRecursionError):
        return RoutineError(
            "The graph took as many steps as it may without coming to an end.",
            "Retry with y to let it go on, or allow more: graph.with_config(recursion_limit=...).",
        )
    where = f"Node {node!a} of the graph" if node else "The graph"
    return RoutineError(f"{where} failed: {type(error).__name__}: {show_addresses(str(error))}.", RETRY)
