"""Watching sources of training runs in tests: wait until they show something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from evolver_tui.engine.training.source import RunSource

MOST_LOOKS = 2_000
"""Only what hangs takes so many."""


@asynccontextmanager
async def opened(source: RunSource) -> AsyncIterator[RunSource]:
    """The source, open for as long as the block lasts."""
    await source.open()
    try:
        yield source
    finally:
        await source.close()


async def until(is_so: Callable[[], object], what: str = "") -> None:
    """Wait until something is so; it is looked at whenever the loop had a turn."""
    for _ in range(MOST_LOOKS):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"it did not happen: {what or is_so}")
