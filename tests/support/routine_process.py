"""A process that works on jobs of plug-ins, for tests that kill it or look at what it loaded."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from evolver_tui.core.signal import Signal
from evolver_tui.engine.session import Session
from evolver_tui.wiring import Work
from tests.support.processes import ForkedProcess, become, environment
from tests.support.sessions import running, send, workspace_in

PLUGINS = Path(__file__).parent / "plugins"


def install(home: Path, config: str, *files: Path) -> None:
    """Write the config, and put these files where a person puts modules of routines."""
    folder = home / "config" / "routines"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    (home / "config" / "config.toml").write_text(config)


class Working(ForkedProcess):
    """A session under `home` that works until it is killed; each line tells of a signal.

    With KILL_AFTER_WRITE in its environment it kills itself after the first write that a routine causes; with ISOLATED
    plug-ins run in a process of their own, as they do in the product.

    Args:
        host: the name of the host that it believes to run on; empty for this one's.
    """

    def __init__(self, home: Path, tasks: Sequence[Mapping[str, Any]] = (), host: str = "", **environ: str) -> None:
        home.mkdir(exist_ok=True)
        super().__init__(_work, str(home), list(tasks), host, environment(home, **environ))


def _work(
    writing: Connection, home: str, tasks: Sequence[Mapping[str, Any]], host: str, environ: Mapping[str, str]
) -> None:
    become(writing, environ)
    if host:
        platform.node = lambda: host
    asyncio.run(_work_for_ever(Path(home), tasks))


async def _work_for_ever(home: Path, tasks: Sequence[Mapping[str, Any]]) -> None:
    work = Work(is_isolated="ISOLATED" in os.environ)
    async with running(workspace_in(home, database=os.environ.get("DATABASE")), work=work) as (session, watch):
        if "KILL_AFTER_WRITE" in os.environ:
            _die_after_one_write(session)

        def hear(told: Signal) -> None:
            event = {"event": told.name, **told.context, **told.payload}
            if told.name in ("task.completed", "task.failed", "job.paused"):
                event["vendors"] = sorted({name.partition(".")[0] for name in sys.modules} & {"langgraph", "langsmith"})
            print(json.dumps(event, default=str), file=sys.stderr, flush=True)
            if told.name == "task.completed" and "langsmith" in sys.modules:
                from langchain_core.tracers.langchain import wait_for_all_tracers

                wait_for_all_tracers()
                print('{"event": "traces are sent"}', file=sys.stderr, flush=True)

        session.bus.registry.register_all(hear)
        for told in watch.heard:
            hear(told)
        if tasks:
            await send(session, {"tasks": tasks})
        await asyncio.Event().wait()


def _die_after_one_write(session: Session) -> None:
    """kill -9 as soon as a routine's first write is committed."""

    def deadly(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def write_and_die(*arguments: Any, **named: Any) -> None:
            await write(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        return write_and_die

    for name in ("record_step", "pause", "finish"):
        setattr(session.store, name, deadly(getattr(session.store, name)))


def end_leases(home: Path) -> None:
    """What thirty seconds do to the jobs of a host that is gone."""
    with closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
        database.execute("update job set lease_expires = 0 where lease_expires is not null")
        database.commit()


async def _work_on(home: Path, tasks: Sequence[Mapping[str, Any]]) -> None:
    async with running(workspace_in(home)) as (session, watch):
        await send(session, {"tasks": tasks})
        await session.workers.drained()
        print(json.dumps([[told.name, told.payload] for told in watch.heard], default=str))


if __name__ == "__main__":  # HOME TASKS: work on these until nothing more can be done, and print what was told
    asyncio.run(_work_on(Path(sys.argv[1]), json.loads(sys.argv[2])))
