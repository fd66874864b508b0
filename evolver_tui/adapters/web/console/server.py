"""The server of the console in a browser."""

from __future__ import annotations

from collections.abc import Callable

from evolver_tui.adapters.web.access import Access
from evolver_tui.adapters.web.console.app import make_app
from evolver_tui.adapters.web.console.consoles import Consoles
from evolver_tui.adapters.web.server import ServerTerms, WebServer

_CONNECTIONS = 100
"""Those that ask for the page among them."""
_LONGEST_MESSAGE = 4 * 1024 * 1024
"""What is pasted is one message."""


class ConsoleServer(WebServer):
    """Serves consoles. `start` it in the loop that it shall live in.

    Args:
        fault: hears of a mistake of ours, which costs one request.
    """

    def __init__(
        self, consoles: Consoles, access: Access, port: int, *, fault: Callable[[BaseException], None]
    ) -> None:
        terms = ServerTerms(
            port, "0 for any that is free", _CONNECTIONS, takes_sockets=True, longest_message=_LONGEST_MESSAGE
        )
        super().__init__(make_app(consoles, access, fault), access, terms)
