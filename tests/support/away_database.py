"""A console on a database that can be taken away."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evolver_tui.tui.modals import ConnectModal
from evolver_tui.wiring import make_session
from tests.support.boxes import SteadySandbox
from tests.support.desk_fixtures import Console, console
from tests.support.servers import PostgreSQLServer
from tests.support.sessions import workspace_in
from tests.support.waiting_fixtures import until_back


@asynccontextmanager
async def console_on(folder: Path, server: PostgreSQLServer, code: str = "") -> AsyncIterator[Console]:
    """A console on a new database of this server; `code` is what its editor writes."""
    place = workspace_in(folder, database=server.new_database())
    script = f"import sys; open(sys.argv[1], 'a').write({code!r})"
    settings = {
        "make": lambda: make_session(place, pace=0.0, sandbox=SteadySandbox()),
        "editor": lambda: (sys.executable, "-c", script),
    }
    async with console(folder, **settings) as desk:  # type: ignore[arg-type]
        await desk.until_open(ConnectModal)
        await desk.press("escape")
        await until_back(desk)
        yield desk
