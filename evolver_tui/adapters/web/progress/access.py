"""Who may use the progress server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evolver_tui.adapters.web.access import Access, AccessWords

SOCKETS_PATH: Final = "/socket.io/"
EVENTS_PATH: Final = "/api/training/events/"


def progress_access(host: str, token: str, token_variable: str, origins: Sequence[str] = ()) -> Access:
    """The progress server's rules. Raises UsageError as `Access` does.

    Args:
        token_variable: the environment variable that holds the token.
    """
    where = f"{token_variable}, or as token_env of [training] says"
    words = AccessWords("progress server", where, "origins of [training]")
    return Access(words, host, token, origins, open_under=(SOCKETS_PATH,), streams_under=(EVENTS_PATH,))
