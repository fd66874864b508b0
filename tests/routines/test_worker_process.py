"""Routines in a process of their own: whatever one does there costs its job an attempt and the session nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.adapters.worker_process import supervisor
from evolver_tui.core.errors import UsageError
from evolver_tui.core.job import JobState
from evolver_tui.core.journal import RESULT
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.engine.session import Session
from evolver_tui.wiring import NO_WORK, Work, make_session
from tests.support.processes import environment, in_thread
from tests.support.routine_process import PLUGINS, Working, install
from tests.support.sessions import (
    PATIENCE_SECONDS,
    SUMMARIZE,
    Watch,
    open_question,
    row_of,
    running,
    send,
    workspace_in,
)

ROUTINES = ("spins", "exits", "crashes", "asks", "leaves_a_thread", "mails")
CONFIG = "[routines]\n" + "".join(f'{name} = "busy:{name}"\n' for name in ROUTINES)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the routines of tests/support/plugins/busy.py."""
    home = tmp_path / "home"
    install(home, CONFIG, PLUGINS / "busy.py")
    return home


def a_task(routine: str, folder: Path, task_id: str = "t") -> dict[str, Any]:
    return {"id": task_id, "taskName": "A task", "routine": routine, "folder": str(folder)}


@asynccontextmanager
async def at_work(home: Path, *tasks: dict[str, Any], **options: Any) -> AsyncIterator[tuple[Session, Watch]]:
    async with running(workspace_in(home), **{"work": Work(), **options}) as (session, watch):
        if tasks:
            await send(session, {"tasks": list(tasks)})
        yield session, watch


def write(file: Path, text: str) -> None:
    file.write_text(text)


def children(parent: int = os.getpid()) -> set[int]:
    """The numbers of a process's worker processes that live."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(") ")
        except OSError:
            continue
        state, its_parent = rest.split()[:2]
        if int(its_parent) == parent and state != "Z" and b"worker_process" in (stat.parent / "cmdline").read_bytes():
            found.add(int(stat.parent.name))
    return found


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that another process does; no event comes from there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.02)


async def began(folder: Path) -> int:
    """Wait until a routine spins; returns its process's number."""
    file = folder / "began"
    await until(file.exists)
    return int(await asyncio.to_thread(file.read_text))


@pytest.mark.anyio
async def test_no_process_is_started_before_a_job_needs_one(home: Path) -> None:
    async with at_work(home, SUMMARIZE) as (session, watch):
        await watch.until("review.requested", task_id="task-1")
        await session.workers.drained()
        assert children() == set()


@pytest.mark.anyio
async def test_routine_runs_in_another_process_and_is_told_of_here(home: Path) -> None:
    async with at_work(home, a_task("asks", home)) as (session, watch):
        await watch.until("question.asked", task_id="t")
        (first,) = children()
        await session.inbox.answer((await open_question(session, "t")).id, Answer(AnswerAction.ACCEPT))
        await watch.until("task.completed", task_id="t")
        journal = await session.store.journal((await row_of(session, "t")).job)
        assert journal[RESULT] == {"first": first, "second": first}
        told = [told.signal.name for told in await session.store.signals(session.id)]
        assert told == watch.names(), "each is in the log once"
    assert children() == set()


@pytest.mark.anyio
async def test_what_does_not_work_in_the_process_is_told_here_and_tried_by_a_key_here(home: Path) -> None:
    tasks = [a_task("mails", home, name) for name in "abc"]
    async with at_work(home, *tasks, a_task("asks", home, "other")) as (session, watch):
        await watch.until("worker.paused", shared="mail server")
        await watch.until("question.asked", task_id="other")
        await session.workers.drained()
        (outage,) = session.outages
        assert (outage.shared, outage.error) == ("mail server", "The mail server is away. Start it.")
        assert (home / "tries").read_text() == "x"
        (home / "server").touch()
        session.workers.try_now()
        await watch.until("worker.resumed", shared="mail server")
        for name in "abc":
            await watch.until("task.completed", task_id=name)
        assert not session.outages
        assert "task.failed" not in watch.names()


@pytest.mark.parametrize(
    ("routine", "how"), [("exits", "ended with exit code 3"), ("crashes", "was ended by signal 11 (SIGSEGV)")]
)
@pytest.mark.anyio
async def test_routine_that_ends_its_process_fails_its_job_and_nothing_else(home: Path, routine: str, how: str) -> None:
    async with at_work(home, a_task(routine, home), SUMMARIZE, a_task("asks", home, "after")) as (session, watch):
        failed = await watch.until("task.failed", task_id="t")
        assert (
            "Its worker was lost over it 4 times, before its first step was done: the last one, process "
            in (failed.payload["error"])
        )
        assert how in failed.payload["error"]
        await watch.until("review.requested", task_id="task-1")
        await watch.until("question.asked", task_id="after")
        ended = [told.payload for told in watch.heard if told.name == "worker.ended"]
        assert len(ended) == 4
        assert all(told["how"] == how and failed.context["job"] in told["jobs"] for told in ended)
        if routine == "crashes":
            assert "the last thing that was done" in ended[0]["last_words"]
            assert "busy.py" in ended[0]["last_words"]
        assert session.broken is None


@pytest.mark.anyio
async def test_routine_that_burns_cpu_is_ended_when_its_job_is_cancelled(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.2)
    async with at_work(home, a_task("spins", home)) as (session, watch):
        spinning = await began(home)
        assert children() == {spinning}
        await session.inbox.cancel((await row_of(session, "t")).job)
        ended = await watch.until("worker.ended")
        assert ended.payload["how"] == "was ended because it did not let go of a cancelled job"
        await send(session, {"tasks": [a_task("asks", home, "after")]})
        await watch.until("question.asked", task_id="after")
        assert (await row_of(session, "t")).state is JobState.CANCELLED
        assert spinning not in children()


