"""`python -m tests.benchmarks.crew URL KIND WORKERS SECONDS`: many workers at once, each a process, on one database.

Prints one JSON object: how many pieces of work were done a second, and the median milliseconds of one. Kinds: `claim`
(take a job and end it), `answer` (answer questions that wait), `idle` (wait for jobs that never come).
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.errors import AlreadyAnswered
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.task import Task
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.durable.worker import Worker
from evolver_tui.engine.signals import SignalBus, SignalRegistry

Figures = tuple[int, list[float]]
"""Pieces of work, and milliseconds of each."""


async def _claim(store: Database, number: int, questions: list[OpenQuestion], end: float) -> Figures:
    times: list[float] = []
    while time.monotonic() < end:
        started = time.perf_counter()
        claim = await store.claim(f"host-{number}.example:1:1", 60.0)
        times.append((time.perf_counter() - started) * 1000)
        if claim is None:
            break
        await store.finish(claim.job, claim.fence, JobState.COMPLETED, "s", outcome=Outcome.DONE)
    return len(times), times


async def _answer(store: Database, number: int, questions: list[OpenQuestion], end: float) -> Figures:
    times: list[float] = []
    while time.monotonic() < end and questions:
        started = time.perf_counter()
        try:
            await store.answer(questions.pop().id, {"action": "accept", "content": {}}, "ada", "s")
        except AlreadyAnswered:
            continue
        times.append((time.perf_counter() - started) * 1000)
    return len(times), times


async def _idle(store: Database, number: int, questions: list[OpenQuestion], end: float) -> Figures:
    async def routine(run: Run, task: Task) -> Result:
        return Result(Outcome.DONE)

    bus = SignalBus("s", time.time, lambda signals: None, SignalRegistry())
    worker = Worker(store, {"": routine}, bus, SystemClock(), session_id="s", owner=f"host-{number}.example:1:1")
    store.watch(lambda has_work: worker.wake())
    working = asyncio.create_task(worker.run())
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    worker.stop()
    await working
    return 0, []


_KINDS = {"claim": _claim, "answer": _answer, "idle": _idle}


async def _work(url: str, kind: str, number: int, workers: int, seconds: float, ready: int, go: int) -> Figures:
    store = Database(url)
    await store.open()
    questions = list(await store.open_questions(20_000))[number::workers]
    os.write(ready, b"r")
    await asyncio.to_thread(os.read, go, 1)
    figures = await _KINDS[kind](store, number, questions, time.monotonic() + seconds)
    await store.close()
    return figures


def main() -> None:
    url, kind, workers, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    ready_out, ready_in = os.pipe()
    go_out, go_in = os.pipe()
    results = []
    for number in range(workers):
        result_out, result_in = os.pipe()
        if not os.fork():
            done, times = asyncio.run(_work(url, kind, number, workers, seconds, ready_in, go_out))
            middle = statistics.median(times) if times else 0.0
            os.write(result_in, json.dumps([done, middle]).encode())
            os._exit(0)
        results.append(result_out)
    seen = 0
    while seen < workers:
        seen += len(os.read(ready_out, workers))
    os.write(go_in, b"g" * workers)
    figures = [json.loads(os.read(result, 1000)) for result in results]
    for _ in range(workers):
        os.wait()
    medians = [middle for _, middle in figures]
    print(json.dumps({"a_second": sum(done for done, _ in figures) / seconds, "ms": statistics.median(medians)}))


if __name__ == "__main__":
    main()
