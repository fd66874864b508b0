"""A program that the database's tests start, share a file with, and kill.

It reads one JSON list a line from stdin, `[scenario, path, ...]`, and plays each in a forked child, since importing
the adapter takes longer than a scenario. On stdout: `started <pid>`, the child's own lines, `ended <status>`.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from itertools import count
from pathlib import Path

from evolver_tui.adapters.database import Database
from evolver_tui.adapters.process_identity import this_process
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.ports import AddedTasks


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def task(task_id: str) -> Task:
    return Task.from_raw({"id": task_id, "taskName": f"Name of {task_id}", "llmTaskType": "summarize"})


def narrate(added: AddedTasks) -> list[Signal]:
    return [Signal("task.queued", {"task_id": task.id}) for task in added.queued]


async def write_for_ever(path: Path) -> None:
    """All kinds of writes, each told of after its commit, until somebody kills this."""
    database = Database(path)
    await database.open()
    for number in count():
        task_id = f"{os.getpid()}-{number}"
        await database.add_tasks([task(task_id)], "s", generate=True, narrate=narrate)
        say("added", task_id)
        claim = await database.claim(this_process(), 60)
        if claim is None:
            continue
        await database.record_step(claim.job, claim.fence, "route", {"big": "x" * 2000}, "s")
        say("step", claim.job)
        if number % 3:
            question = await database.pause(claim.job, claim.fence, Question("language", "Which one?"), "s")
            say("asked", question)
            if number % 2:
                await database.answer(question, {"action": "accept", "content": {}}, "someone", "s")
                say("answered", question)
        else:
            done = JobState.COMPLETED
            await database.finish(claim.job, claim.fence, done, "s", outcome=Outcome.APPROVED, node="a v1")
            say("finished", claim.job)


async def claim_and_wait(path: Path) -> None:
    """Hold one job until somebody kills this."""
    database = Database(path)
    await database.open()
    claim = await database.claim(this_process(), 3600)
    say("claimed", claim and claim.job)
    await asyncio.Event().wait()


async def claim_all(path: Path) -> None:
    """Work through the queue as fast as it goes, once a second process has begun to do the same."""
    database = Database(path)
    await database.open()
    total = (await database.counts()).total
    while claim := await database.claim(this_process(), 60):
        say("claimed", claim.job)
        while (await database.counts()).waiting > total - 2:
            pass
        done = JobState.COMPLETED
        await database.finish(claim.job, claim.fence, done, "s", outcome=Outcome.APPROVED)
    await database.close()


async def fill_the_disk(path: Path) -> None:
    """Meet a limit on the size of files, go on when it is lifted."""
    database = Database(path)
    await database.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    number = 0
    while True:
        tasks = [task(f"t-{number}-{'x' * 500}-{n}") for n in range(20)]
        try:
            await database.add_tasks(tasks, "s", generate=True, narrate=narrate)
        except EvolverError as error:
            say("refused", error)
            break
        say("added", number)
        number += 1
    database.log([Signal("kept")], "s")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await database.add_tasks([task("after")], "s", generate=True, narrate=narrate)
    say("waiting", (await database.counts()).waiting)
    await database.close()


SCENARIOS = {
    scenario.__name__: scenario for scenario in (write_for_ever, claim_and_wait, claim_all, fill_the_disk)
}  # fmt: skip


def main() -> None:
    say("ready")
    for line in sys.stdin:
        name, path = json.loads(line)
        child = os.fork()
        if not child:
            asyncio.run(SCENARIOS[name](Path(path)))
            os._exit(0)
        say("started", child)
        _, status = os.waitpid(child, 0)
        say("ended", status)


if __name__ == "__main__":
    main()
