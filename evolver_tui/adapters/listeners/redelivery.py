"""Sending again what webhooks could not deliver."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from evolver_tui.adapters.listeners.dead_letters import DeadLetters
from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Redelivery:
    """What came of the dead letters of one listener."""

    listener: str
    delivered: int
    remaining: int
    unreadable: int
    """Lines that hold no message."""
    reason: str
    """Why the last one that was tried was not delivered; empty where all were, or none was tried."""


def redeliver(
    listener: str,
    letters: DeadLetters,
    endpoint: Endpoint,
    limit: int | None,
    wait: Callable[[float], None] = time.sleep,
) -> Redelivery:
    """Post dead letters once more in their order, under their ids, and take away what was delivered.

    An endpoint that does not answer, or does not want more for now, is asked for the rest once it took something and
    only after the time that it wants; else the rest is left. What a console puts aside meanwhile stays.

    Args:
        limit: how many are tried; None tries all.
        wait: waits for seconds.

    Raises:
        OSError: the file cannot be read or written.
    """
    delivered: set[str] = set()
    found = tried = unreadable = 0
    reason, is_reachable = "", True
    try:
        for message in letters.read():
            if message is None:
                unreadable += 1
                continue
            found += 1
            if message.id in delivered:  # put aside twice
                found -= 1
            elif is_reachable and (limit is None or tried < limit):
                tried += 1
                outcome = endpoint.post(message)
                if outcome.kind == "retry" and delivered:  # a connection that was idle, or too many at once
                    wait(outcome.wait)
                    outcome = endpoint.post(message)
                if outcome.kind == "delivered":
                    delivered.add(message.id)
                else:
                    reason, is_reachable = outcome.reason, outcome.kind == "refused"
    finally:
        letters.remove(delivered)
        letters.close()
        endpoint.close()
    return Redelivery(listener, len(delivered), found - len(delivered), unreadable, reason)
