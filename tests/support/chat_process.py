"""`workflow serve` with a routine, in a process that kills itself after a number of writes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from evolver_tui.core.signal import Signal
from evolver_tui.engine.session import Session
from evolver_tui.engine.workflow_run import run_workflow
from evolver_tui.wiring import make_session
from evolver_tui.wiring.routine_chats import make_routine_chats
from evolver_tui.wiring.workflow import make_service
from tests.support.processes import ForkedProcess, become, environment
from tests.support.sessions import workspace_in


class ShortLived(ForkedProcess):
    """An instance under `home` that ends by kill -9 once a routine's writes were so many; each line tells of a signal.

    Args:
        place: of the routine, as `--graph` takes it.
        writes: after how many; 0 lets it live.
    """

    def __init__(self, home: Path, place: str, writes: int, nats_url: str, redis_port: int) -> None:
        environ = environment(home, NATS_URL=nats_url, REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis_port))
        super().__init__(_serve, str(home), place, writes, environ)


def _serve(writing: Connection, home: str, place: str, writes: int, environ: Mapping[str, str]) -> None:
    become(writing, environ)
    os.chdir(home)
    asyncio.run(_run(Path(home), place, writes, environ))


async def _run(home: Path, place: str, writes: int, environ: Mapping[str, str]) -> None:
    workspace = workspace_in(home, environ=environ)
    chats, work = make_routine_chats(workspace, graph=place)
    session = make_session(workspace, work=work, on_change=chats.on_change)
    if writes:
        _die_after(session, writes)
    session.bus.registry.register_all(_tell, stays=True)
    await run_workflow(session, make_service(workspace, session, chats), lambda: None)


def _tell(signal: Signal) -> None:
    print(json.dumps({"event": signal.name, **signal.payload}, default=str), file=sys.stderr, flush=True)


def _die_after(session: Session, writes: int) -> None:
    left = writes

    def counted(write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def write_and_maybe_die(*arguments: Any, **named: Any) -> None:
            nonlocal left
            await write(*arguments, **named)
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        return write_and_maybe_die

    for name in ("record_step", "pause", "finish", "keep_chat"):
        setattr(session.store, name, counted(getattr(session.store, name)))
