"""`evolver-tui progress serve`: a progress server from its beginning to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from evolver_tui.core.signal_catalogue.progress_signals import SERVER_CLOSED, SERVER_OPENED
from evolver_tui.engine.front import Front
from evolver_tui.engine.garbage_collection import spare_what_stays
from evolver_tui.engine.process_end import service_end
from evolver_tui.engine.signals import SignalBus
from evolver_tui.engine.training.progress_hub import ProgressHub
from evolver_tui.engine.training.run_files import RunFilesFollower


class OpenedStore(Protocol):
    """The database."""

    async def open(self) -> None:
        """Open it. Raises StoreError."""

    async def close(self) -> None:
        """Commit what was accepted, and let go of it."""


class ServedTraining(NamedTuple):
    """All that a progress server is made of."""

    hub: ProgressHub
    front: Front
    files: RunFilesFollower
    store: OpenedStore
    bus: SignalBus


async def run_progress(made: ServedTraining, tell_url: Callable[[str], None], cut_off: Callable[[], object]) -> bool:
    """Serve until Ctrl+C or SIGTERM.

    Args:
        tell_url: hears where it is found, once it is.
        cut_off: ends the process where its end is held up; called in another thread.

    Returns:
        Whether it was told to end by others than Ctrl+C.

    Raises:
        UsageError: it cannot listen there.
        StoreError: the database cannot be opened.
    """
    with service_end(cut_off) as end:
        await made.store.open()
        try:
            await made.hub.open()
            await made.front.start()
            made.files.open()
            tell_url(made.front.url)
            made.bus.emit(SERVER_OPENED({"url": made.front.url}))
            spare_what_stays()
            await end.asked_for()
        finally:
            end.begin()
            made.front.take_no_more()
            await made.files.close()
            await made.hub.close()
            await made.front.close()
            await made.store.close()
    made.bus.emit(SERVER_CLOSED({}))
    return not end.is_interrupt
