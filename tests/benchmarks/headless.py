"""A process with the console's session and no console: `python -m tests.benchmarks.headless HUB_URL`."""

from __future__ import annotations

import asyncio
import os
import sys

from evolver_tui.core.address import Address
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.wiring import make_session


async def run(hub_url: str) -> None:
    """Open the session, connect (with an empty URL: do not), and go on until killed."""
    place = find_workspace(None, None, None, os.environ)
    place.paths.create()
    session = make_session(place)
    await session.open()
    if hub_url:
        await session.connect(Address(hub_url))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
