"""Asking the model for one word, for whoever wants to know whether it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError

if TYPE_CHECKING:
    from evolver_tui.settings.workspace import Workspace


def try_model(workspace: Workspace) -> tuple[tuple[str, ...], EvolverError | None]:
    """What came of it and what was learned, in sentences, and what was wrong, if anything was. Blocks.

    The offline author has nothing to try: it says so.
    """
    import asyncio

    from evolver_tui.adapters.system_clock import SystemClock
    from evolver_tui.engine.author.trial import try_out
    from evolver_tui.wiring import make_backend

    clock = SystemClock()
    backend = make_backend(workspace, clock)
    if backend.info.is_offline:
        return ("The author is offline: there is no model to try.",), None
    try:
        return asyncio.run(try_out(backend, clock)), None
    except EvolverError as error:
        return backend.info.learned, error
