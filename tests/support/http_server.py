"""An HTTP server of a test's own."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


def is_clients_doing(error: BaseException | None) -> bool:
    """Whether that is what comes of a client that goes away in mid-answer, or of the server's own end.

    Nothing is said of it: another test may read what is said by then.
    """
    return isinstance(error, OSError) or "closed file" in str(error)


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that go away."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what is no client's doing."""
        if not is_clients_doing(sys.exception()):
            super().handle_error(request, client_address)
