"""`evolver-tui worker`: a session that takes no tasks in and shows nothing, and works on whatever waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evolver_tui.engine.garbage_collection import spare_what_stays
from evolver_tui.engine.process_end import LastResort, told_by_signals
from evolver_tui.engine.session import Session


async def run_worker(session: Session, cut_off: Callable[[], object]) -> bool:
    """Work until Ctrl+C, then to the next stop of what is held; a second one, or SIGTERM, gives that back at once.

    Args:
        cut_off: ends the process where a hurried end is held up for too long; called in another thread.

    Returns:
        Whether everything came to its stop; False where something was given back to others.

    Raises:
        StoreError: the database cannot be used, or not any longer.
    """
    ending = asyncio.Event()
    gave_back = False
    last_resort = LastResort(cut_off)

    def interrupt() -> None:
        if ending.is_set():
            end()
        ending.set()

    def end() -> None:
        nonlocal gave_back
        gave_back = gave_back or session.workers.is_working
        ending.set()
        if is_open:
            session.interrupt()
        last_resort.arm()

    is_open = False
    session.on_broken = ending.set
    with told_by_signals(interrupt, end, last_resort):
        await session.open()
        is_open = True
        spare_what_stays()
        try:
            await ending.wait()
        finally:
            try:
                await session.end()
            finally:
                last_resort.arm()  # whatever is left takes no time
    if session.broken is not None:
        raise session.broken
    return not gave_back
