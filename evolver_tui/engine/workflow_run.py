"""`evolver-tui workflow serve`: a session that takes no tasks in and shows nothing, and answers chats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from evolver_tui.engine.garbage_collection import hand_back_memory, spare_what_stays
from evolver_tui.engine.process_end import LastResort, told_by_signals
from evolver_tui.engine.session import Session
from evolver_tui.engine.workflow.service import WorkflowService

_SECONDS_TO_FINISH: Final = 4.0
"""How long answers may still take after SIGTERM, of the eight seconds that its end may take in all."""


async def run_workflow(session: Session, service: WorkflowService, cut_off: Callable[[], object]) -> bool:
    """Answer until Ctrl+C, then what is held; a second one gives that up at once, SIGTERM after four seconds.

    Args:
        service: is opened after the session, and closed before it.
        cut_off: ends the process where a hurried end is held up for too long; called in another thread.

    Returns:
        Whether every request that was held came to its end.

    Raises:
        StoreError: the database cannot be used, or not any longer.
        BrokerError, RegistryError: NATS or Redis refuses who asks.
    """
    ending = asyncio.Event()
    gave_up = False
    last_resort = LastResort(cut_off)
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if ending.is_set():
            give_up()
        ending.set()

    def give_up() -> None:
        nonlocal gave_up
        gave_up = gave_up or bool(service.held)
        service.interrupt()
        session.interrupt()

    def end() -> None:
        ending.set()
        last_resort.arm()
        loop.call_later(_SECONDS_TO_FINISH, give_up)

    session.on_broken = ending.set
    with told_by_signals(interrupt, end, last_resort):
        await session.open()
        try:
            await service.open()
            spare_what_stays()
            hand_back_memory()
            try:
                await ending.wait()
            finally:
                await service.close()
        finally:
            try:
                await session.end()
            finally:
                last_resort.arm()  # whatever is left takes no time
    if session.broken is not None:
        raise session.broken
    return not gave_up
