"""A worker for other people's routines, as a process of its own. `adapters.worker_process.supervisor` starts it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from evolver_tui.adapters.process_identity import this_process
from evolver_tui.adapters.worker_process.channel import Channel, signal_message
from evolver_tui.core.address import Address
from evolver_tui.core.errors import EvolverError
from evolver_tui.engine.session import Session
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.wiring import Work, make_session

SECONDS_TO_END: Final = 5.0
"""How long this process outlives its supervisor: its routines may keep the loop busy."""
_NOT_DONE: Final = 1
_PR_SET_PDEATHSIG: Final = 1


def main(descriptor: int) -> None:
    """Work until the supervisor at the other end of this socket says stop, or is gone."""
    os.set_inheritable(descriptor, False)
    _go_on_when_orphaned()
    channel = Channel(descriptor)
    messages = channel.messages()
    begin = next(messages, None)
    if begin is not None:
        asyncio.run(_work(channel, messages, begin))


def _go_on_when_orphaned() -> None:
    """Have Linux continue this process where its supervisor dies: one that is stopped would stay so for ever."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGCONT), 0, 0, 0)


async def _work(channel: Channel, messages: Iterator[dict[str, Any]], begin: dict[str, Any]) -> None:
    try:
        where = begin["workspace"]
        workspace = find_workspace(
            where["home"], where["nodes"], Address(where["database"]), os.environ, is_demo=where["is_demo"]
        )  # fmt: skip
        work = Work(begin["routines"], concurrency=begin["concurrency"], is_isolated=False)
        session = make_session(
            workspace, work=work, for_session=begin["session"], lost=begin["lost"],
            on_change=lambda worker: _tell_state(channel, worker.held, session),
        )  # fmt: skip
        session.away.watch(lambda: _tell_outages(channel, session))
        session.bus.registry.register_all(lambda signal: channel.send(**signal_message(signal)), stays=True)
        await session.open()
    except EvolverError as error:
        channel.send(failed=str(error))
        return
    channel.send(ready=this_process())
    loop = asyncio.get_running_loop()
    drains: set[asyncio.Task[None]] = set()

    def obey(message: dict[str, Any]) -> None:
        if message["do"] == "drain":
            drains.add(asyncio.create_task(_drain(channel, session, message["number"])))
        else:
            _obey(session, message)

    def listen() -> None:
        for message in messages:
            loop.call_soon_threadsafe(obey, message)
        loop.call_soon_threadsafe(session.interrupt)
        threading.Event().wait(SECONDS_TO_END)
        os._exit(_NOT_DONE)

    threading.Thread(target=listen, name="supervisor", daemon=True).start()
    await session.workers.close()
    await session.close()
    os._exit(0)  # everything is committed, and a thread that a routine began may never end


def _obey(session: Session, message: dict[str, Any]) -> None:
    match message["do"]:
        case "wake":
            session.workers.wake()
        case "try":
            session.try_now()
        case "stop":
            session.workers.stop()
        case "interrupt":
            session.interrupt()
        case "drop":
            session.workers.drop(message["job"])


async def _drain(channel: Channel, session: Session, number: int) -> None:
    await session.workers.drained()
    channel.send(drained=number)


def _tell_state(channel: Channel, held: Sequence[tuple[int, int]], session: Session) -> None:
    channel.send(held=held)
    _tell_outages(channel, session)


def _tell_outages(channel: Channel, session: Session) -> None:
    channel.send(outages=[outage.to_json_value() for outage in session.outages])
