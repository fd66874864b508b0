"""`python -m tests.benchmarks.resume WHAT PLACE`: processes of the durable measurements.

`prepare-*` runs a routine to its question and ends; `resume-*` answers it, goes on, and ends as soon as the step after
the question has done its work. `take-all` works through a queue and prints the number of each job.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, TypedDict


async def _open(place: str) -> Any:
    from evolver_tui.adapters.database.database import Database

    store = Database(place if "://" in place else Path(place))
    await store.open()
    return store


async def _work(place: str, *, is_answered: bool) -> None:
    """The product's own worker, on the one job."""
    from evolver_tui.adapters.process_identity import this_process
    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.core.question import Question
    from evolver_tui.core.task import Task
    from evolver_tui.engine.durable.routine import Run
    from evolver_tui.engine.durable.worker import Worker
    from evolver_tui.engine.signals import SignalBus, SignalRegistry

    done = asyncio.Event()

    async def routine(run: Run, task: Task) -> str:
        await run.step("first", _said)
        await run.ask(Question("option", "Which option?"))
        await run.step("second", _said)
        done.set()
        return "done"

    store, clock = await _open(place), SystemClock()
    if is_answered:
        (question,) = await store.open_questions()
        await store.answer(question.id, {"action": "accept", "content": {"option": "A"}}, "ada", "s")
    else:
        task = Task.from_raw({"id": "one", "llmTaskType": "summarize"})
        await store.add_tasks([task], "s", generate=True, signals_of=lambda added: ())
    bus = SignalBus("s", clock.now, lambda signals: store.log(signals, "s"), SignalRegistry())
    worker = Worker(store, {"": routine}, bus, clock, session_id="s", owner=this_process())
    working = asyncio.create_task(worker.run())
    await (done.wait() if is_answered else worker.drained())
    worker.stop()
    await working
    await store.close()


async def _said() -> str:
    return "Two options are possible."


def _langgraph(place: str, *, is_answered: bool) -> None:
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Command, interrupt

    class State(TypedDict, total=False):
        task: str
        said: str
        option: str

    def first(state: State) -> State:
        return {"said": "Two options are possible."}

    def second(state: State) -> State:
        return {"option": interrupt("Which option?")}

    def third(state: State) -> State:
        return {"said": "done"}

    graph = StateGraph(State)
    graph.add_node("first", first)
    graph.add_node("second", second)
    graph.add_node("third", third)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", "third")
    graph.add_edge("third", END)
    with SqliteSaver.from_conn_string(place) as saver:
        compiled = graph.compile(checkpointer=saver)
        given: Any = Command(resume="A") if is_answered else {"task": "Analyze data"}
        compiled.invoke(given, {"configurable": {"thread_id": "one"}})


async def _take_all(url: str) -> None:
    from evolver_tui.adapters.process_identity import this_process
    from evolver_tui.core.job import JobState, Outcome

    store = await _open(url)
    while claim := await store.claim(this_process(), 60.0):
        print(claim.job, flush=True)
        await store.finish(claim.job, claim.fence, JobState.COMPLETED, "s", outcome=Outcome.DONE)
    await store.close()


def main() -> None:
    what, place = sys.argv[1:]
    match what:
        case "prepare-evolver" | "resume-evolver":
            asyncio.run(_work(place, is_answered=what.startswith("resume")))
        case "prepare-langgraph" | "resume-langgraph":
            _langgraph(place, is_answered=what.startswith("resume"))
        case "take-all":
            asyncio.run(_take_all(place))


if __name__ == "__main__":
    main()
