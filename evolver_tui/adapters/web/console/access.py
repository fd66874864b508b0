"""Who may use the console in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evolver_tui.adapters.web.access import Access, AccessWords

STATIC_PATH: Final = "/static/"
SOCKET_PATH: Final = "/ws/"


def console_access(host: str, token: str, token_variable: str, origins: Sequence[str] = ()) -> Access:
    """The rules. There is always a token: other users of this machine reach its loopback as well.

    Args:
        token_variable: the environment variable that a token can be set by.

    Raises:
        UsageError: an origin is none.
    """
    words = AccessWords("console's server", token_variable, "--origin")
    return Access(words, host, token, origins, open_under=(STATIC_PATH, SOCKET_PATH))
