"""What it costs a routine to stop at a question and to go on, committed to disk, on both databases."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.question import Question
from evolver_tui.core.routine_state import DeferredEvent, Progress, SharedState
from evolver_tui.core.task import Task
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import REPOSITORY, temporary_folder
from tests.support.servers import PostgreSQLServer

_HERE, _THERE = "here.example:1:1", "there.example:1:1"
_LEASE = 60.0
_FORM = {"type": "object", "properties": {"option": {"type": "string", "enum": ["A", "B"]}}, "required": ["option"]}
_ANSWER = {"action": "accept", "content": {"option": "A"}}
_QUESTION = Question("option", "Which option should the analysis take?", _FORM)


def durable(is_quick: bool) -> Iterator[Row]:
    """Pause and resume, and the state that lies between them."""
    count = 60 if is_quick else 400
    with temporary_folder() as folder, ExitStack() as stack:
        server = PostgreSQLServer()
        stack.callback(server.close)
        for name, url, limits in (
            ("SQLite", f"sqlite:///{folder}/pause.db", (1.5, 2.5)),
            ("PostgreSQL", server.new_database(), (3.5, 6.0)),
        ):
            pauses, resumes = asyncio.run(_pause_and_resume(url, count))
            yield at_most(f"pause on {name}", pauses, limits[0], " ms")
            yield at_most(f"answer, claim and go on, on {name}", resumes, limits[1], " ms")
        yield from _state(asyncio.run(_paused_bundle(f"sqlite:///{folder}/state.db")))
        yield from _two_processes(folder, server)


def _tasks(count: int) -> list[Task]:
    return [
        Task.from_raw({"id": f"task-{number}", "taskName": "Analyze data", "llmTaskType": "summarize"})
        for number in range(count)
    ]


async def _pause_and_resume(url: str, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each; a second host answers and goes on."""
    here, there = Database(url), Database(url)
    await here.open()
    await there.open()
    await here.add_tasks(_tasks(count), "s", generate=True, signals_of=lambda added: ())
    pauses, resumes = [], []
    for _ in range(count):
        claim = await here.claim(_HERE, _LEASE)
        assert claim is not None
        started = time.perf_counter()
        question = await here.pause(claim.job, claim.fence, _QUESTION, "s")
        paused = time.perf_counter()
        await there.answer(question, _ANSWER, "grace", "s")
        resumed = await there.claim(_THERE, _LEASE)
        gone_on = time.perf_counter()
        assert resumed is not None
        assert resumed.journal["option"] == _ANSWER
        await there.finish(resumed.job, resumed.fence, JobState.COMPLETED, "s", outcome=Outcome.DONE)
        pauses.append((paused - started) * 1000)
        resumes.append((gone_on - paused) * 1000)
    await here.close()
    await there.close()
    return pauses, resumes


async def _paused_bundle(url: str) -> Bundle:
    """The demo's state: one step done, one question open, one event deferred, data and log shared."""
    store = Database(url)
    await store.open()
    await store.add_tasks(_tasks(1), "s", generate=True, signals_of=lambda added: ())
    claim = await store.claim(_HERE, _LEASE)
    assert claim is not None
    await store.record_step(claim.job, claim.fence, "process", {"llm_response": "Two options are possible."}, "s")
    log = ({"timestamp": "2026-01-01T12:00:00.000Z", "action": "process_start", "task": "Analyze data"},)
    shared = SharedState({"task": "Analyze data", "llm_question": _QUESTION.message}, log)
    deferred = (DeferredEvent("user_input_required", {"question": "option"}, 1_800_000_000.0),)
    await store.pause(claim.job, claim.fence, _QUESTION, "s", progress=Progress(shared, deferred))
    bundle = await store.export_job(claim.job, "ada", "here", "0b0e7f5e-1111-4222-8333-444455556666", "s")
    await store.close()
    return bundle


def _state(bundle: Bundle) -> Iterator[Row]:
    state = dict(bundle.job_state)
    encode = json.JSONEncoder(separators=(",", ":")).encode
    text = encode(state)
    yield at_most("a paused job's state as JSON", [len(text) / 1024], 1.0, " KiB")
    yield at_most("... serialised", _repeated(lambda: encode(state)), 0.015, " ms")
    yield at_most("... parsed", _repeated(lambda: json.loads(text)), 0.010, " ms")
    whole = bundle.to_json()
    yield told("a bundle with its checksum, written", _repeated(bundle.to_json), " ms")
    yield told("... read and verified", _repeated(lambda: Bundle.from_json(whole)), " ms")


def _repeated(work: Callable[[], Any], rounds: int = 9, times: int = 2_000) -> list[float]:
    """Milliseconds of one call, the mean of each of several rounds."""
    means = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(times):
            work()
        means.append((time.perf_counter() - started) * 1000 / times)
    return means


# --- many jobs, two processes


def _two_processes(folder: Path, server: PostgreSQLServer) -> Iterator[Row]:
    for name, url in (("SQLite", f"sqlite:///{folder}/two.db"), ("PostgreSQL", server.new_database())):
        asyncio.run(_fill(url, 200))
        workers = [_worker(url), _worker(url)]
        jobs = [int(line) for worker in workers for line in worker.communicate()[0].split()]
        twice = len(jobs) - len(set(jobs))
        measured = f"{len(set(jobs))} distinct, {twice} twice"
        yield Row(f"200 jobs by two processes on {name}", measured, "200, 0", (len(set(jobs)), twice) == (200, 0))


async def _fill(url: str, count: int) -> None:
    store = Database(url)
    await store.open()
    await store.add_tasks(_tasks(count), "s", generate=True, signals_of=lambda added: ())
    await store.close()


def _worker(url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.resume", "take-all", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)


# --- a cold process


def cold(is_quick: bool) -> Iterator[Row]:
    """From the start of a process to the first work after the answer, beside LangGraph with its own SQLite saver."""
    ours: list[float] = []
    theirs: list[float] = []
    with temporary_folder() as folder:
        for number in range(3 if is_quick else 11):
            for kind, figures in (("evolver", ours), ("langgraph", theirs)):
                place = str(folder / f"{kind}-{number}.db")
                _run("prepare-" + kind, place)
                started = time.perf_counter()
                _run("resume-" + kind, place)
                figures.append((time.perf_counter() - started) * 1000)
    yield told("floor: LangGraph, process start to work after the answer", theirs, " ms")
    yield told("the same here", ours, " ms")
    yield at_most("... / LangGraph", [own / floor for own, floor in zip(ours, theirs, strict=True)], 1.0)


def _run(what: str, place: str) -> None:
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "tests.benchmarks.resume", what, place]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else f"{what} failed")
