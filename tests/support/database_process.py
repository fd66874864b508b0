"""A program that the store's tests start, share a database with, stop and kill; and `Companion`, which plays it.

It reads one JSON list a line from stdin, `[scenario, url, ...]`, and plays each in a forked child, since importing
the adapter takes longer than a scenario. On stdout: `started <pid>`, the child's own lines, `stopped` whenever it is
stopped, `ended <status>`. Lines that a child waits for come on stdin as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.adapters.process_identity import this_process
from evolver_tui.core.added_tasks import AddedTasks
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import AlreadyAnswered, EvolverError
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Question
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task

ROOT = Path(__file__).parents[2]
LEASE = 60.0


# --- the test's side -------------------------------------------------------------------------------------------------


class Companion:
    """Another process at the same database."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.database_process"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == ["ready"]
        self.status = 0
        """How the last scenario ended, as `waitpid` has it."""
        self._playing: int | None = None

    def line(self) -> list[str]:
        """The next line, in words."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def tell(self, words: object) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def play(self, scenario: str, url: str, *arguments: object) -> int:
        """Start a scenario; returns its process id."""
        self.tell([scenario, url, *arguments])
        started, pid = self.line()
        assert started == "started"
        self._playing = int(pid)
        return self._playing

    def until(self, word: str) -> list[list[str]]:
        """What the scenario says before a line that begins with this word."""
        lines: list[list[str]] = []
        while (line := self.line())[0] != word:
            assert line[0] != "ended", lines
            lines.append(line)
        return lines

    def until_ended(self) -> list[list[str]]:
        """What the scenario still says."""
        lines = []
        while (line := self.line())[0] != "ended":
            lines.append(line)
        self._playing, self.status = None, int(line[1])
        return lines

    def kill(self) -> list[list[str]]:
        """Kill the scenario; returns what it still said."""
        assert self._playing is not None
        os.kill(self._playing, signal.SIGKILL)
        return self.until_ended()

    def close(self) -> None:
        """End the program, and what a test that failed has left running."""
        if self._playing is not None:
            self.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


@contextmanager
def two_companions() -> Iterator[tuple[Companion, Companion]]:
    """Two of them."""
    with closing(Companion()) as one, closing(Companion()) as other:
        yield one, other


# --- the program's side ----------------------------------------------------------------------------------------------


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def told() -> Any:
    """The next line that the test sends."""
    return json.loads(await asyncio.to_thread(os.read, 0, 10_000))


def task(task_id: str) -> Task:
    return Task.from_raw({"id": task_id, "taskName": f"Name of {task_id}", "llmTaskType": "summarize"})


def narrate(added: AddedTasks) -> list[Signal]:
    return [Signal("task.queued", {"task_id": task.id}) for task in added.queued]


async def opened(url: str, **options: Any) -> Database:
    database = Database(url, **options)
    await database.open()
    return database


async def look(url: str) -> None:
    """What each scenario does first: a process that did it before has it loaded, and its children with it."""
    database = await opened(url)
    await database.end_session("none")
    await database.counts()
    await database.close()


async def write_for_ever(url: str) -> None:
    """All kinds of writes, each told of after its commit, until somebody kills this."""
    database = await opened(url)
    for number in count():
        task_id = f"{os.getpid()}-{number}"
        await database.add_tasks([task(task_id)], "s", generate=True, signals_of=narrate)
        say("added", task_id)
        claim = await database.claim(this_process(), LEASE)
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


async def add_in_batches(url: str, batches: int, size: int) -> None:
    """Add so many tasks, a batch to a commit."""
    database = await opened(url)
    for number in range(batches):
        tasks = [task(f"{os.getpid()}-{number}-{n}") for n in range(size)]
        await database.add_tasks(tasks, "s", generate=True, signals_of=narrate)
    say("added", batches * size)
    await database.close()


async def claim_and_wait(url: str) -> None:
    """Hold one job until somebody kills this."""
    database = await opened(url)
    claim = await database.claim(this_process(), 3600)
    say("claimed", claim and claim.job)
    await asyncio.Event().wait()


async def claim_all(url: str) -> None:
    """Work through the queue as fast as it goes, once a second process has begun to do the same."""
    database = await opened(url)
    total = (await database.counts()).total
    while claim := await database.claim(this_process(), LEASE):
        say("claimed", claim.job)
        while (await database.counts()).waiting > total - 2:
            pass
        done = JobState.COMPLETED
        await database.finish(claim.job, claim.fence, done, "s", outcome=Outcome.APPROVED)
    await database.close()


async def answer_all(url: str, questions: list[int], by: str) -> None:
    """Answer these questions as fast as it goes, from the moment on which the test says so."""
    database = await opened(url)
    await database.counts()
    say("ready")
    await told()
    for question in questions:
        try:
            await database.answer(question, {"by": by}, by, "s", [Signal("answered", {"question": question})])
            say("won", question)
        except AlreadyAnswered as error:
            say("lost", question, error.by, error.at)
    await database.close()


async def write_late(url: str, owner: str, lease_seconds: float) -> None:
    """Claim a job, and write to it when the test says so, which is late."""
    database = await opened(url)
    claim = await database.claim(owner, lease_seconds)
    assert claim is not None
    say("claimed", claim.job)
    await told()
    late = [Signal("late")]
    for write in (
        database.renew(claim.job, claim.fence, LEASE),
        database.record_step(claim.job, claim.fence, "late", 1, "s", late),
        database.emit_deferred(claim.job, claim.fence, "s", late),
        database.pause(claim.job, claim.fence, Question("late", "?"), "s", late),
        database.finish(claim.job, claim.fence, JobState.FAILED, "s", signals=late),
    ):
        try:
            await write
            say("written")
        except EvolverError as error:
            say("refused", type(error).__name__)
    await database.close()


async def take_over(url: str, owner: str) -> None:
    """Claim one job as a worker does: wait until something is heard, or for as long as the store says."""
    database = await opened(url)
    heard = asyncio.Event()
    database.watch(lambda has_work: heard.set())
    tries = 1
    while not (claim := await database.claim(owner, LEASE)):
        seconds = await database.seconds_until_claimable()
        if tries == 1:
            say("waiting")
        tries += 1
        try:
            await asyncio.wait_for(heard.wait(), seconds)
        except TimeoutError:
            pass
        heard.clear()
    say("claimed", claim.job, tries)
    await database.close()


async def live_in_another_day(url: str, shift: float) -> None:
    """Claim a job and hold on to it while this host's clock is wrong."""
    for name in ("time", "time_ns"):
        right = getattr(time, name)
        setattr(time, name, lambda right=right: right() + shift)
    # SQLite asks the system itself, past what can be shifted here.
    options = {"clock_shift": shift} if url.startswith("sqlite:") else {}
    database = await opened(url, **options)
    claim = await database.claim("wrong-clock:1:1", LEASE)
    assert claim is not None
    say("claimed", claim.job, claim.fence)
    await told()
    try:
        await database.renew(claim.job, claim.fence, LEASE)
        say("renewed")
    except EvolverError as error:
        say("refused", type(error).__name__)
    await database.close()


