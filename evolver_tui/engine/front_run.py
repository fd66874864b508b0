"""`evolver-tui serve`: a server from its beginning to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from evolver_tui.engine.front import Front
from evolver_tui.engine.process_end import service_end


async def serve_front(
    front: Front, tell_url: Callable[[str], None], let_go: Callable[[], Awaitable[None]], cut_off: Callable[[], object]
) -> bool:
    """Serve until Ctrl+C or SIGTERM.

    Args:
        tell_url: hears where it is found, once it is.
        let_go: ends what was begun for those who are connected, before they are.
        cut_off: ends the process where its end is held up; called in another thread.

    Returns:
        Whether it was told to end by others than Ctrl+C.

    Raises:
        UsageError: it cannot listen there.
    """
    with service_end(cut_off) as end:
        await front.start()
        tell_url(front.url)
        try:
            await end.asked_for()
        finally:
            end.begin()
            front.take_no_more()
            await let_go()
            await front.close()
    return not end.is_interrupt
