"""The progress server: all ways in which training sessions are told and watched, at one port."""

from __future__ import annotations

from collections.abc import Callable

from evolver_tui.adapters.web.access import Access
from evolver_tui.adapters.web.progress.app import make_app
from evolver_tui.adapters.web.progress.event_room import MOST_READERS, EventRoom
from evolver_tui.adapters.web.progress.socket_room import MOST_CONNECTIONS, SocketRoom
from evolver_tui.adapters.web.server import ServerTerms, WebServer
from evolver_tui.engine.training.progress_hub import ProgressHub

_SPARE_CONNECTIONS = 500
"""Beside those that watch."""


class ProgressServer(WebServer):
    """Serves a hub. `start` it in the hub's loop.

    Args:
        fault: hears of a mistake of ours, which costs one request.
        dropped: hears why a connection was ended.
    """

    def __init__(
        self, hub: ProgressHub, access: Access, port: int, *, fault: Callable[[BaseException], None],
        dropped: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._sockets = SocketRoom(hub, access, fault, dropped)
        self._events = EventRoom(hub, dropped)
        hub.audiences += [self._sockets, self._events]
        terms = ServerTerms(
            port, "host and port under [training]", MOST_CONNECTIONS + MOST_READERS + _SPARE_CONNECTIONS,
            takes_sockets=True,
        )  # fmt: skip
        super().__init__(make_app(hub, access, self._sockets, self._events, fault), access, terms)

    async def start(self) -> None:
        """Listen. Raises UsageError where that cannot be done."""
        await super().start()
        self._sockets.open()

    def take_no_more(self) -> None:
        """Close the door: whoever comes is refused, and comes back or goes elsewhere."""
        self._sockets.is_ending = True
        super().take_no_more()

    async def close(self) -> None:
        """End what is still served."""
        self.take_no_more()
        self._events.close()
        await self._sockets.close()
        await super().close()