async def fill_the_disk(url: str) -> None:
    """Meet a limit on the size of files, go on when it is lifted."""
    database = await opened(url)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    number = 0
    while True:
        tasks = [task(f"t-{number}-{'x' * 500}-{n}") for n in range(20)]
        try:
            await database.add_tasks(tasks, "s", generate=True, signals_of=narrate)
        except EvolverError as error:
            say("refused", error)
            break
        say("added", number)
        number += 1
    database.log([Signal("kept")], "s")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await database.add_tasks([task("after")], "s", generate=True, signals_of=narrate)
    say("waiting", (await database.counts()).waiting)
    await database.close()


async def strike(url: str, operation: str, facts: Mapping[str, Any], point: int, number: int) -> None:
    """One write, in which this process sends itself a signal just before the `point`th statement.

    Where the commit is the last of n statements, point n + 1 is the moment after it, before anybody hears of it;
    point 0 is the same.
    """
    statements = count(1)
    is_armed = False

    def reach(is_committed: bool = False) -> None:
        if not is_armed or threading.current_thread().name != "database writer":
            return
        if next(statements) == point or (is_committed and not point):
            os.kill(os.getpid(), number)
            time.sleep(0.1)  # a stop reaches this thread a moment later

    reach_before_statements(reach)
    database = await opened(url, busy_seconds=facts.get("busy_seconds", 5.0))
    await database.end_session("none")  # so that the writer is connected
    is_armed = True
    try:
        say("said", await OPERATIONS[operation](database, facts))
    except EvolverError as error:
        say("refused", type(error).__name__, error)
    await database.close()


