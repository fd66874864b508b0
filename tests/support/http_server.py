"""An HTTP server of a test's own."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a client that goes away in mid-answer: another test may read what is said by then."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what is no client's doing."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
