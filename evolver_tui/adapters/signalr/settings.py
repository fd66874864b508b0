"""What can be set about a hub link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evolver_tui.core.address import Address
from evolver_tui.core.errors import UsageError
from evolver_tui.settings.proxies import proxy_for

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How a link connects and when it gives up. Times are seconds, sizes are bytes.

    Raises:
        UsageError: a value cannot be; the hub URL itself is read by the link.
    """

    url: Address
    """An http, https, ws or wss URL."""
    method: str = "TaskHub"
    """The client method whose invocations are taken; upper and lower case are the same to SignalR."""
    redirect_hosts: tuple[str, ...] = ()
    """Hosts (`name` or `name:port`) that the hub may redirect to, besides itself."""
    proxy_for: Callable[[str], Address | None] = proxy_for
    """Finds the proxy by which a URL is reached."""
    connect_timeout: float = 15.0
    """From the first packet to the end of the handshake."""
    ping_interval: float = 15.0
    server_timeout: float = 30.0
    """A hub that is silent for so long is gone."""
    frame_limit: int = 32 * MEBIBYTE
    """The largest message that is read."""
    delays: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0, 30.0)
    """Before the first retry, the second, ...; the last one goes on for all further ones."""
    most_retries: int = 10
    takes_samples: bool = True
    """Whether made-up tasks are wanted: a hub that says that it sends such ends the link otherwise."""
    stable_after: float = 30.0
    """A connection that lived so long makes the retries count from zero again."""

    def __post_init__(self) -> None:
        if not self.method.strip():
            raise UsageError("The hub's method has no name.", "Give the client method the hub calls, e.g. TaskHub.")
        for name in ("connect_timeout", "ping_interval", "server_timeout", "frame_limit"):
            if getattr(self, name) <= 0:
                raise UsageError(f"The hub link's {name} must be greater than zero.")
        if not self.delays or min(self.delays) < 0 or self.most_retries < 0 or self.stable_after < 0:
            raise UsageError("The hub link's delays, most_retries and stable_after cannot be negative or missing.")