class _Hasty(SystemClock):
    """A clock whose waits are short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.2)


@pytest.mark.anyio
async def test_lease_of_a_routine_that_burns_cpu_is_renewed_from_here(home: Path) -> None:
    async with at_work(home, a_task("spins", home), clock=_Hasty()) as (session, watch):
        await began(home)
        renewed = asyncio.Event()
        renew = session.store.renew

        async def watched(job: int, fence: int, lease_seconds: float) -> None:
            await renew(job, fence, lease_seconds)
            renewed.set()

        session.store.renew = watched  # type: ignore[method-assign]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await renewed.wait()
        write(home / "enough", "")
        await watch.until("task.completed", task_id="t")


@pytest.mark.anyio
async def test_process_ends_when_it_has_been_idle_and_another_one_follows(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "IDLE_SECONDS", 0.05)
    async with at_work(home, a_task("asks", home)) as (session, watch):
        await watch.until("question.asked", task_id="t")
        await until(lambda: not children())
        await session.inbox.answer((await open_question(session, "t")).id, Answer(AnswerAction.ACCEPT))
        await watch.until("task.completed", task_id="t")
        assert "worker.ended" not in watch.names()
        journal = await session.store.journal((await row_of(session, "t")).job)
        assert journal[RESULT]["first"] != journal[RESULT]["second"]


@pytest.mark.anyio
async def test_leaving_waits_for_no_routine_that_does_not_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.2)
    async with at_work(home, a_task("spins", home)) as (_, _):
        await began(home)
    assert children() == set()


@pytest.mark.anyio
async def test_thread_that_a_routine_leaves_behind_holds_nothing_up(home: Path) -> None:
    async with at_work(home, a_task("leaves_a_thread", home)) as (session, watch):
        await watch.until("task.completed", task_id="t")
        session.workers.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await session.workers.close()


@pytest.mark.anyio
async def test_process_that_cannot_begin_says_why_and_is_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = home / "config" / "config.toml"
    async with at_work(home) as (session, watch):
        write(config, CONFIG + "[desk]\ntitle = 7\n")
        await send(session, {"tasks": [a_task("asks", home)]})
        failed = await watch.until("worker.paused", shared="routine process")
        assert "title" in str(failed.payload["error"])
        assert [outage.error for outage in session.outages] == [failed.payload["error"]]
        write(config, CONFIG)
        session.try_now()
        await watch.until("question.asked", task_id="t")
        assert not session.outages


@pytest.mark.anyio
async def test_session_without_a_worker_leaves_every_job_to_others(home: Path) -> None:
    async with at_work(home, SUMMARIZE, a_task("asks", home), work=NO_WORK) as (session, watch):
        await watch.until("task.queued", 2)
        await session.workers.drained()
        assert session.author_label == "no author here"
        assert [(await row_of(session, name)).state for name in ("task-1", "t")] == [JobState.PENDING] * 2


@pytest.mark.anyio
async def test_unknown_routine_is_refused_with_the_nearest_name(home: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no routine 'spin'\. Did you mean 'spins'\?"):
        make_session(workspace_in(home), work=Work(("spin",)))


def test_connect_tells_of_a_job_that_its_workers_died_over(home: Path) -> None:
    with in_thread(SampleHub(SampleHubSettings(FeedSettings([a_task("exits", home)], rate=0)))) as hub:
        done = subprocess.run(
            [sys.executable, "-m", "evolver_tui", "connect", "--home", str(home)], env=environment(home), cwd=home,
            input=json.dumps({"hub_url": hub.url, "duration_seconds": 1}), capture_output=True, text=True, check=False,
        )  # fmt: skip
    events = [json.loads(line) for line in done.stderr.splitlines()]
    (failed,) = [event for event in events if event["event"] == "workflow_processing_failed"]
    assert failed["task"] == {"id": "t"}
    assert "ended with exit code 3" in failed["error"]
    assert [event["task_id"] for event in events if event["event"] == "task_completed"] == ["t"]
    assert json.loads(done.stdout)["errors"] == [failed["error"]]


@pytest.mark.parametrize("routine", ["asks", "spins"])
@pytest.mark.anyio
async def test_process_ends_with_a_session_that_was_killed(home: Path, routine: str) -> None:
    with Working(home, [a_task(routine, home)], ISOLATED="yes") as session:
        session.until("task.started")
        if routine == "spins":
            await began(home)
        else:
            session.until("question.asked")
        (pid,) = children(session.pid)
        session.kill()
    await until(lambda: not Path(f"/proc/{pid}").exists())


def state_of(pid: int) -> str:
    """A process's state, e.g. T where it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.anyio
async def test_process_is_stopped_with_its_session_and_goes_on_with_it(home: Path) -> None:
    async with at_work(home, a_task("spins", home)) as (session, watch):
        pid = await began(home)
        session.workers.freeze(True)
        await until(lambda: state_of(pid) == "T")
        write(home / "enough", "")
        session.workers.freeze(False)
        await watch.until("task.completed", task_id="t")


@pytest.mark.skipif(sys.platform != "linux", reason="nothing else tells of a parent's death")
@pytest.mark.anyio
async def test_process_that_is_stopped_ends_with_a_session_that_was_killed(home: Path) -> None:
    with Working(home, [a_task("spins", home)], ISOLATED="yes") as session:
        session.until("task.started")
        pid = await began(home)
        os.killpg(pid, signal.SIGSTOP)
        await until(lambda: state_of(pid) == "T")
        session.kill()
    await until(lambda: not Path(f"/proc/{pid}").exists())
