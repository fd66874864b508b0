"""How far a reader of a session's answers has come: what stands in an event's id, so that any gateway can go on there.

Gateways hear the answers of one session in different orders where several are written at once, so that a count of
events would mean something else to each. What one message's latest attempt has released is the same everywhere.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

MOST_MESSAGES: Final = 32
"""That one position tells of."""
OVER: Final = 1_000_000_000
"""Stands for the number of events that a message has which is over."""
_LONGEST: Final = 2_048
_END: Final = "end"
_NOTHING: Final = "none"
"""Stands for no message at all."""
_ENTRY: Final = rf"([\w-]{{8}})\.([1-9]\d{{0,8}})\.(0|[1-9]\d{{0,8}}|{_END})"


class Progress(NamedTuple):
    """How far a message was read. A later one is greater."""

    attempt: int
    events: int
    """That were had of this attempt, or `OVER`."""


Positions = Mapping[str, Progress]
"""By the marks of messages."""


def mark_of(message_id: str) -> str:
    """Eight characters that stand for a message: ids may be long, and hold anything."""
    return urlsafe_b64encode(blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=6).digest()).decode()


def write_position(positions: Positions) -> str:
    """Positions as text; of the latest messages where there are many."""
    if not positions:
        return _NOTHING
    latest = list(positions.items())[-MOST_MESSAGES:]
    return ",".join(f"{mark}.{attempt}.{_END if events == OVER else events}" for mark, (attempt, events) in latest)


def read_position(text: str) -> dict[str, Progress] | None:
    """What `write_position` wrote; None for anything else, also for nothing."""
    if text == _NOTHING:
        return {}
    entries = text.split(",") if len(text) <= _LONGEST else []
    found = [entry for each in entries if (entry := re.fullmatch(_ENTRY, each, re.ASCII))]
    if not found or len(found) != len(entries) or len(found) > MOST_MESSAGES:
        return None
    return {entry[1]: Progress(int(entry[2]), OVER if entry[3] == _END else int(entry[3])) for entry in found}
