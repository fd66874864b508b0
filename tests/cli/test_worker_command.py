"""`evolver-tui worker`: jobs are worked on without a console, and consoles go without a worker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evolver_tui.core.job import JobState
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.session import Session
from evolver_tui.wiring import NO_WORK
from tests.benchmarks.workplace import silent_provider
from tests.support.processes import environment
from tests.support.routine_process import PLUGINS, install
from tests.support.sessions import (
    PATIENCE_SECONDS,
    SUMMARIZE,
    approval,
    open_question,
    row_of,
    running,
    send,
    workspace_in,
)

pytestmark = pytest.mark.anyio


@contextmanager
def worker(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, asked to end and then killed afterwards."""
    command = [sys.executable, "-m", "evolver_tui", "worker", "--home", str(home), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(home), cwd=home) as process:
        try:
            yield process
        finally:
            process.kill()


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another process does to the database."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - no event crosses from there
            await asyncio.sleep(0.05)


async def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Ask it to end; its exit code, and all that it told."""
    process.send_signal(signal.SIGTERM)
    _, told = await asyncio.to_thread(process.communicate, timeout=PATIENCE_SECONDS)
    return process.returncode, told.splitlines()


async def until_in(session: Session, task_id: str, state: JobState) -> None:
    """Wait until a task's job is in this state."""

    async def is_there() -> bool:
        job = await session.store.job_of_task(task_id)
        row = await session.store.row(job) if job is not None else None
        return row is not None and row.state is state

    await until(is_there)


async def test_worker_does_what_a_console_without_one_leaves(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path), work=NO_WORK) as (session, _):
        await send(session, SUMMARIZE)
        with worker(tmp_path, "--nodes", str(tmp_path / "nodes")) as process:
            await until_in(session, "task-1", JobState.PAUSED)
            question = await open_question(session, "task-1")
            await session.inbox.decide(question.id, approval(ReviewSubject.of(question)))
            await until_in(session, "task-1", JobState.COMPLETED)
            code, told = await ended(process)
        assert code == 0
        assert session.library.latest("summarize_blog_post") is not None
        words = [line.split() for line in told]
        assert words[0][1] == "session.started"
        assert words[-1][1:] == ["session.ended"]
        assert [line[1] for line in words if "task-1" in line][:1] == ["task.started"]
        assert any(line[1:4] == ["task.completed", "task-1", "outcome=approved"] for line in words)


async def test_worker_of_one_routine_leaves_the_others(tmp_path: Path) -> None:
    install(tmp_path, '[routines]\nasks = "busy:asks"\n', PLUGINS / "busy.py")
    async with running(workspace_in(tmp_path), work=NO_WORK) as (session, _):
        await send(session, {"tasks": [SUMMARIZE, {"id": "t", "taskName": "A task", "routine": "asks"}]})
        with worker(tmp_path, "--routine", "asks", "--json") as process:
            await until_in(session, "t", JobState.PAUSED)
            code, told = await ended(process)
        assert code == 0
        assert (await row_of(session, "task-1")).state is JobState.PENDING
        signals = [json.loads(line) for line in told]
        assert {told["type"] for told in signals} == {"SIGNAL_EMITTED"}
        assert [told["context"]["task_id"] for told in signals if told["name"] == "question.asked"] == ["t"]


async def test_several_new_jobs_are_worked_on_at_once_where_that_was_asked_for(tmp_path: Path) -> None:
    with silent_provider() as url:
        config = f'[backend]\nkind = "openai"\nbase_url = "{url}"\nmodel = "silent"\napi_key_env = "PATH"\n'
        async with running(workspace_in(tmp_path, config), work=NO_WORK) as (session, _):
            await send(session, {"tasks": [{**SUMMARIZE, "id": str(number)} for number in range(4)]})
            with worker(tmp_path, "--concurrency", "3") as process:

                async def three_run() -> bool:
                    return (await session.store.counts()).running == 3

                await until(three_run)
                process.send_signal(signal.SIGTERM)  # what is held does not come to a stop, and is given back
                await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
            assert process.returncode == 130
            counts = await session.store.counts()
            assert (counts.running, counts.waiting) == (0, 4)


async def test_worker_whose_database_is_replaced_ends_with_a_sentence(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path), work=NO_WORK) as (session, _):
        with worker(tmp_path) as process:
            assert process.stderr is not None
            assert "session.started" in await asyncio.to_thread(process.stderr.readline)
        await send(session, SUMMARIZE)
    with worker(tmp_path) as process:
        assert process.stderr is not None
        assert "session.started" in await asyncio.to_thread(process.stderr.readline)
        database = tmp_path / "data" / "evolver.db"
        os.rename(database, tmp_path / "away.db")
        database.write_bytes(b"")
        told = await asyncio.to_thread(process.stderr.read)
        assert await asyncio.to_thread(process.wait, PATIENCE_SECONDS) == 1
    assert "was replaced or restored while it was open" in told.splitlines()[-1]
