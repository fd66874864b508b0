"""Who may use the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evolver_tui.adapters.web.access import Access, AccessWords

EVENTS_PATH: Final = "/api/sse"
_WORDS: Final = AccessWords("gateway", "EVOLVER_GATEWAY_TOKEN, or as gateway_token_env says", "gateway_origins")


def gateway_access(host: str, token: str = "", origins: Sequence[str] = ()) -> Access:
    """The gateway's rules. Raises UsageError as `Access` does."""
    return Access(_WORDS, host, token, origins, streams_under=(EVENTS_PATH,))
