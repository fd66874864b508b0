"""`evolver-tui train`: a session that takes no tasks in, and a training in it whose signals stand in its log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from evolver_tui.engine.process_end import LastResort, told_by_signals
from evolver_tui.engine.session import Session
from evolver_tui.engine.training.trainer import Outcome, Trainer


async def run_training(
    session: Session, make_trainer: Callable[[], Awaitable[Trainer]], cut_off: Callable[[], object]
) -> Outcome | None:
    """Train until all models are done. Ctrl+C, or SIGTERM, has it keep where it is and end.

    Args:
        make_trainer: called once the session is open.
        cut_off: ends the process where a step takes too long for a hurried end; called in another thread.

    Returns:
        What it came to; None where it was asked to end before it began.

    Raises:
        TrainingError: it cannot begin or go on.
        StoreError: the database cannot be used.
    """
    trainer: Trainer | None = None
    is_ending = False
    last_resort = LastResort(cut_off)

    def interrupt() -> None:
        nonlocal is_ending
        is_ending = True
        if trainer is not None:
            trainer.stop()

    def end() -> None:
        interrupt()
        last_resort.arm()

    with told_by_signals(interrupt, end, last_resort):
        await session.open()
        try:
            trainer = await make_trainer()
            # What the database does is not the training's matter: it has its own files, and goes on without a log.
            return None if is_ending else await asyncio.to_thread(trainer.run)
        finally:
            try:
                await session.end()
            finally:
                if is_ending:
                    last_resort.arm()  # whatever is left takes no time
