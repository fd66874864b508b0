"""The terminal in another program's hands, with the console out of the way and the session going on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from textual.app import App, SuspendNotSupported

from evolver_tui.core.errors import EvolverError


async def run_in_terminal(app: App[Any], words: Sequence[str], what: str) -> None:
    """Let a program have the terminal until it ends.

    Args:
        words: the program and its arguments.
        what: what a person calls it, at the beginning of a sentence.

    Raises:
        EvolverError: there is no terminal, or the program did not end well.
        OSError: it cannot be started.
    """
    with _lent(app, what):
        process = await asyncio.create_subprocess_exec(*words)
        code = await process.wait()
    if code != 0:
        how = f"ended with code {code}" if code > 0 else f"was stopped by signal {-code}"
        raise EvolverError(f"{what} {how}.", "Nothing was changed.")


@contextlib.contextmanager
def _lent(app: App[Any], what: str) -> Iterator[None]:
    """Give the terminal away: nothing is drawn, and ctrl+c belongs to the program, as the console knows."""
    if app.is_headless:
        yield
        return
    try:
        with app.batch_update(), app.suspend():
            yield
    except SuspendNotSupported:
        raise EvolverError(f"{what} needs a terminal.", "Start the console in one.") from None
