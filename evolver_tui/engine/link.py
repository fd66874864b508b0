"""What the engine needs of a link to a hub, and what a link tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evolver_tui.core.address import Address
from evolver_tui.core.link_state import LinkState


class Link(Protocol):
    """One supervised subscription to a hub. It reconnects by itself and never raises for what a hub does."""

    @property
    def state(self) -> LinkState:
        """The state now."""

    async def run(self) -> None:
        """Connect and stay connected until `close` or a reason to end for good; then return."""

    def retry_now(self) -> None:
        """Cut the wait before the next attempt, or start again after an end. Callable from the loop's thread."""

    async def close(self) -> None:
        """Hang up; returns within two seconds."""


class LinkListener(Protocol):
    """Who is told what a link hears."""

    def message(self, arguments: Sequence[object]) -> None:
        """One invocation of the subscribed method, with its arguments.

        Called in the link's receive thread. May block: while it does, nothing more is read from the hub, so that the
        hub's own flow control holds the rest back.
        """

    def state_changed(self, state: LinkState) -> None:
        """The link's state changed. Called in the loop's thread."""

    def unusable(self, problem: str) -> None:
        """Something arrived that is not SignalR or not for us; the link lives on. Called in any thread."""

    def unheard(self, method: str, subscribed: str) -> None:
        """The hub called another method than the subscribed one. Called in the link's receive thread, each time."""


class LinkMaker(Protocol):
    """Makes links."""

    def __call__(self, url: Address, listener: LinkListener, *, takes_samples: bool = True) -> Link:
        """A link to an address. Raises UsageError for a URL that cannot be a hub's.

        Args:
            takes_samples: whether made-up tasks are wanted; False ends the link at a hub that says that it sends such.
        """
