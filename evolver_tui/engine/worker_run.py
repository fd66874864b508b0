"""`evolver-tui worker`: a session that takes no tasks in and shows nothing, and works on whatever waits."""

from __future__ import annotations

import asyncio
import signal as process_signal

from evolver_tui.core.errors import StoreError
from evolver_tui.engine.garbage_collection import spare_what_stays
from evolver_tui.engine.session import Session


async def run_worker(session: Session) -> bool:
    """Work until SIGINT or SIGTERM, then to the next stop of what is held; a second one gives that back at once.

    Returns:
        Whether everything came to its stop; False where a second signal left something to others.

    Raises:
        StoreError: the database cannot be used, or not any longer.
    """
    ending = asyncio.Event()
    was_interrupted = False

    def end() -> None:
        nonlocal was_interrupted
        if ending.is_set():
            was_interrupted = True
            session.interrupt()
        ending.set()

    loop = asyncio.get_running_loop()
    session.on_broken = ending.set
    await session.open()
    for number in (process_signal.SIGINT, process_signal.SIGTERM):
        loop.add_signal_handler(number, end)
    spare_what_stays()
    try:
        await ending.wait()
    finally:
        try:
            await session.close()
        except StoreError as error:
            raise session.broken or error from None
        finally:
            for number in (process_signal.SIGINT, process_signal.SIGTERM):
                loop.remove_signal_handler(number)
    if session.broken is not None:
        raise session.broken
    return not was_interrupted