def reach_before_statements(reach: Callable[..., None]) -> None:
    """Call `reach` before each statement, and after each commit, then with True."""
    connect, commit = sqlite3.connect, Transaction.commit

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(lambda statement: reach())
        return connection

    def committed(transaction: Transaction, *, remembers: bool) -> None:
        commit(transaction, remembers=remembers)
        reach(True)

    def before(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            reach()
            return original(*arguments, **named)

        setattr(owner, name, call)

    sqlite3.connect = traced  # type: ignore[assignment]
    setattr(Transaction, "commit", committed)  # noqa: B010 - it is not meant to be replaced
    for owner, name in ((psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit")):
        before(owner, name)


def signals_of(facts: Mapping[str, Any]) -> list[Signal]:
    return [Signal("struck", {"task_id": facts["task_id"]})]


Operation = Callable[[Database, Mapping[str, Any]], Awaitable[object]]
OPERATIONS: dict[str, Operation] = {
    "add_tasks": lambda database, facts: database.add_tasks(
        [task(facts["task_id"])], "s", generate=True, signals_of=lambda added: signals_of(facts)
    ),
    "claim": lambda database, facts: database.claim("striker:1:1", LEASE),
    "release": lambda database, facts: database.release(facts["job"], facts["fence"]),
    "record_step": lambda database, facts: database.record_step(
        facts["job"], facts["fence"], "struck", {"n": 1}, "s", signals_of(facts), digest="d"
    ),
    "pause": lambda database, facts: database.pause(
        facts["job"], facts["fence"], Question("struck", "?"), "s", signals_of(facts)
    ),
    "answer": lambda database, facts: database.answer(facts["question"], {"n": 1}, "me", "s", signals_of(facts)),
    "emit_deferred": lambda database, facts: database.emit_deferred(
        facts["job"], facts["fence"], "s", signals_of(facts)
    ),
    "finish": lambda database, facts: database.finish(
        facts["job"], facts["fence"], JobState.FAILED, "s", error="struck", signals=signals_of(facts)
    ),
    "retry": lambda database, facts: database.retry(facts["job"], "s", signals_of(facts)),
    "cancel": lambda database, facts: database.cancel(facts["job"], "s", signals_of(facts)),
    "export": lambda database, facts: database.export_job(
        facts["job"], "me", "here", f"{facts['task_id']}-bundle", "s", signals_of(facts)
    ),
    "import": lambda database, facts: database.import_job(Bundle.from_json(facts["bundle"]), "s", signals_of(facts)),
}
"""The writes that change a job, by name. `facts` say which one."""


SCENARIOS: dict[str, Callable[..., Awaitable[None]]] = {
    scenario.__name__: scenario
    for scenario in (
        look, write_for_ever, add_in_batches, claim_and_wait, claim_all, answer_all, write_late, take_over,
        live_in_another_day, fill_the_disk, strike,
    )
}  # fmt: skip


def main() -> None:
    say("ready")
    known = set()
    for line in sys.stdin:
        name, url, *arguments = json.loads(line)
        if url.partition(":")[0] not in known:
            known.add(url.partition(":")[0])
            asyncio.run(look(url))
        child = os.fork()
        if not child:
            asyncio.run(SCENARIOS[name](url, *arguments))  # type: ignore[arg-type]
            os._exit(0)
        say("started", child)
        while True:
            _, status = os.waitpid(child, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                break
            say("stopped")
        say("ended", status)


if __name__ == "__main__":
    main()
