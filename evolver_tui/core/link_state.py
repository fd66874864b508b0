"""How the link to a hub stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from evolver_tui.core.address import Address

LinkPhase = Literal["idle", "connecting", "connected", "waiting", "ended", "closed"]
"""`waiting`: between two attempts. `ended`: the hub said no for good or ten retries failed. `closed`: we hung up."""

SAMPLE_TASKS: Final = "evolverSampleTasks"
"""What a hub of ours says, as a further key of its answer to the handshake, where its tasks are made up."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the hub pane shows. Times are seconds since 1970."""

    phase: LinkPhase
    url: Address
    since: float
    retries: int = 0
    reason: str = ""
    """Why it is waiting or ended, in words, without secrets; while connected, why not by WebSockets."""
    retry_at: float | None = None
    ping_ms: float | None = None
    """Round trip of the last transport ping; None where the hub answers none."""
    transport: str = ""
    """How it is connected, as people say it: WebSockets, Server-Sent Events or long polling."""
    is_sample: bool = False
    """Whether it ended because the hub's tasks are made up, and nobody said that they are wanted."""
